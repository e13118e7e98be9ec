"""Host names on one machine: its edge answers for every one, and nobody's DNS is touched."""

from __future__ import annotations

from collections.abc import Sequence

from ...domain.hosts import Records
from ...ports import HERE, Lead


class UnmanagedNames:
    """Names: the local edge goes by `Host` alone.

    Names under localhost lead to this machine by themselves (RFC 6761).
    """

    def check(self, hosts: Sequence[str]) -> None:
        """Refuse nothing."""

    def look(self, hosts: Sequence[str]) -> list[Lead]:
        """Return that this edge answers for every name, with the record that leads to this machine."""
        return [Lead(HERE, spread=True, advice=_advice(host)) for host in hosts]

    def give(self, host: str, holder: str | None) -> None:
        """Change nothing."""

    def replace(self, host: str, old: Records, new: Records) -> str:
        """Refuse: there are no records here, and `look` returned none."""
        raise NotImplementedError(host)

    def in_sync(self, change: str) -> bool | None:
        """Know of no change."""
        del change
        return None


def _advice(host: str) -> str | None:
    return None if host.endswith(".localhost") else f"{host} A 127.0.0.1"
