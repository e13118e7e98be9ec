from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import World, opened


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A control plane with one app, `shop`, of which nothing was published yet."""
    with opened(tmp_path) as created:
        created.configure()
        yield created
