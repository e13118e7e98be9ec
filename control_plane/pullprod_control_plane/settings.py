"""Settings of a control plane, read once and handed on frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .domain.names import Addresses
from .domain.trust import GITHUB_ISSUER


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """A control plane on one machine: where its data lies, the loopback port that it listens on, whose tokens it takes.

    `issuers` are the addresses of the OIDC issuers of workflow runs, letter by letter as their tokens name them. Rules
    of trust that name none mean the first.
    """

    data: Path
    port: int
    issuers: tuple[str, ...] = (GITHUB_ISSUER,)

    @property
    def api_url(self) -> str:
        """Return the address of the API."""
        return f"http://localhost:{self.port}"

    @property
    def addresses(self) -> Addresses:
        """Return how previews are reached; every name under localhost leads to this machine (RFC 6761)."""
        return Addresses("http", "localhost", self.port)


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """A control plane on AWS, as template.yaml tells it by environment variables.

    `routes` and `distribution` are the ARNs of the key-value store and of the distribution, whose own host is
    `distribution_host`. Functions of apps have names that begin with `functions`, run as `functions_role`, and print
    into `functions_log`. `preview_domain` is None where previews have no addresses, `zone` where DNS is not managed,
    `worker` in the reconciler itself.
    """

    url: str
    table: str
    bucket: str
    routes: str
    distribution: str
    distribution_host: str
    functions: str
    functions_role: str
    functions_log: str
    preview_domain: str | None
    zone: str | None
    worker: str | None
    issuers: tuple[str, ...]

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> AwsSettings:
        """Return what `PULLPROD_…` variables say; ValueError if one that is needed is missing or cannot be meant."""
        functions = _needed(environ, "FUNCTIONS")
        if len(functions) > _LONGEST_PREFIX:
            raise ValueError(f"{functions} is longer than {_LONGEST_PREFIX} characters. Name the stack shorter.")
        return cls(
            url=_needed(environ, "URL"),
            table=_needed(environ, "TABLE"),
            bucket=_needed(environ, "BUCKET"),
            routes=_needed(environ, "ROUTES"),
            distribution=_needed(environ, "DISTRIBUTION"),
            distribution_host=_needed(environ, "DISTRIBUTION_HOST"),
            functions=functions,
            functions_role=_needed(environ, "FUNCTIONS_ROLE"),
            functions_log=_needed(environ, "FUNCTIONS_LOG"),
            preview_domain=environ.get("PULLPROD_PREVIEW_DOMAIN") or None,
            zone=environ.get("PULLPROD_ZONE") or None,
            worker=environ.get("PULLPROD_WORKER") or None,
            issuers=tuple(environ.get("PULLPROD_ISSUERS", "").split()) or (GITHUB_ISSUER,),
        )

    @property
    def addresses(self) -> Addresses:
        """Return how previews are reached."""
        return Addresses("https", self.preview_domain)


# A function's name has at most 64 characters; `-` and 20 of a digest follow (adapters/aws/lambda_functions.py).
_LONGEST_PREFIX = 43


def _needed(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(f"PULLPROD_{name}")
    if not value:
        raise ValueError(f"PULLPROD_{name} is not set. template.yaml sets it; deploy the stack as it is.")
    return value
