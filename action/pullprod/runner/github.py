"""GitHub's API, as far as a step speaks to it: one comment a pull request and app, a deployment, a commit status.

None of it decides whether a step succeeds: what fails here is told as a warning.
Sources: https://docs.github.com/rest/issues/comments, /rest/deployments/statuses, /rest/commits/statuses
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import requests

from ..api import Bearer
from ..errors import PullprodError

_TIMEOUT_S = (10, 30)
_PAGE = 100
_MAX_PAGES = 50
_MAX_COMMENT = 65_536
_MAX_STATUS = 140
_VERSION = "2022-11-28"
_FIXES = {
    401: "The github-token is not valid.",
    403: "The token may not do that: add {permission} to the job's permissions.",
    404: "The token may not see that: add {permission} to the job's permissions.",
    410: "Comments are locked or turned off there.",
    422: "GitHub does not take it.",
}


class GitHub:
    """Calls on behalf of one repository, like `owner/name`."""

    def __init__(self, url: str, repository: str, token: str) -> None:
        self._base = f"{url.rstrip('/')}/repos/{repository}"
        self._session = requests.Session()
        self._session.auth = Bearer(token)
        self._session.headers.update({"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": _VERSION})

    def comment(self, pull_request: int, app: str, markdown: str) -> None:
        """Write the one comment that this app has on a pull request, or replace what it says.

        Raises:
            PullprodError: GitHub refuses, or does not answer.
        """
        mark = f"<!-- pullprod:{hashlib.sha256(app.encode()).hexdigest()[:16]} -->"
        body = {"body": f"{mark}\n{markdown}"[:_MAX_COMMENT]}
        existing = next(
            (c["id"] for c in self._comments(pull_request) if str(c.get("body", "")).startswith(mark)), None
        )
        needed = "`pull-requests: write`"
        if existing is None:
            self._call("POST", f"/issues/{pull_request}/comments", needed, body)
        else:
            self._call("PATCH", f"/issues/comments/{existing}", needed, body)

    def deployment(self, sha: str, environment: str, url: str) -> None:
        """Record that a commit can be looked at under `url`. Older deployments stay active: nothing went away."""
        needed = "`deployments: write`"
        wanted = {
            "ref": sha,
            "environment": environment,
            "auto_merge": False,
            "required_contexts": [],
            "transient_environment": environment != "production",
            "production_environment": environment == "production",
        }
        made = self._call("POST", "/deployments", needed, wanted)
        status = {"state": "success", "environment_url": url, "auto_inactive": False}
        self._call("POST", f"/deployments/{made['id']}/statuses", needed, status)

    def status(self, sha: str, state: str, description: str, url: str) -> None:
        """Tell on a commit whether it is, was or never was production."""
        wanted = {
            "state": state,
            "context": "pullprod/production",
            "description": description[:_MAX_STATUS],
            "target_url": url,
        }
        self._call("POST", f"/statuses/{sha}", "`statuses: write`", wanted)

    def _comments(self, pull_request: int) -> Iterator[dict[str, Any]]:
        for page in range(1, _MAX_PAGES + 1):
            path = f"/issues/{pull_request}/comments?per_page={_PAGE}&page={page}"
            listed = self._call("GET", path, "`pull-requests: write`")
            yield from listed
            if len(listed) < _PAGE:
                return

    def _call(self, method: str, path: str, permission: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = self._session.request(
                method, self._base + path, json=body, timeout=_TIMEOUT_S, allow_redirects=False
            )
            if answer.ok:
                return answer.json()
        except (requests.RequestException, ValueError):
            raise PullprodError("GitHub's API does not answer. Nothing but this is missing.") from None
        fix = _FIXES.get(answer.status_code, f"GitHub answered {answer.status_code}.")
        raise PullprodError(fix.format(permission=permission))
