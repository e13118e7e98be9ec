"""The Action's main command: package what the build wrote and make it a version. Nothing goes live."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..api import Api
from ..config import PRODUCTION, Connection, site_directory
from ..errors import NotAllowedError, NotFoundError, PullprodError
from ..paths import part
from ..publish import Published, checked_out, publish_site
from ..swaps import wait_until_shown
from . import markdown, workflow
from .commands import LIVE_WITHIN_S, Step
from .outcome import Outcome

Json = Mapping[str, Any]
_NO_TOKEN = 401


class MaskingApi(Api):
    """An Api that masks the secrets in its answers, the parts of upload URLs, before anybody can print them.

    `connect` gets another token when one has run out: a run's lives 15 minutes, and an upload may take longer.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        super().__init__(connect())
        self._connect = connect
        self._masked: set[str] = set()

    def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the JSON that a call answers, as `Api.call` does."""
        try:
            answer = super().call(method, path, body, headers)
        except NotAllowedError as refused:
            if refused.problem.get("status") != _NO_TOKEN:
                raise
            self.use(self._connect().token)
            answer = super().call(method, path, body, headers)
        for secret in _secrets(answer):
            if secret not in self._masked:
                self._masked.add(secret)
                workflow.mask(secret)
        return answer


def _secrets(answer: Json) -> Iterator[str]:
    """Return what makes upload URLs usable: a session's token, which all share, or without one each signature."""
    page = answer.get("uploads") or answer
    for item in page.get("items") or []:
        query = str(item.get("url", "")).partition("?")[2] if isinstance(item, dict) else ""
        pairs = dict(pair.partition("=")[::2] for pair in query.split("&"))
        yield from filter(None, [pairs.get("X-Amz-Security-Token") or pairs.get("X-Amz-Signature")])
        yield from filter(None, [pairs.get("signature")])


class _Log:
    """Tells each thing once: a log is read afterwards."""

    def __init__(self) -> None:
        self._files = self._bytes = 0

    def hashed(self, size: int) -> None:
        """Count."""
        self._files += 1
        self._bytes += size

    def expect(self, files: int, size: int) -> None:
        """Tell what there is, and what will be sent."""
        workflow.line(f"{self._files:,} files, {self._bytes:,} bytes; to send: {files:,} files, {size:,} bytes")

    def sent(self, size: int) -> None:
        """Ignore."""

    def waits(self) -> None:
        """Tell once what is waited for."""
        workflow.line("everything has arrived; the version is being prepared")


def publish(step: Step) -> Outcome:
    """Publish the site directory as a version of the commit that is checked out."""
    site = site_directory(step.project, step.inputs.path)
    commit = checked_out(step.project, site)
    if commit.dirty:
        workflow.line("there are uncommitted changes; the version is recorded as dirty")
    with workflow.group("pullprod: package and upload"):
        done = publish_site(step.api, step.app, step.project, site, commit, _Log())
    for kept in done.stayed:
        workflow.warning(f"{kept['pointer']} does not follow ({kept['guard']}): {kept['detail']}")
    pointer = _follow(step, done.version) or _showing(step, done)
    return Outcome(
        _outputs(done, pointer),
        f"{done.version['id']} is ready: {done.version['url'] or 'it has no address'}",
        _summary(step, done, pointer),
        sha=done.version["commit"],
        result={
            "version": done.version,
            "pointer": pointer,
            "uploaded_files": done.uploaded_files,
            "uploaded_bytes": done.uploaded_bytes,
        },
    )


def _follow(step: Step, version: Json) -> Json | None:
    """Point the pointer that the input `follow` names at the version; one that does not come warns: it is published."""
    if not step.inputs.follow:
        return None
    path = f"{step.app_path}/pointers/{part(step.inputs.follow)}"
    body = {"version": version["id"], "reason": step.inputs.reason or f"follows {version['branch'] or 'every push'}"}
    try:
        return wait_until_shown(step.api, path, step.api.call("PUT", path, body), LIVE_WITHIN_S)
    except PullprodError as refused:
        workflow.warning(f"{step.inputs.follow} does not follow: {refused}")
        return None


def _showing(step: Step, done: Published) -> Json | None:
    """Return a pointer that shows the version, also if it was ready before: a re-run has the outputs of the first."""
    if done.pointer and done.pointer["version"] == done.version["id"]:
        return done.pointer
    names = done.version["pointers"]
    return step.api.get(f"{step.app_path}/pointers/{part(names[0])}") if names else None


def _outputs(done: Published, pointer: Json | None) -> dict[str, str]:
    shown = pointer or {}
    return {
        "version": str(done.version["id"]),
        "url": str(done.version["url"] or ""),
        "pointer-url": str(shown.get("url") or ""),
        "state": str(done.version["state"]),
        "generation": str(shown.get("generation", "")),
        "previous": str(shown.get("previous") or ""),
        "uploaded-files": str(done.uploaded_files),
        "uploaded-bytes": str(done.uploaded_bytes),
        "changed": str(done.new).lower(),
    }


def _summary(step: Step, done: Published, pointer: Json | None) -> str:
    version = done.version
    saved = max(version["bytes"] - done.uploaded_bytes, 0)
    shown = f"{markdown.code(pointer['name'])} {markdown.link(pointer['url'])}" if pointer else "-"
    rows = [
        ("Version", markdown.code(version["id"])),
        ("Address", markdown.link(version["url"])),
        ("Shown by", shown),
        ("Files", f"{version['files']:,}, {version['bytes']:,} bytes"),
        ("Sent", f"{done.uploaded_files:,} files, {done.uploaded_bytes:,} bytes; {saved:,} bytes were there already"),
    ]
    live = pointer if pointer and pointer["name"] == PRODUCTION else None
    command = f"pullprod point production {version['id']} --app {step.app} --reason …"
    return (
        f"### {markdown.text(step.app)} {markdown.code(version['id'])}\n\n{markdown.table(rows)}"
        f"{_since_production(step, version, live)}\n"
        f"{'Production shows it.' if live else f'To show it to users: {markdown.code(command)}'}\n"
    )


def _since_production(step: Step, version: Json, live: Json | None) -> str:
    """Tell which commits users would gain and lose, or did: then production is `live` with the version."""
    if live and not live["previous"]:
        return "\nProduction showed nothing before.\n"
    before = live["previous"] if live else f"pointer:{PRODUCTION}"
    try:
        between = step.api.get(f"{step.app_path}/diff", **{"from": before, "to": version["id"]})
    except NotFoundError:
        return "\nProduction shows nothing yet.\n"
    except PullprodError as fault:
        workflow.warning(f"What differs from production could not be told: {fault}")
        return ""
    return markdown.differences(between, "Gained since production", "Lost against production")
