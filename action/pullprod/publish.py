"""Publishing a directory: package, announce, send what is missing, finalize."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from . import git
from .api import Api, Json, pause
from .config import Function, Project
from .errors import NotLiveError, PullprodError
from .git import Commit
from .package import PackagedFile, packaged
from .paths import part
from .upload import ExpiredError, Uploader

_ROUNDS = 3
_PATIENCE_S = 300
_SLOWEST = 4  # Attempts, after which pauses are no longer than about three seconds.


class Meter(Protocol):
    """Is told what happens, to draw it."""

    def hashed(self, size: int) -> None:
        """One file was read."""

    def expect(self, files: int, size: int) -> None:
        """So much will be sent."""

    def sent(self, size: int) -> None:
        """One file was sent."""

    def waits(self) -> None:
        """Everything has arrived, and the version is being prepared; said once."""


@dataclass(frozen=True)
class Published:
    """What a publish did; `stayed` are the pointers that do not follow to the version, each with the reason.

    It is `new` unless the version was ready before; then `pointer` is None.
    """

    version: Json
    pointer: Json | None
    stayed: Sequence[Json]
    uploaded_files: int
    uploaded_bytes: int
    new: bool


def checked_out(project: Project, site: Path | None, branch: str | None = None) -> Commit:
    """Return the commit that a site belongs to: that of the work tree it lies in, else of the project's own.

    Raises:
        UsageError: there is none.
    """
    return git.read(site if site and git.is_work_tree(site) else project.root, branch)


def publish_site(api: Api, app: str, project: Project, site: Path | None, commit: Commit, meter: Meter) -> Published:
    """Package a site and the project's functions, and publish them as a version of `commit`.

    Raises:
        PullprodError: something in it cannot be published, it was refused, or it could not be finished.
    """
    with packaged(project, site, meter.hashed) as (files, zips):
        return publish(api, app, manifest(project, commit, files, zips), [*files, *zips], meter)


def manifest(
    project: Project, commit: Commit, files: Sequence[PackagedFile], zips: Sequence[PackagedFile] = ()
) -> Json:
    """Return the manifest of a version as the API takes it; `zips` are those of the project's functions, in order."""
    facts = asdict(commit)
    facts["commit"] = facts.pop("sha")
    listed = [{"path": f.path, "size": f.size, "sha256": f.sha256, "type": f.type} for f in files]
    programs = [_function(f, packed) for f, packed in zip(project.functions, zips, strict=True)]
    functions = {"functions": programs} if programs else {}
    site = {"clean_urls": project.site.clean_urls, "spa": project.site.spa}
    return {**facts, "site": site, "health": {"paths": list(project.health)}, "files": listed, **functions}


def _function(function: Function, packed: PackagedFile) -> Json:
    facts = asdict(function)
    del facts["source"]
    return {**facts, "routes": list(function.routes), "sha256": packed.sha256, "size": packed.size}


def publish(api: Api, app: str, announced: Json, files: Sequence[PackagedFile], meter: Meter) -> Published:
    """Publish a manifest whose files are on this machine; repeating it continues where it stopped.

    Raises:
        PullprodError: it was refused, or could not be finished; what has arrived is kept.
    """
    begun = api.call("POST", f"/v1/apps/{part(app)}/versions", announced)
    version: Json = begun["version"]
    if version["state"] == "ready":
        return Published(version, None, begun["stayed"], 0, 0, new=False)
    meter.expect(begun["missing_files"], begun["missing_bytes"])
    uploader = Uploader(files, meter.sent)
    path = f"/v1/apps/{part(app)}/versions/{part(version['id'])}"
    page: Json | None = begun["uploads"]
    for last in (*[False] * (_ROUNDS - 1), True):
        try:
            _send_all(api, path, page, uploader)
            done = _finalized(api, path, meter)
        except PullprodError as fault:
            if last or not (isinstance(fault, ExpiredError) or fault.problem.get("code") == "upload-incomplete"):
                raise
            page = None
            continue
        sent = (uploader.files, uploader.bytes)
        return Published(done["version"], done["pointer"], done["stayed"], *sent, new=True)
    raise AssertionError("the last round returns or raises")


def _send_all(api: Api, path: str, page: Json | None, uploader: Uploader) -> None:
    """Send page after page, the next of which is asked for meanwhile; None asks afresh for what is still missing."""

    def asked(cursor: str | None) -> Json:
        return api.call("POST", f"{path}/uploads", {"cursor": cursor})

    page = page or asked(None)
    beside = ThreadPoolExecutor(1)
    try:
        while page["next_cursor"] is not None:
            following = beside.submit(asked, page["next_cursor"])
            uploader.send(page["items"])
            page = following.result()
        uploader.send(page["items"])
    finally:
        # Whoever is interrupted, or failed to send, does not wait for a control plane that says nothing.
        beside.shutdown(wait=False, cancel_futures=True)


def _finalized(api: Api, path: str, meter: Meter) -> Json:
    """Ask until the version is ready; what takes long is finished by the control plane, whether asked or not."""
    until, attempt = time.monotonic() + _PATIENCE_S, 0
    done = api.call("POST", f"{path}/finalize", {})
    while done["version"]["state"] != "ready" and time.monotonic() < until:
        if attempt == 0:
            meter.waits()
        pause(min(attempt, _SLOWEST))
        attempt += 1
        done = api.call("POST", f"{path}/finalize", {})
    if done["version"]["state"] == "ready":
        return done
    raise NotLiveError(
        f"{done['version']['id']} has arrived and is still being prepared. It becomes ready by itself: "
        f"look with `pullprod show {done['version']['id']}`."
    )
