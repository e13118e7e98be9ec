"""Who a workflow run is to the control plane: the runner's OIDC token, exchanged for a short-lived one of pullprod's.

Source: https://docs.github.com/actions/reference/security/oidc
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from ..api import Api, Bearer, pause
from ..config import Connection, checked_token
from ..errors import NotAllowedError, PullprodError, UnreachableError
from . import workflow

_TIMEOUT_S = (10, 30)
_ATTEMPTS = 5
_DEPENDABOT = "dependabot[bot]"


class UntrustedError(NotAllowedError):
    """The run cannot identify itself by GitHub's own design: a fork's pull request, or Dependabot's."""


@dataclass(frozen=True)
class Run:
    """What the runner's environment says of this run; `event` is the payload of the event that started it."""

    environ: Mapping[str, str]
    event: Mapping[str, Any]

    @property
    def pull_request(self) -> Mapping[str, Any] | None:
        """Return the pull request that started the run, or None."""
        found = self.event.get("pull_request")
        return found if isinstance(found, dict) else None

    @property
    def from_fork(self) -> bool:
        """Tell whether the run is for a pull request from another repository."""
        head = ((self.pull_request or {}).get("head") or {}).get("repo") or {}
        base = ((self.pull_request or {}).get("base") or {}).get("repo") or {}
        return self.pull_request is not None and head.get("id") != base.get("id")

    @property
    def by_dependabot(self) -> bool:
        """Tell whether Dependabot started the run."""
        return self.environ.get("GITHUB_ACTOR") == _DEPENDABOT


def read_run(environ: Mapping[str, str]) -> Run:
    """Return the run; a payload that cannot be read counts as empty."""
    try:
        event = json.loads(Path(environ.get("GITHUB_EVENT_PATH", "")).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        event = {}
    return Run(environ, event if isinstance(event, dict) else {})


def connect(run: Run, url: str, app: str) -> Connection:
    """Return a connection with a token for `app`: PULLPROD_TOKEN if it is set, else one that OIDC gets us.

    Whatever it gets is masked before anything else is printed.

    Raises:
        UntrustedError: GitHub gives this run no identity, on purpose.
        NotAllowedError: the run could have an identity and has none, or it is not trusted with this app.
    """
    given = run.environ.get("PULLPROD_TOKEN", "").strip()
    if given:
        return Connection(url, checked_token(given))
    try:
        return _exchanged(run, url, app)
    except NotAllowedError as refused:
        # A proof is good for one exchange. If the answer to it was lost, the repeat says so.
        if refused.problem.get("reason") == "replayed":
            return _exchanged(run, url, app)
        if isinstance(refused, UntrustedError) or "status" not in refused.problem:
            raise
        raise NotAllowedError(_explained(refused, run, url, app), refused.problem) from None


def _exchanged(run: Run, url: str, app: str) -> Connection:
    proof = _identity_token(run, url)
    workflow.mask(proof)
    token = str(Api(Connection(url, proof)).call("POST", "/v1/token", {"app": app})["token"])
    workflow.mask(token)
    return Connection(url, token)


def _explained(refused: NotAllowedError, run: Run, url: str, app: str) -> str:
    """Say what a refused exchange means to whoever wrote the workflow, and what they can change."""
    problem, repository = refused.problem, run.environ.get("GITHUB_REPOSITORY", "this repository")
    if problem.get("reason") == "audience":
        return f"The input url is {url}, but the control plane there is {problem['audience']}: give that address."
    if problem.get("reason") == "issuer":
        server = run.environ.get("GITHUB_SERVER_URL", "this server")
        return f"The control plane takes no identities from {server}: name its issuer in the control plane's settings."
    wanted = problem.get("would_admit")
    if not wanted:
        return str(refused)
    differs = next(iter(problem.get("mismatches") or []), None)
    if differs is None or differs["claim"] in {"repository_id", "repository_owner_id"}:
        return (
            f"The app {app} does not trust {repository}: an admin of the control plane runs `pullprod app trust add "
            f"{repository} --app {shlex.quote(app)} --repository-id {wanted['repository_id']} --owner-id "
            f"{wanted['repository_owner_id']}`."
        )
    return (
        f"The app {app} trusts {repository} only where {differs['claim']} is {differs['expected']}, and this run's is "
        f"{differs['found'] or 'not set'}: run it from there, or an admin of the control plane changes the app's trust."
    )


def _identity_token(run: Run, audience: str) -> str:
    address = run.environ.get("ACTIONS_ID_TOKEN_REQUEST_URL")
    secret = run.environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    if not address or not secret:
        raise _no_identity(run)
    joint = "&" if "?" in address else "?"
    return _fetched(f"{address}{joint}audience={quote(audience, safe='')}", secret)


def _no_identity(run: Run) -> PullprodError:
    if run.from_fork:
        return UntrustedError(
            "A pull request from a fork gets no identity from GitHub, so nothing is published for it."
        )
    if run.by_dependabot:
        return UntrustedError("A run that Dependabot started gets no identity, so nothing is published for it.")
    if run.environ.get("GITHUB_ACTIONS") != "true":
        return NotAllowedError("This is no GitHub workflow, so there is no identity: set PULLPROD_TOKEN.")
    return NotAllowedError(
        "The job may not identify itself. Add `permissions: {id-token: write}` to it, and to the calling workflow "
        "if this one is reusable."
    )


def _fetched(address: str, secret: str) -> str:
    with requests.Session() as session:
        session.auth = Bearer(secret)
        for attempt in range(_ATTEMPTS):
            try:
                answer = session.get(address, timeout=_TIMEOUT_S, allow_redirects=False)
                if answer.ok:
                    return str(answer.json()["value"])
            except (requests.RequestException, ValueError, KeyError, TypeError):
                pass
            if attempt < _ATTEMPTS - 1:
                pause(attempt)
    raise UnreachableError("GitHub did not give this run an identity token. Run the job again; see githubstatus.com.")
