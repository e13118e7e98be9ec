"""Writing what the edge shows. Records are not written in the ledger's transaction, so a slow writer may be overtaken.

Whoever writes therefore reads the ledger again afterwards, and corrects what is not true any more. The last to
write has always seen the newest truth. Of one owner, the fence of a record does the same without a look.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..domain import routes
from ..domain.names import label
from ..domain.pointers import Pointer
from ..domain.versions import State, Version
from ..ports import Ports
from . import keys, reading
from .reading import Kept

# Whether a version that is retiring is shown is prune's to decide: its record is left as it is.
_SHOWN = frozenset({State.PREPARING, State.READY, State.REVOKED})
_NOT_SHOWN = frozenset({State.UPLOADING, State.RETIRED})


def show_version(ports: Ports, app: str, name: str, known: Kept[Version] | None = None) -> None:
    """Make a version's own address show what the ledger says: its files, that it is gone, or nothing.

    It is read first unless it is `known`, and in any case again afterwards.
    """
    kept = known or reading.find_version(ports, app, name)
    for _ in range(reading.ATTEMPTS):
        if kept.record.state in _SHOWN:
            ports.edge.show([routes.for_version(kept.record)])
        elif kept.record.state in _NOT_SHOWN:
            ports.edge.remove([label(name, app)])
        shown, kept = kept, reading.find_version(ports, app, name)
        if kept.revision == shown.revision:
            return


def ensure(ports: Ports, version: Version) -> bool:
    """Write the record of a ready version's own address again if the edge had no room for it; tell whether it had."""
    if version.state is not State.READY or ports.edge.records([label(version.id, version.app)]) != [None]:
        return True
    show_version(ports, version.app, version.id)
    return False


def show_pointer(ports: Ports, pointer: Pointer) -> None:
    """Write the records of all the pointer's hosts in one step; a pointer that shows nothing has none.

    What is removed has no fence. So a pointer that was retired meanwhile, or came back, is written again as it is then.
    """
    for _ in range(reading.ATTEMPTS):
        _write(ports, pointer)
        kept = reading.kept_pointer(ports, pointer.app, pointer.name)
        if kept is None or kept.record.retired == pointer.retired:
            return
        pointer = kept.record


def _write(ports: Ports, pointer: Pointer) -> None:
    if pointer.version is None:
        if pointer.retired:
            ports.edge.remove([label(pointer.name, pointer.app)])
        take_down(ports, pointer.hosts)
        return
    version = reading.find_version(ports, pointer.app, pointer.version).record
    ports.edge.show(routes.for_pointer(pointer, version))
    give_back(ports, pointer.hosts, pointer)


def show_decided(ports: Ports, pointer: Pointer, version: Version, since: str | None) -> None:
    """Write the records of a swap that was decided this moment, as `show_pointer` does, without a look.

    `since` is a mark of the edge from before it was decided, if one was made. The version's own record is written with
    them: the edge may have had no room for it.
    """
    ports.edge.show([routes.for_version(version), *routes.for_pointer(pointer, version)], since)
    give_back(ports, pointer.hosts, pointer)


def give_back(ports: Ports, hosts: Sequence[str], writer: Pointer) -> None:
    """Correct those of `hosts` that another pointer, or none, has by now."""
    for host, owner in zip(hosts, _owners(ports, hosts), strict=True):
        if owner is None:
            take_down(ports, [host])
        elif (owner.app, owner.name) != (writer.app, writer.name):
            show_pointer(ports, owner)


def take_down(ports: Ports, hosts: Sequence[str]) -> None:
    """Remove the records of hosts, and write those again that a pointer which shows something has by now."""
    if not hosts:
        return
    ports.edge.remove(hosts)
    for owner in _owners(ports, hosts):
        if owner and owner.version:
            show_pointer(ports, owner)


def _owners(ports: Ports, hosts: Sequence[str]) -> list[Pointer | None]:
    """Return the pointer that has each host; a claim that outlives its pointer's configuration counts for nothing."""
    owners: list[Pointer | None] = []
    for host, claim in zip(hosts, ports.ledger.read([keys.of_host(host) for host in hosts]), strict=True):
        pointer = str(claim.body["pointer"]) if claim and claim.body["pointer"] else None
        kept = reading.kept_pointer(ports, str(claim.body["app"]), pointer) if claim and pointer else None
        owners.append(kept.record if kept and host in kept.record.hosts else None)
    return owners
