"""How a version's files fall into 64 segments, its functions into one each, and what a segment is called."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .functions import Function
from .json import Json, canonical
from .manifests import File

COUNT = 64
DIGEST_LENGTH = 8
ZIP_TYPE = "application/zip"
_PATH_AT = 3  # In a key, after app, `s` and digest.

# https://datatracker.ietf.org/doc/html/draft-eastlake-fnv: offset basis and prime for 32 bits.
_FNV_OFFSET = 0x811C9DC5
_FNV_PRIME = 0x01000193

IMMUTABLE = "immutable"
REVALIDATE = "revalidate"
_MAY_BE_FINGERPRINT = re.compile(r"[.\-_]([0-9a-f]{8,64}|[A-Za-z0-9_-]{8})(?=\.)")
_TURN = re.compile(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")


def segment_of(path: str) -> int:
    """Return the segment, 0 to 63, of a path: 32-bit FNV-1a of its UTF-8 bytes, modulo 64."""
    value = _FNV_OFFSET
    for byte in path.encode():
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return value % COUNT


def cache_class(path: str, content_type: str) -> str:
    """Return how long a browser may keep a file: fingerprinted names for ever, all else is revalidated.

    Pages are never immutable, whatever their name: a document must follow its pointer.
    """
    page = content_type.startswith("text/html")
    return IMMUTABLE if not page and _is_fingerprinted(path.rpartition("/")[2]) else REVALIDATE


def _is_fingerprinted(name: str) -> bool:
    """A digest goes from letters to digits and back; dates, numbers and words with a number (IMG_1234) do not.

    In doubt a name is none: a fingerprint that is missed costs a question, a name that is taken for one is never
    asked for again.
    """
    return any(len(_TURN.findall(part)) > 1 for part in _MAY_BE_FINGERPRINT.findall(name))


@dataclass(frozen=True, slots=True)
class Segment:
    """The files of one version that share a segment number; `files` are in path order.

    The segments of `functions` come after the 64, with the zip as their only file. What a program is run with counts
    in their digest: so a digest names a program, which is published, shared and deleted as the segment is.
    """

    number: int
    files: tuple[File, ...]
    salt: int = 0
    function: Function | None = None

    @property
    def sha256(self) -> str:
        """Return the SHA-256, as 64 hex digits, of the canonical list of the files."""
        listed: list[Json] = [[f.path, f.sha256, f.type, cache_class(f.path, f.type)] for f in self.files]
        if self.function:
            listed.append(self.function.configuration)
        return hashlib.sha256(canonical([*listed, self.salt] if self.salt else listed)).hexdigest()

    @property
    def digest(self) -> str:
        """Return the name under which the segment is stored: 8 characters of base64url."""
        return base64.urlsafe_b64encode(bytes.fromhex(self.sha256))[:DIGEST_LENGTH].decode()


def split(files: Iterable[File]) -> tuple[Segment, ...]:
    """Return the 64 segments of `files`, in order of their number."""
    groups: list[list[File]] = [[] for _ in range(COUNT)]
    for file in sorted(files, key=lambda f: f.path):
        groups[segment_of(file.path)].append(file)
    return tuple(Segment(number, tuple(group)) for number, group in enumerate(groups))


def of_functions(functions: Iterable[Function]) -> tuple[Segment, ...]:
    """Return the segments that hold the zips of `functions`, in their order."""
    return tuple(
        Segment(COUNT + at, (File(function.zip, function.size, function.sha256, ZIP_TYPE),), function=function)
        for at, function in enumerate(functions)
    )


def join(digests: Sequence[str]) -> str:
    """Return 64 digests as the one string of 512 characters that a route carries."""
    return "".join(digests)


def unjoin(text: str) -> tuple[str, ...]:
    """Return the 64 digests of a joined string, in order of their segment number."""
    return tuple(text[at : at + DIGEST_LENGTH] for at in range(0, len(text), DIGEST_LENGTH))


def object_key(app: str, digest: str, path: str) -> str:
    """Return the key under which the file at `path` of a segment is stored."""
    return f"{app}/s/{digest}/{path}"


def digest_in(key: str) -> str:
    """Return the digest of the segment that a key is of."""
    return key.split("/", _PATH_AT)[_PATH_AT - 1]


def prefix_in(key: str) -> str:
    """Return the prefix that a key shares with its segment's others; the key itself if it is of no segment."""
    *parts, path = key.split("/", _PATH_AT)
    return key.removesuffix(path) if len(parts) == _PATH_AT else key


def path_in(key: str) -> str:
    """Return the path of the file that is stored under a key."""
    return key.split("/", _PATH_AT)[_PATH_AT]


def prefix(app: str, digest: str) -> str:
    """Return the prefix that the keys of a segment's files, and no others, share."""
    return f"{app}/s/{digest}/"
