"""What a command of the Action came to: the outputs, always the same ones, and what people are shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NAMES = (
    "version",
    "url",
    "pointer-url",
    "state",
    "generation",
    "previous",
    "uploaded-files",
    "uploaded-bytes",
    "changed",
    "result",
)
# A later step that puts the result into its environment may have no more: Linux takes 128 KB for one variable.
_MAX_RESULT = 100_000
_NOTHING = {"uploaded-files": "0", "uploaded-bytes": "0", "changed": "false", "result": "{}"}


@dataclass(frozen=True)
class Outcome:
    """`outputs` hold what is known; `headline` is the one closing line, `summary` Markdown for the job's summary.

    `sha` is the commit of the version that the outcome is about, if there is one.
    """

    outputs: Mapping[str, str]
    headline: str
    summary: str = ""
    failed: bool = False
    sha: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)

    def all_outputs(self) -> dict[str, str]:
        """Return every output; those that this outcome does not know are empty, counts are 0."""
        known = {**_NOTHING, **self.outputs, "result": _compact(self.result)}
        return {name: known.get(name, "") for name in NAMES}


def _compact(result: Mapping[str, Any]) -> str:
    """Return the result as JSON in ASCII; in one that would be too long lists end early, and `truncated` says so."""
    text = json.dumps(result, separators=(",", ":"))
    for most in (1_000, 100, 10, 1):
        if len(text) <= _MAX_RESULT:
            break
        text = json.dumps({**_cut(result, most), "truncated": True}, separators=(",", ":"))
    return text


def _cut(value: Any, most: int) -> Any:
    if isinstance(value, list):
        return [_cut(item, most) for item in value[:most]]
    return {key: _cut(item, most) for key, item in value.items()} if isinstance(value, Mapping) else value


def failed(problem: Mapping[str, Any]) -> Outcome:
    """Return the outcome of a command that was refused or could not be finished, as a swap that is not live in time."""
    swap = problem.get("swap")
    known = of_pointer(problem["pointer"], changed=swap["from"] != swap["to"]) if swap else {}
    return Outcome({**known, "state": "failed"}, str(problem["detail"]), failed=True, result=dict(problem))


def skipped(detail: str) -> Outcome:
    """Return the outcome of a run that has no identity by GitHub's design."""
    return Outcome({"state": "skipped"}, detail, result={"code": "skipped", "detail": detail})


def of_pointer(pointer: Mapping[str, Any], *, changed: bool) -> dict[str, str]:
    """Return the outputs that tell where a pointer stands."""
    return {
        "version": str(pointer["version"] or ""),
        "url": str(pointer["url"] or ""),
        "pointer-url": str(pointer["url"] or ""),
        "state": str(pointer["state"]),
        "generation": str(pointer["generation"]),
        "previous": str(pointer["previous"] or ""),
        "changed": str(changed).lower(),
    }
