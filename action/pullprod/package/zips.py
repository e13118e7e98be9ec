"""Zips of functions: the same files make the same bytes, whenever and wherever they are zipped."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from pathlib import Path

from ..errors import UsageError
from .digest import PackagedFile, digest_of
from .walk import MAX_ENTRIES, walk

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_ZIP_BYTES = 50 * 1024**2
MAX_UNZIPPED_BYTES = 250 * 1024**2
_EPOCH = (1980, 1, 1, 0, 0, 0)  # The first moment that a zip can name.
_UNIX = 3
_LEVEL = 6


def package_function(name: str, source: Path, workspace: Path) -> PackagedFile:
    """Return the zip of a function: `source` itself if it is a file, else what is in it, zipped into `workspace`.

    Raises:
        UsageError: something in it cannot be published, or it is larger than a function may be.
    """
    file = source if source.is_file() else _zipped(source, workspace / f"{name}.zip")
    _check(name, file)
    size, sha256 = digest_of(f"{name}.zip", file)
    return PackagedFile(f"{name}.zip", size, sha256, "application/zip", file)


def _zipped(directory: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for path, file in walk(directory):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.create_system = _UNIX
            entry.compress_type = zipfile.ZIP_DEFLATED
            runs = os.stat(file).st_mode & stat.S_IXUSR  # noqa: PTH116 - follows links, as open does.
            entry.external_attr = (stat.S_IFREG | (0o755 if runs else 0o644)) << 16
            with file.open("rb") as source, archive.open(entry, "w", force_zip64=False) as packed:
                shutil.copyfileobj(source, packed)
    return target


def _check(name: str, file: Path) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (OSError, zipfile.BadZipFile) as fault:
        raise UsageError(f"The zip of the function {name}, {file}, cannot be read: {fault}.") from fault
    for size, limit, what in (
        (file.stat().st_size, MAX_ZIP_BYTES, "bytes as a zip"),
        (sum(entry.file_size for entry in entries), MAX_UNZIPPED_BYTES, "bytes unzipped"),
        (len(entries), MAX_ENTRIES, "files and directories"),
    ):
        if size > limit:
            raise UsageError(
                f"The function {name} has {size:,} {what}; {limit:,} are possible. Leave out what it does not need."
            )
