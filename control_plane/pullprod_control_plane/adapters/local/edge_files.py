"""The files that the local edge serves: read off the event loop where they are large, compressed once."""

from __future__ import annotations

import asyncio
import gzip
import os
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

CHUNK = 256 * 1024
# Below this a read from the page cache takes less time than a thread takes to wake up.
_SMALL = 64 * 1024

_CACHE_BYTES = 64 * 1024**2
_GZIP_LEVEL = 6


class ServedObject(Protocol):
    """A stored file, and what is promised of it. `size` and `sha256` are of the bytes at `path`."""

    @property
    def path(self) -> Path:
        """Where the bytes are."""

    @property
    def size(self) -> int:
        """How many there are."""

    @property
    def sha256(self) -> str:
        """Their SHA-256 as hex digits, which makes the ETag."""

    @property
    def content_type(self) -> str:
        """Their Content-Type."""

    @property
    def cache_control(self) -> str:
        """Their Cache-Control."""


class Vanished(Exception):
    """The file is not there any more, or is not what the store says it is: pruned or damaged meanwhile."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """`length` bytes of an open file, from its current position. Whoever has it reads `chunks` to the end or closes."""

    file: BinaryIO
    length: int

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the part in pieces and close the file; end early, without an error, where the file ends early."""
        left = self.length
        with self.file as file:
            while left:
                chunk = await asyncio.to_thread(file.read, min(CHUNK, left))
                if not chunk:
                    return
                left -= len(chunk)
                yield chunk

    def close(self) -> None:
        """Close the file, read or not."""
        self.file.close()


async def open_part(served: ServedObject, part: range) -> bytes | FilePart:
    """Return the bytes of `part` if they are few, else the open file; raise Vanished if it is not as promised."""
    if len(part) <= _SMALL:
        file = _open(served, part.start)
        with file:
            content = file.read(len(part))
        if len(content) != len(part):
            raise Vanished(str(served.path))
        return content
    return FilePart(await asyncio.to_thread(_open, served, part.start), len(part))


def _open(served: ServedObject, start: int) -> BinaryIO:
    try:
        file = served.path.open("rb")
    except OSError as error:
        raise Vanished(str(served.path)) from error
    if os.fstat(file.fileno()).st_size != served.size:
        file.close()
        raise Vanished(str(served.path))
    file.seek(start)
    return file


class CompressedFiles:
    """The gzip form of files, kept in memory by their SHA-256; the least recently used go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    async def get(self, served: ServedObject) -> bytes:
        """Return the gzip form of a file; raise Vanished if it is not as promised."""
        if served.sha256 in self._kept:
            self._kept.move_to_end(served.sha256)
            return self._kept[served.sha256]
        content = _compress(served) if served.size <= _SMALL else await asyncio.to_thread(_compress, served)
        self._keep(served.sha256, content)
        return content

    def _keep(self, sha256: str, content: bytes) -> None:
        # Two requests may have compressed the same file at once.
        if sha256 in self._kept:
            return
        self._kept[sha256] = content
        self._bytes += len(content)
        while self._bytes > _CACHE_BYTES:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped)


def _compress(served: ServedObject) -> bytes:
    with _open(served, 0) as file:
        content = file.read(served.size)
    if len(content) != served.size:
        raise Vanished(str(served.path))
    # Without a time in it, the same file has the same bytes whenever it is compressed: its ETag promises that.
    return gzip.compress(content, compresslevel=_GZIP_LEVEL, mtime=0)
