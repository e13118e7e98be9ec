"""Hashing the files of a version, in parallel."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from .types import content_type
from .walk import NOT_FOR_VIEWERS, walk

_CHUNK = 1024 * 1024
_THREADS = min(8, (os.cpu_count() or 1) * 2)


@dataclass(frozen=True)
class PackagedFile:
    """A file of a version, and where its bytes are on this machine."""

    path: str
    size: int
    sha256: str
    type: str
    source: Path


def package(directory: Path, on_hashed: Callable[[int], None] = lambda _: None) -> list[PackagedFile]:
    """Return every file to publish from `directory`, in order; `on_hashed` is told the size of each as it is read.

    Raises:
        UsageError: something in the directory cannot be published.
    """
    listed = walk(directory, NOT_FOR_VIEWERS)

    def hashed(entry: tuple[str, Path]) -> PackagedFile:
        path, source = entry
        size, digest = digest_of(path, source)
        on_hashed(size)
        return PackagedFile(path, size, digest, content_type(path), source)

    threads = ThreadPoolExecutor(_THREADS)
    try:
        return list(threads.map(hashed, listed))
    finally:
        # After Ctrl-C nobody waits for what is still being read.
        threads.shutdown(wait=False, cancel_futures=True)


def digest_of(path: str, source: Path) -> tuple[int, str]:
    """Return size in bytes and SHA-256 of a file; `path` is what an error calls it."""
    digest, size = hashlib.sha256(), 0
    try:
        with source.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except OSError as fault:
        raise UsageError(f"The file {path!a} cannot be read: {fault.strerror}.") from fault
    return size, digest.hexdigest()
