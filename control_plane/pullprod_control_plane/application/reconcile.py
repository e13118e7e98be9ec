"""Finishing what a crash interrupted: every decided swap is shown, every verified version becomes ready."""

from __future__ import annotations

import logging

from ..domain.errors import PullprodError
from ..domain.names import Addresses
from ..ports import Item, Ports
from . import apps, drift, follow, keys, moves, publish, reading

_log = logging.getLogger(__name__)


def decided(ports: Ports) -> None:
    """Show the swaps and hosts that the ledger decided. Needs no viewer-facing server, so it can run before one."""
    for item in list(reading.everything(ports.ledger, keys.PENDING)):
        if item.body["kind"] == "swap":
            moves.show(ports, str(item.body["app"]), str(item.body["pointer"]), int(str(item.body["generation"])))
        elif item.body["kind"] == "hosts":
            apps.settle(ports, str(item.body["app"]))


def prepared(ports: Ports, addresses: Addresses) -> None:
    """Make ready the versions whose bytes had all been verified, and let branches have those that they wait for.

    Asks their addresses, so the edge must be up.
    """
    for item in list(reading.everything(ports.ledger, keys.PENDING)):
        if item.body["kind"] == "version":
            _finalize(ports, addresses, item)
        elif item.body["kind"] == "branch":
            app, version = str(item.body["app"]), str(item.body["version"])
            kept = reading.find_version(ports, app, version)
            follow.settle(ports, addresses, reading.find_app(ports, app), kept.record)


def _finalize(ports: Ports, addresses: Addresses, item: Item) -> None:
    try:
        publish.finalize(ports, addresses, str(item.body["app"]), str(item.body["version"]), follow.caller_of(item))
    except PullprodError as later:
        _log.warning("%s is not ready yet: %s", item.body["version"], later)


def routes(ports: Ports) -> int:
    """Write every route that differs from the ledger, of all apps; return how many did."""
    return sum(drift.repair(ports, item.key.sort) for item in list(reading.everything(ports.ledger, keys.APPS)))
