"""What has had its time is forgotten: receipts, used identity tokens, and the tokens of workflow runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from ..domain.times import stamp
from ..ports import MAX_CHANGES, Delete, Lost, Ports
from . import keys

_AT_ONCE = 500
# Where it stands, which member tells its time, and for how long after that it is kept. A used identity token must be
# known for as long as it could be shown again: the verifier takes none that lives for more than an hour.
_KINDS = (
    (keys.RECEIPTS, "at", timedelta(days=7)),
    (keys.PROOFS, "at", timedelta(days=1)),
    (keys.RUN_TOKENS, "expires_at", timedelta()),
)


def sweep(ports: Ports, positions: dict[str, str]) -> int:
    """Look through the next 500 of each kind, remove what is over, and return how many those were.

    `positions` tells by kind where the last call stopped, and is changed to where this one did.
    """
    removed = 0
    for partition, member, kept in _KINDS:
        before = stamp(ports.clock.now() - kept)
        items = ports.ledger.scan(partition, after=positions.pop(partition, None), limit=_AT_ONCE)
        if len(items) == _AT_ONCE:
            positions[partition] = items[-1].key.sort
        removed += _remove(
            ports, [Delete(item.key, item.revision) for item in items if str(item.body[member]) < before]
        )
    return removed


def _remove(ports: Ports, deletes: Sequence[Delete]) -> int:
    removed = 0
    for at in range(0, len(deletes), MAX_CHANGES):
        part = deletes[at : at + MAX_CHANGES]
        with suppress(Lost):  # Another reconciler removed some of them. The next round sees what is left.
            ports.ledger.commit(part)
            removed += len(part)
    return removed
