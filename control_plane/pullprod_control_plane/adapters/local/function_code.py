"""Zips of functions: whether they can run on this machine, and their files in a directory."""

from __future__ import annotations

import importlib.util
import io
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from ...domain.errors import FunctionRefused
from ...domain.functions import MAX_UNZIPPED_BYTES, MAX_UNZIPPED_PATHS, Function
from ...domain.manifests import MAX_PATH_BYTES

# AWS's own runtime interface client, and what it imports. Beside these and its zip, a function finds nothing:
# what it forgot to pack would be missed on AWS as well.
_CLIENT = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")

_ENTRY = b"PK\x01\x02"  # What each entry of a zip's list begins with.
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # Python's zipfile unfolds others at once, to any size.
_ENCRYPTED = 0x1
_MAX_NAME_BYTES = 255  # Of Linux.
_INVALID = (zipfile.BadZipFile, NotImplementedError, UnicodeError, EOFError, zlib.error)


def check(function: Function, body: bytes) -> None:
    """Raise FunctionRefused unless `body` is a zip of a function that this machine can run."""
    if not function.runtime.startswith("python"):
        raise _refused(function, f"runs on {function.runtime}; here only Python runtimes run. It would run on AWS")
    if importlib.util.find_spec("runtime_client") is None:
        raise _refused(function, f"needs awslambdaric, which is not installed here ({sys.platform}); Linux has it")
    if body.count(_ENTRY) > MAX_UNZIPPED_PATHS:  # Asked first: the list of a million takes seconds and a gigabyte.
        raise _has_too_many(function)
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            _check_entries(function, archive.infolist())
            damaged = archive.testzip()
    except _INVALID as fault:
        raise _refused(function, f"has no valid zip: {fault}") from fault
    if damaged:
        raise _refused(function, f"has no valid zip: {damaged!a} is damaged")


def _check_entries(function: Function, entries: Sequence[zipfile.ZipInfo]) -> None:
    for entry in entries:
        shown = ascii(entry.filename[:120])
        if entry.compress_type not in _METHODS or entry.flag_bits & _ENCRYPTED:
            raise _refused(function, f"has {shown} encrypted or compressed otherwise than by deflate in its zip")
        path = entry.filename.encode()
        if len(path) > MAX_PATH_BYTES or max(map(len, path.split(b"/"))) > _MAX_NAME_BYTES:
            raise _refused(
                function,
                f"has {shown} in its zip; a path has at most {MAX_PATH_BYTES} bytes, and a name {_MAX_NAME_BYTES}",
            )
    if sum(entry.file_size for entry in entries) > MAX_UNZIPPED_BYTES:
        raise _refused(function, f"has more than {MAX_UNZIPPED_BYTES // 1024**2} MB unzipped")
    if any(islice(_unzipped(entries), MAX_UNZIPPED_PATHS, None)):
        raise _has_too_many(function)


def _unzipped(entries: Iterable[zipfile.ZipInfo]) -> Iterator[str]:
    """Yield each file and each directory, named or not, that would be made, once."""
    seen = {""}
    for entry in entries:
        path = entry.filename.rstrip("/")
        while path not in seen:
            seen.add(path)
            yield path
            path = path.rpartition("/")[0]


def unzip(body: bytes, directory: Path) -> None:
    """Write the files of a checked zip below `directory`, and none elsewhere: `zipfile` drops `..` and roots."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        for entry in archive.infolist():
            written = Path(archive.extract(entry, directory))
            if not entry.is_dir() and entry.external_attr >> 16 & stat.S_IXUSR:
                written.chmod(0o755)


def lay_client(directory: Path) -> None:
    """Link the runtime interface client, and it alone, into `directory`."""
    directory.mkdir()
    for name in _CLIENT:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise RuntimeError(f"{name} is not installed: install pullprod[server] anew.")
        found = Path(spec.origin)
        source = found.parent if spec.submodule_search_locations else found
        (directory / source.name).symlink_to(source)


def _has_too_many(function: Function) -> FunctionRefused:
    return _refused(function, f"has more than {MAX_UNZIPPED_PATHS:,} files and directories in its zip")


def _refused(function: Function, why: str) -> FunctionRefused:
    return FunctionRefused(f"The function {function.name} {why}.", function=function.name)
