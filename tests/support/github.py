"""GitHub's REST API on loopback, as far as workflows with pullprod call it, and stricter than GitHub's own.

Like GitHub it refuses tokens without the permission, bodies with fields that it does not take, and commits that it does
not know; unlike GitHub it also refuses what GitHub only overlooks: a request that does not name the media type and the
version of the API, and query parameters without meaning. Lists come in pages.
Sources: https://docs.github.com/rest, chapters issues/comments, issues/issues, deployments, commits/statuses.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.serving import serving

Json = dict[str, Any]
MEDIA_TYPE = "application/vnd.github+json"
API_VERSION = "2022-11-28"
REPOSITORY = "acme/shop"
EVERYTHING = dict.fromkeys(("contents", "issues", "pull-requests", "deployments", "statuses"), "write")
_PER_PAGE = {"per_page", "page"}
_MAX_PAGE = 100
_MAX_BODY = 65_536
_MAX_DESCRIPTION = 140
_MAX_CONTEXT = 255
_STATES = {
    "statuses": {"error", "failure", "pending", "success"},
    "deployment": {"error", "failure", "inactive", "in_progress", "queued", "pending", "success"},
}


class Refused(Exception):
    """An answer other than success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Call:
    """One request that was let in; `login` is the account that the token belongs to."""

    numbers: tuple[str, ...]
    query: Mapping[str, str]
    body: Json
    login: str


@dataclass(frozen=True)
class Token:
    """Who a token is, and its permissions, named as in a workflow's `permissions`."""

    permissions: Mapping[str, str] = field(default_factory=lambda: EVERYTHING)
    login: str = "github-actions[bot]"


@dataclass
class GitHub:
    """What the repository `acme/shop` holds. `outage` is a status that every call is answered with meanwhile."""

    url: str = ""
    tokens: dict[str, Token] = field(default_factory=lambda: {"ghs_all": Token()})
    pull_requests: set[int] = field(default_factory=lambda: {7})
    comments: dict[int, list[Json]] = field(default_factory=dict)
    issues: dict[int, Json] = field(default_factory=dict)
    deployments: list[Json] = field(default_factory=list)
    statuses: dict[str, list[Json]] = field(default_factory=dict)
    unknown_commits: set[str] = field(default_factory=set)
    public: bool = False
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    outage: int | None = None
    _last_id: int = 1_000

    def new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def say(self, number: int, body: str, login: str = "octocat", association: str = "NONE") -> Json:
        """Let somebody comment."""
        kind = "Bot" if login.endswith("[bot]") else "User"
        said = {"id": self.new_id(), "body": body, "user": {"login": login, "type": kind}}
        said["author_association"] = association
        self.comments.setdefault(number, []).append(said)
        return said

    def active_deployments(self) -> list[Json]:
        """Return the deployments whose last status is success."""
        return [d for d in self.deployments if d["statuses"] and d["statuses"][-1]["state"] == "success"]


@dataclass(frozen=True)
class Route:
    """A method and path, the permissions of which one is needed, and what the body and the query may hold."""

    method: str
    path: str
    act: Callable[[GitHub, Call], tuple[int, Any]]
    permissions: tuple[str, ...]
    fields: Mapping[str, type] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    query: frozenset[str] = frozenset()

    def matches(self, method: str, path: str) -> tuple[str, ...] | None:
        found = re.fullmatch(self.path, path)
        return found.groups() if found and method == self.method else None


def _repository(_: GitHub, __: Call) -> tuple[int, Any]:
    return 200, {"id": 74, "full_name": REPOSITORY, "owner": {"id": 65, "login": REPOSITORY.partition("/")[0]}}


def _list_comments(github: GitHub, call: Call) -> tuple[int, Any]:
    number = _issue(github, call)
    return 200, github.comments.get(number, [])


def _add_comment(github: GitHub, call: Call) -> tuple[int, Any]:
    return 201, github.say(_issue(github, call), call.body["body"], call.login)


def _change_comment(github: GitHub, call: Call) -> tuple[int, Any]:
    found = _comment(github, call)
    found["body"] = call.body["body"]
    return 200, found


def _remove_comment(github: GitHub, call: Call) -> tuple[int, Any]:
    found = _comment(github, call)
    for listed in github.comments.values():
        listed[:] = [comment for comment in listed if comment is not found]
    return 204, None


def _issue(github: GitHub, call: Call) -> int:
    number = int(call.numbers[0])
    if number not in github.pull_requests and number not in github.issues:
        raise Refused(404, "Not Found")
    return number


def _comment(github: GitHub, call: Call) -> Json:
    for comment in (c for listed in github.comments.values() for c in listed):
        if comment["id"] == int(call.numbers[0]):
            return comment
    raise Refused(404, "Not Found")


def _list_issues(github: GitHub, call: Call) -> tuple[int, Any]:
    state, labels = call.query.get("state", "open"), set(filter(None, call.query.get("labels", "").split(",")))
    listed = [
        issue
        for issue in reversed(github.issues.values())
        if state in {issue["state"], "all"} and labels <= {label["name"] for label in issue["labels"]}
    ]
    return 200, listed


def _add_issue(github: GitHub, call: Call) -> tuple[int, Any]:
    number = max({*github.issues, *github.pull_requests}, default=0) + 1
    labels = [{"name": name} for name in call.body.get("labels", [])]
    made = {"number": number, "state": "open", "body": None, "user": {"login": call.login}, **call.body}
    github.issues[number] = {**made, "labels": labels}
    return 201, github.issues[number]


def _change_issue(github: GitHub, call: Call) -> tuple[int, Any]:
    found = github.issues[_issue(github, call)]
    found.update(call.body)
    return 200, found


def _add_deployment(github: GitHub, call: Call) -> tuple[int, Any]:
    _check_commit(github, call.body["ref"])
    # Left out, they mean: merge the default branch in first, and wait until every check of the commit is green.
    if call.body.get("auto_merge", True):
        raise Refused(409, "Merged main into the ref: this answer has no id.")
    if call.body.get("required_contexts") != []:
        raise Refused(409, "Conflict: Commit status checks failed.")
    made = {"id": github.new_id(), "environment": "production", **call.body, "statuses": []}
    github.deployments.append(made)
    return 201, made


def _add_deployment_status(github: GitHub, call: Call) -> tuple[int, Any]:
    found = next((d for d in github.deployments if d["id"] == int(call.numbers[0])), None)
    if found is None:
        raise Refused(404, "Not Found")
    _check_status(call.body, "deployment")
    if call.body["state"] == "success" and call.body.get("auto_inactive", True):
        for other in github.active_deployments():
            if other is not found and other["environment"] == found["environment"]:
                other["statuses"].append({"state": "inactive"})
    found["statuses"].append(call.body)
    return 201, {"id": github.new_id(), **call.body}


def _add_status(github: GitHub, call: Call) -> tuple[int, Any]:
    _check_commit(github, call.numbers[0])
    _check_status(call.body, "statuses")
    if len(call.body.get("context", "default")) > _MAX_CONTEXT:
        raise Refused(422, f"context is too long (maximum is {_MAX_CONTEXT} characters)")
    github.statuses.setdefault(call.numbers[0], []).append(call.body)
    return 201, {"id": github.new_id(), **call.body}


def _list_statuses(github: GitHub, call: Call) -> tuple[int, Any]:
    _check_commit(github, call.numbers[0])
    return 200, list(reversed(github.statuses.get(call.numbers[0], [])))


def _check_commit(github: GitHub, sha: str) -> None:
    if not re.fullmatch("[0-9a-f]{40}", sha) or sha in github.unknown_commits:
        raise Refused(422, f"No commit found for SHA: {sha}")


def _check_status(body: Json, kind: str) -> None:
    if body["state"] not in _STATES[kind] or len(body.get("description", "")) > _MAX_DESCRIPTION:
        raise Refused(422, "Validation Failed")
    for name in ("target_url", "log_url", "environment_url"):
        if body.get(name) and not re.match("https?://", body[name]):
            raise Refused(422, f"{name} must use http(s) scheme")


_COMMENT: Mapping[str, type] = {"body": str}
_ISSUE: Mapping[str, type] = {"title": str, "body": str, "labels": list, "assignees": list}
_DEPLOYMENT: Mapping[str, type] = {
    **dict.fromkeys(("ref", "task", "environment", "description"), str),
    **dict.fromkeys(("auto_merge", "transient_environment", "production_environment"), bool),
    "required_contexts": list,
    "payload": dict,
}
_DEPLOYMENT_STATUS: Mapping[str, type] = {
    **dict.fromkeys(("state", "log_url", "description", "environment", "environment_url"), str),
    "auto_inactive": bool,
}
_STATUS: Mapping[str, type] = dict.fromkeys(("state", "target_url", "description", "context"), str)
_TALK = ("pull-requests", "issues")
_LISTED = frozenset({"state", "labels", "creator", "sort", "direction", *_PER_PAGE})
_ROUTES = (
    Route("GET", r"", _repository, ("contents",)),
    Route("GET", r"/issues/(\d+)/comments", _list_comments, _TALK, query=frozenset(_PER_PAGE)),
    Route("POST", r"/issues/(\d+)/comments", _add_comment, _TALK, _COMMENT, frozenset({"body"})),
    Route("PATCH", r"/issues/comments/(\d+)", _change_comment, _TALK, _COMMENT, frozenset({"body"})),
    Route("DELETE", r"/issues/comments/(\d+)", _remove_comment, _TALK),
    Route("GET", r"/issues", _list_issues, ("issues",), query=_LISTED),
    Route("POST", r"/issues", _add_issue, ("issues",), _ISSUE, frozenset({"title"})),
    Route("PATCH", r"/issues/(\d+)", _change_issue, ("issues",), {**_ISSUE, "state": str, "state_reason": str}),
    Route("POST", r"/deployments", _add_deployment, ("deployments",), _DEPLOYMENT, frozenset({"ref"})),
    Route(
        "POST",
        r"/deployments/(\d+)/statuses",
        _add_deployment_status,
        ("deployments",),
        _DEPLOYMENT_STATUS,
        frozenset({"state"}),
    ),
    Route("POST", r"/statuses/(\w+)", _add_status, ("statuses",), _STATUS, frozenset({"state"})),
    Route("GET", r"/commits/(\w+)/statuses", _list_statuses, ("statuses",), query=frozenset(_PER_PAGE)),
)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    github: GitHub
    lock: threading.Lock

    def handle_any(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        more: dict[str, str] = {}
        with self.lock:
            try:
                status, answer = self._answered(sent)
            except Refused as refused:
                status, answer = refused.status, {"message": refused.message, "status": str(refused.status)}
            if isinstance(answer, list):
                answer, more = self._page(answer)
            self.github.calls.append((self.command, self.path, status))
            data = b"" if answer is None else json.dumps(answer).encode()
        self._send(status, data, more)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = handle_any  # noqa: N815 - the names are http.server's.

    def _send(self, status: int, data: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json; charset=utf-8", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _answered(self, sent: bytes) -> tuple[int, Any]:
        if self.github.outage:
            raise Refused(self.github.outage, "We had issues producing the response to your request.")
        token = self._token() if self.headers.get("Authorization") else self._anybody()
        self._check_headers(sent)
        path = urlsplit(self.path).path
        prefix = f"/repos/{REPOSITORY}"
        for route in _ROUTES:
            numbers = route.matches(self.command, path.removeprefix(prefix)) if path.startswith(prefix) else None
            if numbers is not None:
                _permit(route, token)
                return route.act(self.github, Call(numbers, self._query(route), _body(route, sent), token.login))
        raise Refused(404, "Not Found")

    def _anybody(self) -> Token:
        """Whoever shows no token may see a public repository, and is not told that there is a private one."""
        if self.command != "GET":
            raise Refused(401, "Requires authentication")
        if not self.github.public:
            raise Refused(404, "Not Found")
        return Token({"contents": "read"}, "")

    def _token(self) -> Token:
        scheme, _, secret = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in {"bearer", "token"} or secret not in self.github.tokens:
            raise Refused(401, "Bad credentials")
        return self.github.tokens[secret]

    def _check_headers(self, sent: bytes) -> None:
        if not self.headers.get("User-Agent"):
            raise Refused(403, "Request forbidden by administrative rules. Please make sure it has a User-Agent header")
        if self.headers.get("Accept") != MEDIA_TYPE:
            raise Refused(415, f"Unsupported 'Accept' header. Must accept '{MEDIA_TYPE}'.")
        if self.headers.get("X-GitHub-Api-Version") != API_VERSION:
            raise Refused(400, "The version of the API is not named, or not supported.")
        if sent and self.headers.get_content_type() != "application/json":
            raise Refused(415, "The body is not said to be JSON.")

    def _query(self, route: Route) -> dict[str, str]:
        query = dict(parse_qsl(urlsplit(self.path).query))
        if unknown := query.keys() - route.query:
            raise Refused(422, f"Unknown parameters: {', '.join(sorted(unknown))}")
        return query

    def _page(self, listed: list[Any]) -> tuple[list[Any], dict[str, str]]:
        """Return the page that was asked for, and a Link header where there is another."""
        query = dict(parse_qsl(urlsplit(self.path).query))
        size, page = min(int(query.get("per_page", 30)), _MAX_PAGE), int(query.get("page", 1))
        following = f"{self.github.url}{urlsplit(self.path).path}?per_page={size}&page={page + 1}"
        link = {"Link": f'<{following}>; rel="next"'} if len(listed) > page * size else {}
        return listed[(page - 1) * size : page * size], link

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _permit(route: Route, token: Token) -> None:
    allowed = {"read", "write"} if route.method == "GET" else {"write"}
    if not any(token.permissions.get(name) in allowed for name in route.permissions):
        raise Refused(403, "Resource not accessible by integration")


def _body(route: Route, sent: bytes) -> Json:
    body = _json(sent) if sent else {}
    if unknown := body.keys() - route.fields:
        raise Refused(422, f"Invalid request. {', '.join(sorted(unknown))} is not a permitted key.")
    if missing := route.required - body.keys():
        raise Refused(422, f"Invalid request. {', '.join(sorted(missing))} wasn't supplied.")
    if wrong := [name for name, value in body.items() if not isinstance(value, route.fields[name])]:
        raise Refused(422, f"Invalid request. {', '.join(wrong)} has the wrong type.")
    if len(body.get("body", "")) > _MAX_BODY:
        raise Refused(422, f"body is too long (maximum is {_MAX_BODY} characters)")
    return body


def _json(sent: bytes) -> Json:
    try:
        body = json.loads(sent)
    except ValueError:
        raise Refused(400, "Problems parsing JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "Body should be a JSON object")
    return body


@contextmanager
def github() -> Iterator[GitHub]:
    """Run the API for the time of the block; GITHUB_API_URL is its `url`."""
    state = GitHub()
    handler = type("Handler", (_Handler,), {"github": state, "lock": threading.Lock()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    with serving(server):
        yield state
