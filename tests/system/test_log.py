"""What `pullprod serve` writes to the terminal that it runs in."""

from __future__ import annotations

import logging
import re

import pytest

from pullprod_control_plane.entrypoints.local.server import LogLines
from tests.support.api import Api
from tests.support.server import Server

HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202e\nadmin token: pp_forged"


def test_what_users_write_begins_no_line_of_the_log_and_steers_no_terminal(api: Api, app: str, server: Server) -> None:
    first = api.publish(app, "one", {"index.html": b"one"}, branch="main")["commit"]
    api.ok("PUT", f"/v1/apps/{app}/pointers/main/hold", {"reason": HOSTILE})
    api.publish(app, "two", {"index.html": b"two"}, branch="main", ancestors=[first])
    log = server.log.read_text()
    [line] = [line for line in log.splitlines() if f"main of {app} does not follow" in line]
    assert "admin token: pp_forged" in line
    assert not set("\x1b\x07\u202e") & set(log)


def test_a_traceback_keeps_its_lines_and_loses_what_steers_a_terminal() -> None:
    def fail() -> None:
        raise ValueError(HOSTILE)

    with pytest.raises(ValueError, match=re.escape(HOSTILE)) as failed:
        fail()
    raised = (failed.type, failed.value, failed.tb)
    told = LogLines().format(logging.LogRecord("x", logging.ERROR, "", 0, "failed", (), raised))
    assert told.startswith("failed\nTraceback (most recent call last):\n")
    assert not set("\x1b\x07\u202e") & set(told)
