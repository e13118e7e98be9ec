"""Zips of functions: whether they can run on this machine, and their files in a directory."""

from __future__ import annotations

import importlib.util
import io
import stat
import sys
import zipfile
from pathlib import Path

from ...domain.errors import FunctionRefused
from ...domain.functions import MAX_UNZIPPED_BYTES, Function

# AWS's own runtime interface client, and what it imports. Beside these and its zip, a function finds nothing:
# what it forgot to pack would be missed on AWS as well.
_CLIENT = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")


def check(function: Function, body: bytes) -> None:
    """Raise FunctionRefused unless `body` is a zip of a function that this machine can run."""
    if not function.runtime.startswith("python"):
        raise _refused(function, f"runs on {function.runtime}; here only Python runtimes run. It would run on AWS")
    if importlib.util.find_spec("runtime_client") is None:
        raise _refused(function, f"needs awslambdaric, which is not installed here ({sys.platform}); Linux has it")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entries = archive.infolist()
    except zipfile.BadZipFile as fault:
        raise _refused(function, f"has no valid zip: {fault}") from fault
    if sum(entry.file_size for entry in entries) > MAX_UNZIPPED_BYTES:
        raise _refused(function, f"has more than {MAX_UNZIPPED_BYTES // 1024**2} MB unzipped")


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


def _refused(function: Function, why: str) -> FunctionRefused:
    return FunctionRefused(f"The function {function.name} {why}.", function=function.name)
