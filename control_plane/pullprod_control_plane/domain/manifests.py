"""Manifests: what is in a version, and the rules that its paths obey."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from . import functions
from .errors import InvalidRequest, PayloadTooLarge
from .functions import Function
from .json import Json, canonical

MAX_FILES = 20_000
MAX_PATH_BYTES = 900  # S3 keys end at 1,024 bytes; app, digest and separators take the rest.
MAX_FILE_BYTES = 5 * 1024**3  # The largest single PUT to S3.
MAX_ANCESTORS = 1_000
MAX_TAGS = 10

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+(?:; ?charset=[a-zA-Z0-9_-]+)?")
CLEAN_URLS = ("directory", "html", "off")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a version: path with `/`, size in bytes, SHA-256 as 64 hex digits, content type."""

    path: str
    size: int
    sha256: str
    type: str


@dataclass(frozen=True, slots=True)
class Site:
    """How paths turn into files: `clean_urls` is directory, html or off; `spa` answers navigations with index.html."""

    clean_urls: str = "directory"
    spa: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """Where a version comes from. `ancestors` are newest first, without the commit itself."""

    sha: str
    branch: str | None
    message: str
    author: str
    committed_at: str
    ancestors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    dirty: bool = False


@dataclass(frozen=True)
class Manifest:
    """The content of a version and the commit that it was made from."""

    commit: Commit
    files: tuple[File, ...]
    site: Site = field(default_factory=Site)
    health: tuple[str, ...] = ()
    functions: tuple[Function, ...] = ()

    @cached_property
    def content(self) -> bytes:
        """The canonical bytes that the version's id is made of.

        Branch, message, author and ancestors stay outside, so that the same commit with the same bytes
        is the same version from whichever branch or however shallow a clone it is published.
        """
        files: list[Json] = [[f.path, f.size, f.sha256, f.type] for f in sorted(self.files, key=lambda f: f.path)]
        site: Json = {"clean_urls": self.site.clean_urls, "spa": self.site.spa}
        listed: dict[str, Json] = {"functions": functions.content(self.functions)} if self.functions else {}
        return canonical(
            {"commit": self.commit.sha, "files": files, "site": site, "health": list(self.health), **listed}
        )

    def digest(self) -> str:
        """Return the SHA-256 of the content, as 64 hex digits."""
        return hashlib.sha256(self.content).hexdigest()

    def version_id(self) -> str:
        """Return the id of the version: first 12 digits of the commit, `-`, first 8 of the digest."""
        return f"{self.commit.sha[:12]}-{self.digest()[:8]}"


def check(manifest: Manifest) -> None:
    """Raise InvalidRequest or PayloadTooLarge for the first thing in `manifest` that cannot be published."""
    if len(manifest.files) > MAX_FILES:
        raise PayloadTooLarge(
            f"{len(manifest.files):,} files are more than the {MAX_FILES:,} that a version may have.",
            limit=MAX_FILES,
        )
    if not manifest.files and not manifest.functions:
        raise InvalidRequest(
            "The version has no files and no functions: publish the directory that the build wrote.", where="files"
        )
    _check_commit(manifest.commit)
    seen: set[str] = set()
    for file in manifest.files:
        _check_file(file)
        if file.path in seen:
            raise _bad(file.path, "is listed twice")
        seen.add(file.path)
    _check_nesting(seen)
    _check_site(manifest)
    functions.check(manifest.functions)


def _check_commit(commit: Commit) -> None:
    shas = (commit.sha, *commit.ancestors)
    if not all(_COMMIT.fullmatch(sha) for sha in shas):
        raise InvalidRequest("A commit is 40 lower-case hex digits.", where="commit")
    _at_most(commit.ancestors, MAX_ANCESTORS, "ancestors")
    _at_most(commit.tags, MAX_TAGS, "tags")


def _at_most(values: Sequence[str], limit: int, where: str) -> None:
    if len(values) > limit:
        raise PayloadTooLarge(f"{len(values):,} {where} are more than {limit:,}.", where=where, limit=limit)


def _check_file(file: File) -> None:
    check_path(file.path)
    if not _SHA256.fullmatch(file.sha256):
        raise _bad(file.path, "has a SHA-256 that is not 64 lower-case hex digits")
    if not 0 <= file.size <= MAX_FILE_BYTES:
        raise _bad(file.path, f"must have between 0 and {MAX_FILE_BYTES:,} bytes")
    if not _TYPE.fullmatch(file.type):
        raise _bad(file.path, "has a content type that is not like 'text/html; charset=utf-8'")


def check_path(path: str) -> None:
    """Raise InvalidRequest unless every part of the system can carry `path`: URL, S3 key, file system, log line."""
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        raise _bad(path, "is not valid Unicode") from None
    if not 0 < len(encoded) <= MAX_PATH_BYTES:
        raise _bad(path, f"must have 1 to {MAX_PATH_BYTES} bytes of UTF-8")
    if any(part in {"", ".", ".."} for part in path.split("/")):
        raise _bad(path, "must be relative, with '/' between names, and without '.', '..' or empty names")
    if "\\" in path or any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in path):
        raise _bad(path, "contains a backslash or a control character")
    if unicodedata.normalize("NFC", path) != path:
        raise _bad(path, "is not in Unicode normal form C, so links to it would miss it")


def _check_nesting(paths: set[str]) -> None:
    """A path that is both a file and a directory cannot be checked out, zipped or served as one would expect."""
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent:
            if parent in paths:
                raise _bad(path, f"lies inside {parent!r}, which is a file")
            parent = parent.rpartition("/")[0]


def _check_site(manifest: Manifest) -> None:
    if manifest.site.clean_urls not in CLEAN_URLS:
        raise InvalidRequest(f"clean_urls is one of {', '.join(CLEAN_URLS)}.", where="site.clean_urls")
    for path in manifest.health:
        if not path.startswith("/") or any(char <= " " or char == "\x7f" for char in path):
            raise InvalidRequest(
                f"{path[:80]!r} is not a health path: start it with '/', without spaces.", where="health"
            )


def _bad(path: str, what: str) -> InvalidRequest:
    shown = ascii(path[:120])
    return InvalidRequest(f"The path {shown} {what}.", where="files", path=shown)
