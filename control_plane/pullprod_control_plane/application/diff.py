"""What differs between two versions: commits, from their recorded lines, and files, from their manifests."""

from __future__ import annotations

from dataclasses import dataclass

from ..domain.lineage import Difference
from ..domain.versions import State, Version
from ..ports import Ports
from . import contents, lineages, references


@dataclass(frozen=True, slots=True)
class Files:
    """Paths that come, change and go, each in order."""

    added: list[str]
    changed: list[str]
    removed: list[str]


@dataclass(frozen=True, slots=True)
class Between:
    """Two versions and what differs between them."""

    first: Version
    second: Version
    commits: Difference
    files: Files


def between(ports: Ports, app: str, first: str, second: str) -> Between:
    """Return what changes from the version that one reference names to the version of the other."""
    before, after = references.resolve(ports, app, first), references.resolve(ports, app, second)
    return Between(before, after, lineages.compare(ports, before, after), files(ports, before, after))


def files(ports: Ports, before: Version | None, after: Version) -> Files:
    """Return which files differ; a version whose files were pruned counts as empty."""
    old, new = _digests(ports, before), _digests(ports, after)
    return Files(
        added=sorted(new.keys() - old.keys()),
        changed=sorted(path for path in new.keys() & old.keys() if new[path] != old[path]),
        removed=sorted(old.keys() - new.keys()),
    )


def _digests(ports: Ports, version: Version | None) -> dict[str, str]:
    listed = contents.files(ports, version) if version and version.state is not State.RETIRED else ()
    return {file.path: file.sha256 for file in listed}
