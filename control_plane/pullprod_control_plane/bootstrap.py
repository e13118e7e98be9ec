"""The composition root: the only place that knows which adapter is plugged into which port.

Each back end's adapters are imported where it is built, so that neither loads what only the other needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from .domain.names import Addresses
from .ports import Clock, Ports, Verifier
from .settings import LocalSettings

AsgiApp = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """What entry points need: the ports, how previews are addressed, and who verifies what workflow runs show."""

    ports: Ports
    addresses: Addresses
    verifier: Callable[[], Verifier]


@dataclass(frozen=True, slots=True)
class LocalSystem:
    """A control plane on one machine, with the two servers that stand for S3 and CloudFront.

    `wait` returns after so many seconds, or as soon as the reconciler is woken.
    """

    control: ControlPlane
    uploads: AsgiApp
    edge: AsgiApp
    wait: Callable[[float], None]
    close: Callable[[], None]


def local(settings: LocalSettings) -> LocalSystem:
    """Open, or create, the control plane that lives in a directory."""
    from .adapters.local.directory_store import DirectoryStore
    from .adapters.local.edge_server import EdgeServer
    from .adapters.local.loopback_probe import LoopbackProbe
    from .adapters.local.process_functions import ProcessFunctions
    from .adapters.local.sqlite_edge import SqliteEdge
    from .adapters.local.sqlite_ledger import SqliteLedger
    from .adapters.local.system_clock import SystemClock
    from .adapters.local.thread_worker import ThreadWorker
    from .adapters.local.unmanaged_names import UnmanagedNames
    from .adapters.local.upload_server import UploadServer

    # The ledger holds digests of tokens, the store a signing secret: they are nobody else's to read.
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    clock = SystemClock()
    ledger = SqliteLedger(settings.data / "ledger.sqlite3")
    store = DirectoryStore(settings.data / "store", settings.api_url, clock)
    edge = SqliteEdge(settings.data / "routes.sqlite3")
    functions = ProcessFunctions(settings.data / "functions", store.read)
    worker = ThreadWorker()
    ports = Ports(ledger, store, edge, UnmanagedNames(), functions, worker, LoopbackProbe(settings.port), clock)

    def close() -> None:
        for adapter in (ledger, store, edge, functions):
            adapter.close()

    return LocalSystem(
        control=ControlPlane(ports, settings.addresses, _verifier(settings.api_url, settings.issuers, clock)),
        uploads=UploadServer(store),
        edge=EdgeServer(edge.get, store.served, functions),
        wait=worker.wait,
        close=close,
    )


def _verifier(audience: str, issuers: Sequence[str], clock: Clock) -> Callable[[], Verifier]:
    """Return what makes the verifier on first use: most processes never verify a token."""

    @cache
    def verifier() -> Verifier:
        from .adapters.github import key_sets
        from .adapters.github.oidc_verifier import OidcVerifier

        return OidcVerifier(audience, clock, key_sets.fetch, issuers)

    return verifier
