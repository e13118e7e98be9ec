"""Idempotency keys: a mutation that is sent twice under one key happens once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..domain.errors import IdempotencyConflict
from ..domain.json import Json
from ..ports import Change, Key, Lost, Ports, Put
from . import keys, reading


@dataclass(frozen=True, slots=True)
class Receipt:
    """One request: who sends it under which key, and a digest of everything that it asks for."""

    principal: str
    key: str
    fingerprint: str

    @property
    def where(self) -> Key:
        """Return the ledger key of the receipt."""
        return keys.of_receipt(self.principal, self.key)


def recall(ports: Ports, receipt: Receipt | None) -> Mapping[str, Json] | None:
    """Return what was recorded under the receipt's key, or None if it is new.

    Raises:
        IdempotencyConflict: the key was used for another request.
    """
    item = reading.one(ports.ledger, receipt.where) if receipt else None
    if item is None or receipt is None:
        return None
    if item.body["fingerprint"] != receipt.fingerprint:
        raise IdempotencyConflict("This Idempotency-Key was used for another request. Use a new one for a new request.")
    return item.body


def changes(ports: Ports, receipt: Receipt | None, **facts: Json) -> list[Change]:
    """Return the change that keeps the receipt, with what is needed to answer a repeat; none without a key."""
    if receipt is None:
        return []
    return [Put(receipt.where, {"fingerprint": receipt.fingerprint, "at": reading.now(ports), **facts}, 0)]


def keep(ports: Ports, receipt: Receipt | None) -> None:
    """Record a request whose repetition is harmless by itself, so that its key cannot serve for another."""
    if recall(ports, receipt) is None and receipt is not None:
        try:
            ports.ledger.commit(changes(ports, receipt))
        except Lost:
            recall(ports, receipt)
