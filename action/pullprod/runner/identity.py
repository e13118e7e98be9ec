"""Who a workflow run is to the control plane: the runner's OIDC token, exchanged for a short-lived one of pullprod's.

Source: https://docs.github.com/actions/reference/security/oidc
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from ..api import Api, Bearer, pause
from ..config import Connection
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

    Every secret is masked before anything else is printed.

    Raises:
        UntrustedError: GitHub gives this run no identity, on purpose.
        NotAllowedError: the run could have an identity and has none, or it is not trusted with this app.
    """
    given = run.environ.get("PULLPROD_TOKEN", "").strip()
    if given:
        workflow.mask(given)
        return Connection(url, given)
    proof = _identity_token(run, url)
    workflow.mask(proof)
    answer = Api(Connection(url, proof)).call("POST", "/v1/token", {"app": app})
    token = str(answer["token"])
    workflow.mask(token)
    return Connection(url, token)


def _identity_token(run: Run, audience: str) -> str:
    address = run.environ.get("ACTIONS_ID_TOKEN_REQUEST_URL")
    secret = run.environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    if not address or not secret:
        raise _no_identity(run)
    workflow.mask(secret)
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
