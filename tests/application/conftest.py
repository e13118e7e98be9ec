from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports.aws.dynamodb import dynamodb_ledger
from tests.support.world import World, opened

LEDGERS = ["sqlite", "dynamodb"]
# What is decided by the ledger alone is decided alike on each.
ON_EVERY_LEDGER = frozenset(
    {"test_follow", "test_holds", "test_prune", "test_retire", "test_revoke", "test_rollback", "test_swap"}
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "world" in metafunc.fixturenames:
        everywhere = metafunc.module.__name__.rpartition(".")[2] in ON_EVERY_LEDGER
        metafunc.parametrize("world", LEDGERS if everywhere else LEDGERS[:1], indirect=True)


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A control plane with one app, `shop`, of which nothing was published yet."""
    if request.param == "sqlite":
        with opened(tmp_path) as created:
            created.configure()
            yield created
        return
    with (
        dynamodb_ledger(tmp_path, request.getfixturevalue("dynamodb_local")) as ledger,
        opened(tmp_path, ledger) as made,
    ):
        made.configure()
        yield made
