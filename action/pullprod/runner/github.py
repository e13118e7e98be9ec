"""GitHub's API, as far as a step speaks to it: one comment a pull request and app, a deployment, a commit status.

None of it decides whether a step succeeds: what fails here is told as a warning.
Sources: https://docs.github.com/rest/issues/comments, /rest/deployments/statuses, /rest/commits/statuses
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import requests

from ..api import Bearer
from ..config import PRODUCTION
from ..errors import PullprodError
from ..repository_ids import GITHUB_HEADERS, GITHUB_TIMEOUT_S
from .markdown import beginning

_PAGE = 100
_MAX_PAGES = 50
_MAX_COMMENT = 65_536
_MAX_STATUS = 140
_COMMENTS = "pull-requests"
_FIXES = {
    401: "The github-token is not valid.",
    410: "Comments are locked or turned off there.",
    422: "GitHub does not take it.",
}
_WRITERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})


class MissingPermissionError(PullprodError):
    """The job's token does not cover a call."""


class GitHub:
    """Calls on behalf of one repository, like `owner/name`."""

    def __init__(self, url: str, repository: str, token: str) -> None:
        self._base = f"{url.rstrip('/')}/repos/{repository}"
        self._session = requests.Session()
        self._session.auth = Bearer(token)
        self._session.headers.update(GITHUB_HEADERS)

    def comment(self, pull_request: int, app: str, markdown: str) -> None:
        """Write the one comment that this app has on a pull request, or replace what it says.

        Runs that do so at the same time agree on the oldest of their comments.

        Raises:
            PullprodError: GitHub refuses, or does not answer.
        """
        mark = f"<!-- pullprod:{hashlib.sha256(app.encode()).hexdigest()[:16]} -->"
        body = {"body": beginning(f"{mark}\n{markdown}", _MAX_COMMENT)}
        ours = self._ours(pull_request, mark)
        if not ours:
            self._call("POST", f"/issues/{pull_request}/comments", _COMMENTS, body)
            ours = self._ours(pull_request, mark)
            if len(ours) < 2:  # noqa: PLR2004 - nobody else was as quick.
                return
        self._call("PATCH", f"/issues/comments/{ours[0]}", _COMMENTS, body)
        for surplus in ours[1:]:
            with suppress(MissingPermissionError):  # Another run was faster, and it is gone.
                self._call("DELETE", f"/issues/comments/{surplus}", _COMMENTS)

    def _ours(self, pull_request: int, mark: str) -> list[int]:
        """Return the ids of our comments, oldest first. A mark that a stranger copied makes no comment ours."""
        listed = self._comments(pull_request)
        return sorted(c["id"] for c in listed if _by_writer(c) and str(c.get("body", "")).startswith(mark))

    def deployment(self, sha: str, environment: str, url: str) -> None:
        """Record that a commit can be looked at under `url`. Older deployments stay active: nothing went away."""
        wanted = {
            "ref": sha,
            "environment": environment,
            "auto_merge": False,
            "required_contexts": [],
            "transient_environment": environment != PRODUCTION,
            "production_environment": environment == PRODUCTION,
        }
        made = self._call("POST", "/deployments", "deployments", wanted)
        status = {"state": "success", "environment_url": url, "auto_inactive": False}
        self._call("POST", f"/deployments/{made['id']}/statuses", "deployments", status)

    def status(self, sha: str, name: str, state: str, description: str, url: str) -> None:
        """Set the status of that name on a commit; `url` may be empty."""
        wanted = {"state": state, "context": name, "description": description[:_MAX_STATUS]}
        if url:
            wanted["target_url"] = url
        self._call("POST", f"/statuses/{sha}", "statuses", wanted)

    def _comments(self, pull_request: int) -> Iterator[dict[str, Any]]:
        for page in range(1, _MAX_PAGES + 1):
            path = f"/issues/{pull_request}/comments?per_page={_PAGE}&page={page}"
            listed = self._call("GET", path, _COMMENTS)
            yield from listed
            if len(listed) < _PAGE:
                return

    def _call(self, method: str, path: str, permission: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = self._session.request(
                method, self._base + path, json=body, timeout=GITHUB_TIMEOUT_S, allow_redirects=False
            )
            if answer.ok and not answer.is_redirect:  # As where the repository has a new name.
                return answer.json() if answer.content else None
        except (requests.RequestException, ValueError):
            raise PullprodError("GitHub's API does not answer.") from None
        raise _refusal(answer, permission)


def _by_writer(comment: Mapping[str, Any]) -> bool:
    """Tell whether a comment is by an app, or by somebody who may write here: their token may be ours."""
    return (comment.get("user") or {}).get("type") == "Bot" or comment.get("author_association") in _WRITERS


def _refusal(answer: requests.Response, permission: str) -> PullprodError:
    if "Retry-After" in answer.headers or answer.headers.get("X-RateLimit-Remaining") == "0":
        return PullprodError("GitHub's API has had too many calls with this token.")
    if answer.status_code in {403, 404}:
        return MissingPermissionError(f"The github-token may not: add `{permission}: write` to the job's permissions.")
    return PullprodError(_FIXES.get(answer.status_code, f"GitHub's API answered {answer.status_code}."))
