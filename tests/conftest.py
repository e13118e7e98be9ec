"""What stands in for AWS, started when the first test of a worker asks for it: each fixture is the service's URL."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from scripts import emulators
from tests.support import loopback

loopback.guard()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests record, added up where several say how much of one thing they did."""
    figures: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        figures.update({name: value for name, value in report.user_properties if isinstance(value, int)})
    for name, value in sorted(figures.items()):
        terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[str]:
    yield from _running(emulators.DYNAMODB_LOCAL)


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[str]:
    yield from _running(emulators.SEAWEEDFS)


@pytest.fixture(scope="session")
def ministack() -> Iterator[str]:
    yield from _running(emulators.MINISTACK)


def _running(emulator: emulators.Emulator) -> Iterator[str]:
    try:
        with emulators.running(emulator) as url:
            yield url
    except emulators.Missing as missing:
        pytest.fail(str(missing)) if os.environ.get("CI") else pytest.skip(str(missing))
