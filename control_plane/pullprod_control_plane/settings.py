"""Settings of a control plane, read once and handed on frozen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .domain.names import Addresses

# https://docs.github.com/actions/reference/security/oidc
GITHUB_ISSUER = "https://token.actions.githubusercontent.com"


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """A control plane on one machine: where its data lies, the loopback port that it listens on, whose tokens it takes.

    `issuers` are the addresses of the OIDC issuers of workflow runs, letter by letter as their tokens name them.
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
