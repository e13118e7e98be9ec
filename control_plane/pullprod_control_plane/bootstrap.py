"""The composition root: the only place that knows which adapter is plugged into which port.

Each back end's adapters are imported where it is built, so that neither loads what only the other needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from .domain.names import Addresses
from .domain.trust import GITHUB_ISSUER
from .ports import Clock, Ports, Verifier
from .settings import AwsSettings, LocalSettings

AsgiApp = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """What entry points need: the ports, how previews are addressed, and who verifies what workflow runs show.

    `issuer` is the one that a rule of trust means which names none.
    """

    ports: Ports
    addresses: Addresses
    verifier: Callable[[], Verifier]
    issuer: str = GITHUB_ISSUER


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
    if not (settings.data / ".gitignore").exists():  # It may lie in a work tree.
        (settings.data / ".gitignore").write_text("*\n")
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
        control=_control(ports, settings, settings.api_url, clock),
        uploads=UploadServer(store),
        edge=EdgeServer(edge.get, store.served, functions),
        wait=worker.wait,
        close=close,
    )


def aws(settings: AwsSettings) -> ControlPlane:
    """Return the control plane of a stack; no AWS service is asked, and no client built, before it is needed."""
    from .adapters.aws.clients import Client, credentials
    from .adapters.aws.cloudfront_domains import CloudFrontDomains
    from .adapters.aws.cloudfront_edge import CloudFrontEdge
    from .adapters.aws.dynamodb_ledger import DynamoDBLedger
    from .adapters.aws.https_probe import HttpsProbe
    from .adapters.aws.lambda_functions import LambdaFunctions, Place
    from .adapters.aws.lambda_worker import Awake, LambdaWorker
    from .adapters.aws.route53_names import Route53Names
    from .adapters.aws.s3_store import S3Store
    from .adapters.local.system_clock import SystemClock

    clock = SystemClock()
    lambdas: Any = Client("lambda")
    cloudfront: Any = Client("cloudfront")
    # Certificates of distributions are in us-east-1, wherever the stack is.
    certificates: Any = Client("acm", region_name="us-east-1")
    zones: Any = Client("route53")
    routes: Any = Client("cloudfront-keyvaluestore")
    place = Place(
        settings.functions, settings.bucket, settings.functions_role, settings.distribution, settings.functions_log
    )
    domains = CloudFrontDomains(settings.distribution.rpartition("/")[2], cloudfront, certificates)
    ports = Ports(
        ledger=DynamoDBLedger(Client("dynamodb"), settings.table),
        store=S3Store(files(), settings.bucket, credentials),
        edge=CloudFrontEdge(routes, settings.routes),
        names=Route53Names(domains, settings.zone, zones),
        functions=LambdaFunctions(lambdas, place, clock),
        worker=LambdaWorker(lambdas, settings.worker) if settings.worker else Awake(),
        # By the distribution's own name, so that it does not matter whether DNS leads there yet.
        probe=HttpsProbe(settings.preview_domain or settings.distribution_host, settings.distribution_host),
        clock=clock,
    )
    return _control(ports, settings, settings.url, clock)


def files() -> Any:
    """Return a client of S3; it is all that the function of missing pages needs."""
    from .adapters.aws.clients import Client
    from .adapters.aws.s3_store import CLIENT

    return Client("s3", **CLIENT)


def _control(ports: Ports, settings: LocalSettings | AwsSettings, url: str, clock: Clock) -> ControlPlane:
    issuers = settings.issuers
    return ControlPlane(ports, settings.addresses, _verifier(url, issuers, clock), issuers[0])


def _verifier(audience: str, issuers: Sequence[str], clock: Clock) -> Callable[[], Verifier]:
    """Return what makes the verifier on first use: most processes never verify a token."""

    @cache
    def verifier() -> Verifier:
        from .adapters.github import key_sets
        from .adapters.github.oidc_verifier import OidcVerifier

        return OidcVerifier(audience, clock, key_sets.fetch, issuers)

    return verifier
