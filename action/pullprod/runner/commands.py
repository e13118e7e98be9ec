"""The commands of the Action, one function each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..api import Api
from ..config import Project
from ..paths import part
from ..swaps import wait_until_shown
from . import markdown, workflow
from .identity import Run
from .inputs import Inputs
from .outcome import Outcome, of_pointer

Json = Mapping[str, Any]
LIVE_WITHIN_S = 120
_MAX_WARNINGS = 10  # Of one step; GitHub drops the others: https://github.com/orgs/community/discussions/26680
_MAX_LISTED = 100


@dataclass(frozen=True)
class Step:
    """Everything that a command acts with."""

    inputs: Inputs
    project: Project
    app: str
    api: Api
    run: Run

    @property
    def app_path(self) -> str:
        """Return the app's path in the API."""
        return f"/v1/apps/{part(self.app)}"

    @property
    def pointer_path(self) -> str:
        """Return the path of the pointer that is meant."""
        return f"{self.app_path}/pointers/{part(self.inputs.pointer)}"


def point(step: Step) -> Outcome:
    """Point the pointer at a version, and wait until viewers see it."""
    body = {"version": step.inputs.version, "reason": step.inputs.reason}
    return _swapped(step, step.api.call("PUT", step.pointer_path, body))


def rollback(step: Step) -> Outcome:
    """Show the previously shown version again, or the one that is named."""
    body = {"reason": step.inputs.reason, "to": step.inputs.version}
    return _swapped(step, step.api.call("POST", f"{step.pointer_path}/rollback", body))


def _swapped(step: Step, answer: dict[str, Any]) -> Outcome:
    swap = answer["swap"]
    pointer = wait_until_shown(step.api, step.pointer_path, answer, LIVE_WITHIN_S)
    rows = [
        ("Pointer", markdown.code(pointer["name"])),
        ("Shows", markdown.code(swap["to"])),
        ("Before", markdown.code(swap["from"] or "nothing")),
        ("Generation", str(swap["generation"])),
        ("By", markdown.text(swap["by"])),
        ("Reason", markdown.text(swap["reason"])),
        ("Address", markdown.link(pointer["url"])),
    ]
    return Outcome(
        of_pointer(pointer, changed=swap["from"] != swap["to"]),
        f"{pointer['name']} shows {pointer['version']}: {pointer['url'] or 'it has no address'}",
        f"### {markdown.text(step.app)}\n\n{markdown.table(rows)}",
        sha=_commit(step, swap["to"]),
        result={"pointer": pointer, "swap": swap},
    )


def _commit(step: Step, version: str) -> str:
    return str(step.api.get(f"{step.app_path}/versions/{part(version)}")["commit"])


def plan(step: Step) -> Outcome:
    """Tell what pointing at a version would do; nothing is changed."""
    found = step.api.call("POST", f"{step.pointer_path}/plan", {"version": step.inputs.version})
    guards = [(markdown.text(g["name"]), f"{g['outcome']}: {markdown.text(g['detail'])}") for g in found["guards"]]
    verdict = "would be done" if found["allowed"] else "would be refused"
    version = found["version"]
    return Outcome(
        {**of_pointer(found["pointer"], changed=False), "version": version["id"], "url": str(version["url"] or "")},
        f"Pointing {step.inputs.pointer} at {version['id']} {verdict}.",
        f"### {markdown.text(step.app)}: {markdown.text(step.inputs.pointer)} → {markdown.code(version['id'])} "
        f"{verdict}\n\n{markdown.table(guards)}"
        f"{markdown.differences(found, 'Commits gained', 'Commits lost')}",
        sha=version["commit"],
        result=found,
    )


def hold(step: Step) -> Outcome:
    """Hold the pointer."""
    held = step.api.call("PUT", f"{step.pointer_path}/hold", {"reason": step.inputs.reason, "until": None})
    line = f"{held['name']} is held: {step.inputs.reason}"
    return Outcome(of_pointer(held, changed=True), line, f"{markdown.text(line)}\n", result={"pointer": held})


def unhold(step: Step) -> Outcome:
    """Release the pointer."""
    before = step.api.get(step.pointer_path)
    free = step.api.call("DELETE", f"{step.pointer_path}/hold")
    line = f"{free['name']} is free to move."
    outputs = of_pointer(free, changed=before["hold"] is not None)
    return Outcome(outputs, line, f"{markdown.text(line)}\n", result={"pointer": free})


def status(step: Step) -> Outcome:
    """Tell what the pointer shows."""
    found = step.api.get(step.pointer_path)
    shown = found["version"] or "nothing"
    rows = [
        ("Pointer", markdown.code(found["name"])),
        ("Shows", markdown.code(shown)),
        ("Since", markdown.text(found["moved_at"] or "-")),
        ("By", markdown.text(found["moved_by"] or "-")),
        ("Held", markdown.text(found["hold"]["reason"]) if found["hold"] else "no"),
        ("Address", markdown.link(found["url"])),
    ]
    line = f"{found['name']} shows {shown}: {found['url'] or 'it has no address'}"
    summary = f"### {markdown.text(step.app)}\n\n{markdown.table(rows)}"
    sha = _commit(step, found["version"]) if found["version"] else None
    return Outcome(of_pointer(found, changed=False), line, summary, sha=sha, result={"pointer": found})


def prune(step: Step) -> Outcome:
    """Retire the pointers of idle branches, and remove the versions that retention lets go."""
    gone = step.api.call("POST", f"{step.app_path}/prune", {"dry_run": False})
    what = f"{len(gone['pointers'])} pointer(s) of idle branches, {len(gone['versions'])} version(s)"
    line = f"{what} and {gone['objects']:,} object(s) went, {gone['kept']} version(s) stay."
    line += " There is more: the reconciler removes it, within minutes." if gone["pending"] else ""
    changed = bool(gone["pointers"] or gone["versions"] or gone["objects"])
    outputs = {"state": "pruned", "changed": str(changed).lower()}
    return Outcome(outputs, line, f"{line}\n", result=gone)


def audit(step: Step) -> Outcome:
    """Check chain, routes and files; a finding fails the step. What is live, but not on main, is told, too."""
    report = step.api.get(f"{step.app_path}/audit")
    unmerged = [f"{live['pointer']} shows {live['version']}, not on main." for live in report["live_not_on_main"]]
    for told in unmerged:
        workflow.line(told)
    for finding in report["findings"][:_MAX_WARNINGS]:
        workflow.warning(f"{finding['code']} {finding['subject']}: {finding['detail']}")
    checked = ", ".join(f"{count:,} {what}" for what, count in report["checked"].items())
    line = f"{'All is well' if report['ok'] else 'Something is not as the ledger says'}: {checked} checked."
    state = "ok" if report["ok"] else "drifted"
    listed = "".join(f"- {markdown.text(told)}\n" for told in unmerged)
    summary = f"### Audit of {markdown.text(step.app)}\n\n{line}\n\n{_findings(report['findings'])}\n{listed}"
    return Outcome({"state": state}, line, summary, failed=not report["ok"], result=report)


def _findings(findings: list[Json]) -> str:
    if not findings:
        return ""
    listed = findings[:_MAX_LISTED]
    rows = [(markdown.code(f["subject"]), f"{f['code']}: {markdown.text(f['detail'])}") for f in listed]
    more = [("", f"and {len(findings) - _MAX_LISTED:,} more")] if len(findings) > _MAX_LISTED else []
    return markdown.table([*rows, *more])


COMMANDS: Mapping[str, Callable[[Step], Outcome]] = {
    "point": point,
    "rollback": rollback,
    "plan": plan,
    "hold": hold,
    "unhold": unhold,
    "status": status,
    "prune": prune,
    "audit": audit,
}
