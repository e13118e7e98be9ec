"""The store in a directory: each content of an app is one file, its blob, and an index tells which keys have it.

A blob is named by the content's SHA-256 and a tag of the app, the first part of its keys. So whoever knows the digest
of a file can make it appear in that file's own app only.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from ...domain.errors import DigestMismatch, UploadRefused
from ...ports import Clock, StoredObject, Upload
from .database import Database, prefix_range, storage_errors

_MIGRATIONS = (
    (
        """CREATE TABLE objects (
            key TEXT NOT NULL PRIMARY KEY,
            blob TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            size INTEGER NOT NULL,
            content_type TEXT NOT NULL,
            cache_control TEXT NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX objects_by_blob ON objects (blob)",
        "CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    ),
)
_PLACE = """INSERT INTO objects VALUES (:key, :blob, :sha256, :size, :content_type, :cache_control)
    ON CONFLICT (key) DO NOTHING"""
_REPLACE = "REPLACE INTO objects VALUES (:key, :blob, :sha256, :size, :content_type, :cache_control)"
_SERVED = "SELECT blob, sha256, size, content_type, cache_control FROM objects WHERE key = ?"
_ANNOUNCED = "SELECT blob, size FROM objects WHERE key = ?"
_REFERENCE = "SELECT 1 FROM objects WHERE blob = ? LIMIT 1"
_ONLY_IN_RANGE = """SELECT blob
    FROM (SELECT DISTINCT blob FROM objects WHERE key >= CAST(:low AS TEXT) AND key < CAST(:high AS TEXT)) AS leaving
    WHERE NOT EXISTS (
        SELECT 1 FROM objects AS other WHERE other.blob = leaving.blob
        AND (other.key < CAST(:low AS TEXT) OR other.key >= CAST(:high AS TEXT))
    )"""
_REMOVE_RANGE = "DELETE FROM objects WHERE key >= CAST(:low AS TEXT) AND key < CAST(:high AS TEXT)"

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NOTHING = hashlib.sha256().hexdigest()
_CHUNK = 1 << 20
_UPLOAD_S = 3_600
_LEFTOVER_S = 86_400


@dataclass(frozen=True, slots=True)
class ServedObject:
    """Where an object's bytes lie and the headers they are served with; the file is gone once the object is deleted."""

    path: Path
    size: int
    sha256: str
    content_type: str
    cache_control: str


class Incoming:
    """Bytes on their way in. Whoever opens one ends it with `commit` or `abort`; nothing shows before `commit`."""

    def __init__(self, path: Path, sha256: str, size: int, admit: Callable[[Path], None]) -> None:
        self._path = path
        self._sha256 = sha256
        self._left = size
        self._admit = admit
        self._hash = hashlib.sha256()
        with storage_errors():
            self._file = path.open("xb", buffering=0)

    def write(self, chunk: bytes) -> None:
        """Add bytes.

        Raises:
            DigestMismatch: there are more than announced.
            StorageFull: there is no room.
        """
        self._left -= len(chunk)
        if self._left < 0:
            raise _mismatch(f"{-self._left:,} more bytes than announced", self._sha256)
        self._hash.update(chunk)
        rest = memoryview(chunk)
        with storage_errors():
            while rest:
                rest = rest[self._file.write(rest) :]

    def commit(self) -> None:
        """Make the bytes an object's, durable when it returns.

        Raises:
            DigestMismatch: they are not those announced.
            UploadRefused: no object is waiting for them any more.
            StorageFull: there is no room.
        """
        if self._left:
            raise _mismatch(f"{self._left:,} fewer bytes than announced", self._sha256)
        if self._hash.hexdigest() != self._sha256:
            raise _mismatch(f"bytes with the SHA-256 {self._hash.hexdigest()}", self._sha256)
        with storage_errors():
            os.fsync(self._file.fileno())
            self._file.close()
            self._admit(self._path)

    def abort(self) -> None:
        """Forget the bytes; after `commit` has returned, change nothing."""
        self._file.close()
        self._path.unlink(missing_ok=True)


class DirectoryStore:
    """Store. Keys stand in the index only: what a user calls a file never reaches the file system.

    A content is deleted under the same lock that guards the index, and only while no key has it; so bytes that
    `place` found are there for as long as the object is.
    """

    def __init__(self, root: Path, upload_base: str | Callable[[], str], clock: Clock) -> None:
        """Open or create the store; `upload_base` is the address of the upload server, without a trailing slash."""
        self._blobs = root / "blobs"
        self._arriving = root / "incoming"
        self._upload_base = upload_base
        self._clock = clock
        with storage_errors():
            root.mkdir(mode=0o700, parents=True, exist_ok=True)  # The index holds the secret that signs uploads.
            self._lay_out()
        self._database = Database(root / "objects.sqlite3", _MIGRATIONS)
        self._secret = self._upload_secret()

    def close(self) -> None:
        """Close this process's connections to the index."""
        self._database.close()

    def write(self, obj: StoredObject, body: bytes) -> None:
        """Put a small object whole, replacing one of the same key.

        Raises:
            DigestMismatch: the bytes are not those that `obj` announces.
            StorageFull: there is no room.
        """
        incoming = Incoming(self._temporary(), obj.sha256, obj.size, partial(self._admit_as, obj))
        try:
            incoming.write(body)
            incoming.commit()
        finally:
            incoming.abort()

    def read(self, key: str) -> bytes | None:
        """Return an object's bytes, or None if it is not there."""
        tried = None
        while (found := self.served(key)) and found.sha256 != tried:
            try:
                return found.path.read_bytes()
            except FileNotFoundError:
                tried = found.sha256
        return None

    def served(self, key: str) -> ServedObject | None:
        """Return what to serve under `key`, or None; its file may still be on its way, or just be deleted."""
        rows = self._database.rows(_SERVED, (key,))
        if not rows:
            return None
        blob, sha256, size, content_type, cache_control = rows[0]
        return ServedObject(self._path(blob), size, sha256, content_type, cache_control)

    def place(self, objects: Sequence[StoredObject], sources: Mapping[str, str]) -> list[Upload]:
        """Make objects present from bytes that the store already has; return leave to send the rest, each content once.

        A key that has other bytes already keeps them, and its object counts as missing.
        """
        del sources  # Blobs are found by their digest.
        contents: dict[tuple[str, int], StoredObject] = {}
        for obj in objects:
            contents.setdefault(_content(obj), obj)
        with self._database.transaction() as connection:
            connection.executemany(_PLACE, [_row(obj) for obj in objects])
        return [self._upload(obj) for content, obj in contents.items() if not self._is_whole(*content)]

    def missing(self, objects: Sequence[StoredObject]) -> list[StoredObject]:
        """Return those objects that are not present with their size and digest."""
        with self._database.snapshot() as connection:
            rows = [connection.execute(_ANNOUNCED, (obj.key,)).fetchone() for obj in objects]
        contents = {_content(obj) for obj in objects}
        whole = {content for content in contents if self._is_whole(*content)}
        return [obj for obj, row in zip(objects, rows, strict=True) if row not in whole or row != _content(obj)]

    def damaged(self, objects: Iterable[StoredObject]) -> list[StoredObject]:
        """Read every byte of `objects`, of each content once, and return those that are absent or not what they say."""
        sound: dict[str, bool] = {}
        found = []
        for obj in objects:
            blob = blob_of(obj)
            if blob not in sound:
                sound[blob] = self._is_sound(blob)
            if not sound[blob] or self.missing([obj]):
                found.append(obj)
        return found

    def delete(self, *prefixes: str) -> None:
        """Remove every object whose key starts with one of `prefixes`; none left over, no other touched.

        Bytes go before the index: after a crash in between, only objects under a prefix lack them, and repeating
        finishes.
        """
        for prefix in prefixes:
            low, high = prefix_range(prefix)
            bounds = {"low": low, "high": high}
            with self._database.transaction() as connection:
                for (blob,) in connection.execute(_ONLY_IN_RANGE, bounds).fetchall():
                    self._unlink(blob)
                connection.execute(_REMOVE_RANGE, bounds)

    def check_upload(self, blob: str, size: str, expires: str, signature: str) -> int:
        """Return the size that an upload's address allows, as its four parts were received.

        Raises:
            UploadRefused: the address was altered, or has expired.
        """
        expected = self._signature(blob, size, expires)
        if not hmac.compare_digest(expected.encode(), signature.encode(errors="replace")):
            raise UploadRefused("The upload address was altered: send to exactly the URL that the upload plan gives.")
        if self._clock.now().timestamp() > int(expires):
            raise UploadRefused("The upload address has expired: ask for a new upload plan. What has arrived is kept.")
        return int(size)

    def open_upload(self, blob: str, size: int) -> Incoming:
        """Begin to receive a content that `place` gave leave to send."""
        return Incoming(self._temporary(), _digest_of(blob), size, partial(self._admit_awaited, blob))

    def _lay_out(self) -> None:
        """Create all directories, so that no upload has to make one durable; clear what crashes left."""
        self._arriving.mkdir(exist_ok=True)
        for number in range(256):
            (self._blobs / f"{number:02x}").mkdir(parents=True, exist_ok=True)
        self._path(_NOTHING).touch()
        for directory in (self._path(_NOTHING).parent, self._blobs, self._blobs.parent):
            _sync(directory)
        oldest = self._clock.now().timestamp() - _LEFTOVER_S
        for path in self._arriving.iterdir():
            with suppress(FileNotFoundError):  # Its upload ended, or another process clears as well.
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def _upload_secret(self) -> bytes:
        with self._database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('upload-secret', ?)", (secrets.token_hex(32),))
            row = connection.execute("SELECT value FROM meta WHERE name = 'upload-secret'").fetchone()
        return bytes.fromhex(row[0])

    def _signature(self, blob: str, size: str, expires: str) -> str:
        message = f"{blob}\n{size}\n{expires}".encode(errors="replace")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()

    def _upload(self, obj: StoredObject) -> Upload:
        base = self._upload_base if isinstance(self._upload_base, str) else self._upload_base()
        size, expires = str(obj.size), str(int(self._clock.now().timestamp()) + _UPLOAD_S)
        blob = blob_of(obj)
        signature = self._signature(blob, size, expires)
        query = urlencode({"size": size, "expires": expires, "signature": signature})
        return Upload(obj, f"{base}/uploads/{blob}?{query}", {"Content-Type": "application/octet-stream"})

    def _path(self, blob: str) -> Path:
        return self._blobs / blob[:2] / blob

    def _temporary(self) -> Path:
        return self._arriving / secrets.token_hex(16)

    def _is_whole(self, blob: str, size: int) -> bool:
        try:
            return self._path(blob).stat().st_size == size
        except FileNotFoundError:
            return False

    def _is_sound(self, blob: str) -> bool:
        digest = hashlib.sha256()
        try:
            with self._path(blob).open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        except FileNotFoundError:
            return False
        return digest.hexdigest() == _digest_of(blob)

    def _admit_awaited(self, blob: str, arrived: Path) -> None:
        """Give arrived bytes their place, unless every object that they were sent for has been deleted meanwhile."""
        with self._database.transaction() as connection:
            if not connection.execute(_REFERENCE, (blob,)).fetchone():
                raise UploadRefused("Nothing awaits these bytes any more: publish the version again.")
            arrived.replace(self._path(blob))
        _sync(self._path(blob).parent)

    def _admit_as(self, obj: StoredObject, arrived: Path) -> None:
        """Give arrived bytes their place and key in one step; bytes without a key do not stay, however it ends."""
        blob = blob_of(obj)
        blobs = {blob}
        try:
            with self._database.transaction() as connection:
                blobs |= {replaced for replaced, _ in connection.execute(_ANNOUNCED, (obj.key,))}
                connection.execute(_REPLACE, _row(obj))
                arrived.replace(self._path(blob))
                _sync(self._path(blob).parent)
        finally:
            with self._database.transaction() as connection:
                for name in blobs:
                    if not connection.execute(_REFERENCE, (name,)).fetchone():
                        self._unlink(name)

    def _unlink(self, blob: str) -> None:
        """Remove a blob; the empty one stays, so that no object without bytes ever waits for an upload."""
        if blob != _NOTHING:
            self._path(blob).unlink(missing_ok=True)


def blob_of(obj: StoredObject) -> str:
    """Return the name of an object's blob; ValueError if it announces what is no SHA-256.

    All apps share the empty one. The tag is a digest too, so that nothing a user names reaches the file system.
    """
    if not _DIGEST.fullmatch(obj.sha256):
        raise ValueError(f"{obj.sha256[:80]!r} is no SHA-256: 64 hex digits are.")
    app = obj.key.partition("/")[0]
    tag = hashlib.sha256(app.encode()).hexdigest()[:16]
    return obj.sha256 if obj.sha256 == _NOTHING else f"{obj.sha256}.{tag}"


def _digest_of(blob: str) -> str:
    return blob.partition(".")[0]


def _row(obj: StoredObject) -> dict[str, str | int]:
    return {
        "key": obj.key,
        "blob": blob_of(obj),
        "sha256": obj.sha256,
        "size": obj.size,
        "content_type": obj.content_type,
        "cache_control": obj.cache_control,
    }


def _content(obj: StoredObject) -> tuple[str, int]:
    return blob_of(obj), obj.size


def _mismatch(got: str, sha256: str) -> DigestMismatch:
    return DigestMismatch(f"There came {got}. Build and publish again: the file changed.", expected=sha256)


def _sync(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
