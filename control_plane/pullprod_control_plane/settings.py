"""Settings of a control plane, read once and handed on frozen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .domain.names import Addresses


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """A control plane on one machine: where its data lies, and the loopback port that it listens on."""

    data: Path
    port: int

    @property
    def api_url(self) -> str:
        """Return the address of the API."""
        return f"http://localhost:{self.port}"

    @property
    def addresses(self) -> Addresses:
        """Return how previews are reached; every name under localhost leads to this machine (RFC 6761)."""
        return Addresses("http", "localhost", self.port)
