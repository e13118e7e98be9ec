"""The ids by which GitHub knows a repository and its owner, whatever they are called tomorrow.

Source: https://docs.github.com/rest/repos/repos#get-a-repository
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import requests

from .api import Bearer
from .config import is_loopback
from .errors import NotFoundError, UnreachableError, UsageError

GITHUB_TIMEOUT_S = (10, 30)
GITHUB_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_BY_HAND = "Or give --repository-id and --owner-id."


def look_up(repository: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the ids of the repository `owner/name` and of its owner, asked with GITHUB_TOKEN if that is set.

    Raises:
        UsageError: GITHUB_API_URL would carry the token in the clear.
        NotFoundError: there is none of that name, or the token may not see it.
        UnreachableError: GitHub does not answer.
    """
    url = environ.get("GITHUB_API_URL", "https://api.github.com").rstrip("/")
    token = environ.get("GITHUB_TOKEN") or None
    if not url.startswith("https://") and not is_loopback(urlsplit(url).hostname):
        raise UsageError(f"GITHUB_API_URL is {url}: GitHub's API is reached over https. {_BY_HAND}")
    try:
        answer = requests.get(
            f"{url}/repos/{repository}",
            headers=GITHUB_HEADERS,
            auth=Bearer(token),
            timeout=GITHUB_TIMEOUT_S,
            allow_redirects=False,
        )
        if answer.status_code == requests.codes.ok:
            found = answer.json()
            return str(int(found["id"])), str(int(found["owner"]["id"]))
    except (requests.RequestException, ValueError, LookupError, TypeError):
        raise UnreachableError(
            f"GitHub does not tell the ids of {repository}: {url} does not answer. {_BY_HAND}"
        ) from None
    raise NotFoundError(f"{_reason(answer.status_code, repository, token)} {_BY_HAND}")


def _reason(status: int, repository: str, token: str | None) -> str:
    if status == requests.codes.moved_permanently:
        return f"{repository} is called otherwise by now: use its present name."
    if status == requests.codes.unauthorized:
        return "GITHUB_TOKEN is not valid."
    if status == requests.codes.not_found:
        hint = "the token may not see it" if token else "it is private: set GITHUB_TOKEN"
        return f"GitHub knows no repository {repository}, or {hint}."
    return f"GitHub answered {status} when it was asked for {repository}."
