"""Publishing a directory: package, announce, send what is missing, finalize."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from .api import Api, Json, part, pause
from .config import Project
from .errors import PullprodError
from .git import Commit
from .package import PackagedFile
from .upload import ExpiredError, Uploader

_ROUNDS = 3
_WAIT = 10


class Meter(Protocol):
    """Is told what happens, to draw it."""

    def expect(self, files: int, size: int) -> None:
        """So much will be sent."""

    def sent(self, size: int) -> None:
        """One file was sent."""


@dataclass(frozen=True)
class Published:
    """What a publish did; `stayed` are the pointers that do not follow to the version, each with the reason."""

    version: Json
    pointer: Json | None
    stayed: Sequence[Json]
    uploaded_files: int
    uploaded_bytes: int


def manifest(project: Project, commit: Commit, files: Sequence[PackagedFile]) -> Json:
    """Return the manifest of a version as the API takes it."""
    facts = asdict(commit)
    facts["commit"] = facts.pop("sha")
    listed = [{"path": f.path, "size": f.size, "sha256": f.sha256, "type": f.type} for f in files]
    site = {"clean_urls": project.site.clean_urls, "spa": project.site.spa}
    return {**facts, "site": site, "health": {"paths": list(project.health)}, "files": listed}


def publish(api: Api, app: str, announced: Json, files: Sequence[PackagedFile], meter: Meter) -> Published:
    """Publish a manifest whose files are on this machine; repeating it continues where it stopped.

    Raises:
        PullprodError: it was refused, or could not be finished; what has arrived is kept.
    """
    begun = api.call("POST", f"/v1/apps/{part(app)}/versions", announced)
    version: Json = begun["version"]
    if version["state"] == "ready":
        return Published(version, None, begun["stayed"], 0, 0)
    meter.expect(begun["missing_files"], begun["missing_bytes"])
    uploader = Uploader(files, meter.sent)
    path = f"/v1/apps/{part(app)}/versions/{part(version['id'])}"
    page: Json | None = begun["uploads"]
    for last in (*[False] * (_ROUNDS - 1), True):
        try:
            _send_all(api, path, page, uploader)
            done = _finalized(api, path)
        except PullprodError as fault:
            if last or not (isinstance(fault, ExpiredError) or fault.problem.get("code") == "upload-incomplete"):
                raise
            page = None
            continue
        return Published(done["version"], done["pointer"], done["stayed"], uploader.files, uploader.bytes)
    raise AssertionError("the last round returns or raises")


def _send_all(api: Api, path: str, page: Json | None, uploader: Uploader) -> None:
    """Send page after page; None asks afresh for what is still missing."""
    page = page or api.call("POST", f"{path}/uploads", {"cursor": None})
    while True:
        uploader.send(page["items"])
        if page["next_cursor"] is None:
            return
        page = api.call("POST", f"{path}/uploads", {"cursor": page["next_cursor"]})


def _finalized(api: Api, path: str) -> Json:
    """A version whose address does not answer yet is asked again a few times."""
    for attempt in range(_WAIT):
        try:
            return api.call("POST", f"{path}/finalize", {})
        except PullprodError as refused:
            if refused.problem.get("state") != "preparing" or attempt == _WAIT - 1:
                raise
        pause(min(attempt, 4))
    raise AssertionError("the last attempt returns or raises")
