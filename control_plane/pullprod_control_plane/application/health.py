"""Asking a version's own address whether it is well."""

from __future__ import annotations

from ..domain.names import Addresses
from ..domain.versions import State, Version
from ..ports import Ports
from . import previews, routing

_WELL = range(200, 400)


def complaint(ports: Ports, addresses: Addresses, version: Version) -> str | None:
    """Return what is wrong with the version's health paths, or None if they answer, or if there are none.

    A version that is not ready is not asked: another guard refuses it.
    """
    if version.state is not State.READY:
        return None
    host = addresses.host(version.id, version.app)
    for path in version.health:
        if host is None:
            return f"{path} of {version.id} cannot be asked: without a preview domain a version has no address."
        share = previews.pass_for(ports, version.app, version.id)
        answer = ports.probe.get(host, path, share)
        if answer.version is None and not routing.ensure(ports, version):
            answer = ports.probe.get(host, path, share)
        if answer.status not in _WELL:
            return f"{path} of {version.id} answers {answer.status or 'nothing'}, where 200 to 399 is healthy."
    return None


def serves(ports: Ports, addresses: Addresses, version: Version) -> bool:
    """Tell whether the version's own address is answered by this very version; yes where versions have no addresses."""
    host = addresses.host(version.id, version.app)
    if host is None:
        return True
    share = previews.pass_for(ports, version.app, version.id)
    return ports.probe.get(host, "/.well-known/pullprod", share).version == version.id
