"""How a version's files fall into 64 segments, its functions into one each, and what a segment is called.

A version whose files differ little from another's has the other's segments, all 64, and one of its own beside them, its
patch. Paths fall into 8,192 slots, too, 128 in each segment. The patch says of which slots it has the files: for
paths in those, no other segment is asked. It is written as its digest, then three characters for each slot.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from .functions import Function
from .json import Json, canonical
from .manifests import File

COUNT = 64
SLOTS = 8_192
MAX_PATCHED = 64  # Slots of a patch.
SLOT_LENGTH = 3
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


@lru_cache(maxsize=32_768)  # A publish asks several times for each of its paths.
def slot_of(path: str) -> int:
    """Return the slot, 0 to 8,191, of a path: 32-bit FNV-1a of its UTF-8 bytes, modulo 8,192."""
    value = _FNV_OFFSET
    for byte in path.encode():
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return value % SLOTS


def segment_of(path: str) -> int:
    """Return the segment, 0 to 63, of a path: its slot modulo 64."""
    return slot_of(path) % COUNT


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


@dataclass(frozen=True)
class Segment:
    """Files of one version that are stored together; `files` are in path order.

    A patch comes after the 64, then the segments of functions, with the zip as their only file. What a program is run
    with counts in their digest: so a digest names a program, which is published, shared and deleted as the segment is.
    """

    number: int
    files: tuple[File, ...]
    salt: int = 0
    function: Function | None = None

    @cached_property
    def sha256(self) -> str:
        """The SHA-256, as 64 hex digits, of the canonical list of the files."""
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
        Segment(COUNT + 1 + at, (File(function.zip, function.size, function.sha256, ZIP_TYPE),), function=function)
        for at, function in enumerate(functions)
    )


def patch(files: Iterable[File], like: Iterable[File], slots: Iterable[int]) -> tuple[Segment, frozenset[int]]:
    """Return the patch with which a version of `files` has the segments of one of the files `like`, and its slots.

    `slots` are those of the other's patch: what its segments have there is neither's.
    """
    own = frozenset(files)
    patched = frozenset(slots) | {slot_of(file.path) for file in own.symmetric_difference(like)}
    stored = sorted((file for file in own if slot_of(file.path) in patched), key=lambda f: f.path)
    return Segment(COUNT, tuple(stored)), patched


def write_patch(digest: str, slots: Iterable[int]) -> str:
    """Return a patch as versions and routes carry it; one of no slots is none.

    The characters of a slot are of three sets, so that none is found across two others; JSON escapes none of them.
    """
    written = "".join(
        chr(48 + (slot >> 8)) + chr(93 + (slot >> 3 & 31)) + chr(80 + (slot & 7)) for slot in sorted(slots)
    )
    return digest + written if written else ""


def read_patch(text: str) -> tuple[str, frozenset[int]]:
    """Return the digest and the slots of a patch, as `write_patch` took them; of no patch neither."""
    written = text[DIGEST_LENGTH:].encode()
    slots = zip(*(written[at::SLOT_LENGTH] for at in range(SLOT_LENGTH)), strict=True)
    return text[:DIGEST_LENGTH], frozenset((a - 48) << 8 | (b - 93) << 3 | (c - 80) for a, b, c in slots)


def places(joined: str, patched: str) -> Callable[[str], str]:
    """Return what tells the digest of the segment in which a version has the file at a path."""
    digests = unjoin(joined)
    digest, slots = read_patch(patched)

    def place(path: str) -> str:
        slot = slot_of(path)
        return digest if slot in slots else digests[slot % COUNT]

    return place


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
