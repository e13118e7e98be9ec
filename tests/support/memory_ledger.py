"""A ledger in memory: what another ledger held at a moment, to be looked at without asking that one any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pullprod_control_plane.ports import Change, Item, Key


class MemoryLedger:
    """Ledger that only reads."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = {item.key: item for item in items}

    def read(self, keys: Sequence[Key]) -> list[Item | None]:
        return [self.items.get(key) for key in keys]

    def scan(
        self,
        partition: str,
        *,
        prefix: str = "",
        newest_first: bool = False,
        after: str | None = None,
        limit: int = 1_000,
    ) -> list[Item]:
        found = [i for i in self.items.values() if i.key.partition == partition and i.key.sort.startswith(prefix)]
        if after is not None:
            found = [item for item in found if (item.key.sort < after if newest_first else item.key.sort > after)]
        return sorted(found, key=lambda item: item.key, reverse=newest_first)[:limit]

    def commit(self, changes: Sequence[Change]) -> None:
        raise AssertionError(f"who looks changes nothing: {changes}")
