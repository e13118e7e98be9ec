"""What workflows use of others."""

from __future__ import annotations

import re
from collections import defaultdict

from tests.support.workflows import ROOT

WORKFLOWS = [*(ROOT / "examples").glob("*.yml"), *(ROOT / ".github" / "workflows").glob("*.yml")]


def test_each_action_of_others_is_pinned_to_one_commit_everywhere() -> None:
    pins = defaultdict(set)
    for path in WORKFLOWS:
        for action, pin in re.findall(r"uses: (\S+)@(.+)", path.read_text()):
            pins[action].add(pin)

    assert pins.pop("org/pullprod") == {"v1"}
    assert {len(found) for found in pins.values()} == {1}
    assert all(re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", pin) for found in pins.values() for pin in found)
