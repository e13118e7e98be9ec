"""The content of versions: manifests kept in the store, and the objects that they stand for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from ..domain import segments
from ..domain.errors import NotFound
from ..domain.manifests import File, Manifest
from ..domain.segments import IMMUTABLE
from ..domain.versions import Version
from ..ports import Ports, StoredObject
from . import keys, reading

# Browsers ask again for everything but fingerprinted names; the CDN keeps both, since a segment's key never changes.
_CACHE_CONTROL = {
    IMMUTABLE: "public, max-age=31536000, immutable",
    segments.REVALIDATE: "public, max-age=0, s-maxage=31536000, must-revalidate",
}


def keep(ports: Ports, version: Version, manifest: Manifest) -> None:
    """Put the manifest's content into the store, as the very bytes that the version's id is made of."""
    body = manifest.content
    digest = hashlib.sha256(body).hexdigest()
    key = keys.manifest_object(version.app, version.id, version.begun_at)
    ports.store.write(StoredObject(key, len(body), digest, "application/json", "no-store"), body)


def drop(ports: Ports, app: str, version: str, begun_at: str) -> None:
    """Remove the manifest of an attempt to record a version, unless the version that stands there came of it."""
    kept = reading.kept_version(ports, app, version)
    if kept is None or kept.record.begun_at != begun_at:
        ports.store.delete(keys.manifest_object(app, version, begun_at))


def files(ports: Ports, version: Version) -> tuple[File, ...]:
    """Return the files of a version, or raise NotFound when they were pruned."""
    body = ports.store.read(keys.manifest_object(version.app, version.id, version.begun_at))
    if body is None:
        raise NotFound(f"The files of {version.id} are gone: it is {version.state.value}.", version=version.id)
    return tuple(File(path, size, digest, kind) for path, size, digest, kind in json.loads(body)["files"])


def objects(version: Version, listed: Iterable[File], digests: Sequence[str] | None = None) -> list[StoredObject]:
    """Return the objects that a version's files and zips are stored as, all or those of the segments `digests`."""
    place = segments.places(version.segments, version.patch)
    wanted = None if digests is None else frozenset(digests)
    placed = [(file, place(file.path)) for file in listed] + _zips(version)
    return [_object(version.app, digest, file) for file, digest in placed if wanted is None or digest in wanted]


def _zips(version: Version) -> list[tuple[File, str]]:
    stored = segments.of_functions(version.functions)
    return [(segment.files[0], digest) for segment, digest in zip(stored, version.zips, strict=True)]


def _object(app: str, digest: str, file: File) -> StoredObject:
    return StoredObject(
        key=segments.object_key(app, digest, file.path),
        size=file.size,
        sha256=file.sha256,
        content_type=file.type,
        cache_control=_CACHE_CONTROL[segments.cache_class(file.path, file.type)],
    )
