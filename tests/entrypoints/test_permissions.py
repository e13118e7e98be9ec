"""Every route, asked by every role about its own and another's app and pointer, held and free: who may, who may not.

And every route, asked under a key that served for something else.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from pullprod_control_plane.application import exchange, holds, previews, receipts, tokens
from pullprod_control_plane.application.receipts import Receipt
from pullprod_control_plane.bootstrap import ControlPlane
from pullprod_control_plane.domain.locks import Access
from pullprod_control_plane.domain.roles import LEAST_ROLE, Role
from pullprod_control_plane.domain.trust import Rule
from pullprod_control_plane.domain.versions import Version
from pullprod_control_plane.entrypoints.api import permissions
from pullprod_control_plane.entrypoints.aws.http_api import HttpApi
from pullprod_control_plane.ports import Verifier
from tests.support.domain import GUESSED_TOKEN
from tests.support.http_api import event
from tests.support.oidc import Genuine
from tests.support.world import World, opened, page

DESCRIPTION = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())
ROUTES = {f"{method.upper()} {path}" for path, methods in DESCRIPTION["paths"].items() for method in methods}
Json = dict[str, Any]
MANIFEST = {
    "commit": "a" * 40,
    "branch": "x",
    "message": "x",
    "author": "x",
    "committed_at": "2026-01-01T00:00:00Z",
    "files": [{"path": "index.html", "size": 1, "sha256": "0" * 64, "type": "text/html"}],
}

# A run is what its environment is called.
TRUST = [
    {
        "repository": "acme/shop",
        "repository_id": "74",
        "repository_owner_id": "65",
        "role": role.value,
        "environment": role.value,
        "pointers": ["next"],
    }
    for role in Role
]
# The least role of each route, written out beside the table that it is compared with; and a body that it takes.
ROWS: dict[str, tuple[str, Json | None]] = {
    "GET /v1/apps": ("viewer", None),
    "GET /v1/apps/{app}": ("viewer", None),
    "PUT /v1/apps/{app}": ("admin", {"trust": TRUST}),
    "POST /v1/apps/{app}/prune": ("viewer", {"dry_run": True}),
    "GET /v1/apps/{app}/audit": ("viewer", None),
    "GET /v1/apps/{app}/previews": ("viewer", None),
    "PUT /v1/apps/{app}/previews": ("admin", {"access": "link"}),
    "POST /v1/apps/{app}/shares": ("publisher", {"version": "branch:main"}),
    "POST /v1/apps/{app}/trust/explain": ("viewer", {"claims": {"ref": "refs/heads/main"}}),
    "POST /v1/apps/{app}/versions": ("publisher", MANIFEST),
    "POST /v1/apps/{app}/versions/{version}/uploads": ("publisher", {}),
    "POST /v1/apps/{app}/versions/{version}/finalize": ("publisher", {}),
    "GET /v1/apps/{app}/versions": ("viewer", None),
    "GET /v1/apps/{app}/versions/{ref}": ("viewer", None),
    "GET /v1/apps/{app}/versions/{ref}/manifest": ("viewer", None),
    "DELETE /v1/apps/{app}/versions/{ref}": ("admin", {"reason": "leak"}),
    "GET /v1/apps/{app}/diff": ("viewer", None),
    "GET /v1/apps/{app}/pointers": ("viewer", None),
    "GET /v1/apps/{app}/pointers/{name}": ("viewer", None),
    "POST /v1/apps/{app}/pointers/{name}/plan": ("viewer", {"version": "branch:main"}),
    "PUT /v1/apps/{app}/pointers/{name}": ("releaser", {"version": "branch:main", "reason": "launch"}),
    "POST /v1/apps/{app}/pointers/{name}/rollback": ("releaser", {"reason": "back"}),
    "PUT /v1/apps/{app}/pointers/{name}/hold": ("releaser", {"reason": "wait"}),
    "DELETE /v1/apps/{app}/pointers/{name}/hold": ("releaser", None),
    "GET /v1/apps/{app}/pointers/{name}/history": ("viewer", None),
    "GET /v1/tokens": ("admin", None),
    "POST /v1/tokens": ("admin", {"name": "new", "role": "viewer"}),
    "POST /v1/tokens/{token_id}/rotate": ("admin", {}),
    "DELETE /v1/tokens/{token_id}": ("admin", None),
}
# What a body can ask for beyond what its route takes.
FURTHER: dict[str, tuple[str, Json]] = {
    "POST /v1/apps/{app}/prune": ("admin", {"dry_run": False}),
    "PUT /v1/apps/{app}/pointers/{name}": ("admin", {"version": "branch:main", "reason": "now", "force": ["hold"]}),
    "POST /v1/apps/{app}/pointers/{name}/rollback": ("admin", {"reason": "now", "force": ["hold"]}),
}
OF_ALL_POINTERS = {"PUT /v1/apps/{app}", "PUT /v1/apps/{app}/previews", "DELETE /v1/apps/{app}/versions/{ref}"}
ROLES = [role.value for role in Role]
LIMITS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "no limits": ((), ()),
    "one app": (("shop",), ()),
    "one pointer of one app": (("shop",), ("next",)),
    "a workflow run": (("shop",), ("next",)),
}


@dataclass(frozen=True)
class Case:
    """One call: whose token, about what, and how things stand."""

    route: str
    least: str
    body: Json | None
    role: str
    limits: str
    app: str
    pointer: str
    held: bool

    @property
    def beyond_limits(self) -> bool:
        apps, pointers = LIMITS[self.limits]
        other_app = bool(apps) and ("{app}" not in self.route or self.app not in apps)
        changes = self.least != "viewer"
        everywhere = self.route in OF_ALL_POINTERS or self.body == {"dry_run": False}
        other_pointer = "{name}" in self.route and self.pointer not in pointers
        return other_app or (bool(pointers) and changes and (everywhere or other_pointer))

    @property
    def expected(self) -> str:
        if ROLES.index(self.role) < ROLES.index(self.least) or self.beyond_limits:
            return "forbidden"
        if self.held and self.least == "releaser" and self.route.endswith("/hold"):  # It is somebody else's.
            return "done" if self.role == "admin" else "forbidden"
        return "pointer-held" if self.held and self.least == "releaser" else "done"


def cases(route: str, role: str) -> Iterator[Case]:
    asked = [ROWS[route], *([FURTHER[route]] if route in FURTHER else [])]
    apps = ["shop", "blog"] if "{app}" in route else ["-"]
    pointers, held = (["next", "production"], [False, True]) if "{name}" in route else (["-"], [False])
    for (least, body), limits, app, pointer, is_held in product(asked, LIMITS, apps, pointers, held):
        yield Case(route, least, body, role, limits, app, pointer, is_held)


class Place:
    """A control plane with two apps, and a token of every role with every limit."""

    def __init__(self, world: World, secrets: dict[str, str]) -> None:
        self._world = world
        self._secrets = secrets
        self._api = HttpApi(ControlPlane(world.ports, world.addresses, _no_verifier))
        self._spares, self._spare = 0, "none"

    def arrange(self, case: Case) -> None:
        """Let things stand as the case wants them: a version that nothing shows, something to roll back to, a hold."""
        if "{version}" in case.route or "{ref}" in case.route:
            self._spares += 1
            self._spare = self._version(f"spare-{self._spares}", case.app).id
            self._version(f"shown-{self._spares}", case.app)
        if "{name}" in case.route:
            self._arrange_pointer(case)

    def _version(self, commit: str, app: str) -> Version:
        return self._world.publish(page("spare"), commit, branch="spare", app=app)

    def _arrange_pointer(self, case: Case) -> None:
        ports = self._world.ports
        holds.release(ports, case.app, case.pointer, "token:boss", anybodys=True)
        if case.expected == "done":
            for reference in ("branch:old", "branch:main"):
                self._world.point(case.pointer, reference, app=case.app, force=("lineage",))
        if case.held:
            holds.hold(ports, case.app, case.pointer, "token:boss", "freeze", None, anybodys=True)

    def call(self, case: Case, secret: str | None, **more: str) -> tuple[int, Json]:
        method, address, body = self._filled(case)
        authorization = {"authorization": f"Bearer {secret}"} if secret else {}
        headers = {"content-type": "application/json", **authorization, **more}
        answer = self._api(
            event(method, address, headers, json.dumps(body).encode() if body is not None else b""), None
        )
        return answer["statusCode"], json.loads(answer["body"])

    def use(self, key: str, secret: str) -> None:
        """Let an idempotency key have served for something else."""
        receipts.keep(self._world.ports, Receipt(tokens.id_of(secret), key, "something else"))

    def secret(self, case: Case) -> str:
        return self._secrets[f"{case.role} {case.limits}"]

    def everything(self, case: Case) -> list[Any]:
        """Return what the ledger holds, at which revisions, but for when the caller's token was used."""
        query = f"SELECT partition, sort, revision FROM items WHERE sort != '{tokens.id_of(self.secret(case))}'"  # noqa: S608
        return list(self._world.ledger._database.rows(query))

    def _filled(self, case: Case) -> tuple[str, str, Json | None]:
        method, _, path = case.route.partition(" ")
        facts = {"app": case.app, "name": case.pointer, "token_id": self._secrets["id"]}
        path = path.format(**facts, version=self._spare, ref=self._spare)
        if path.endswith("/diff"):
            path += "?from=branch:old&to=branch:main"
        return method, path, case.body


def _no_verifier() -> Verifier:
    raise AssertionError("no call here shows an identity token")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Make the control plane once; each test works on a copy."""
    directory = tmp_path_factory.mktemp("template")
    secrets: dict[str, str] = {}
    with opened(directory) as world:
        for app in ("shop", "blog"):
            world.configure(app, trust=tuple(_rule(role) for role in Role))
            previews.set_access(world.ports, app, Access.LINK, None, "token:boss")
            world.publish(page("old"), "old", branch="old", app=app)
            world.publish(page("new"), "new", branch="main", app=app)
            for pointer in ("next", "production"):
                world.point(pointer, "branch:main", app=app)
                world.point(pointer, "branch:old", app=app, force=("lineage",))
        for role, name in product(Role, LIMITS):
            secrets[f"{role.value} {name}"] = _token(world, role, name)
        secrets["id"] = tokens.create(world.ports, tokens.Wanted("other", Role.VIEWER, (), (), 90))[0].id
    return directory, secrets


def _rule(role: Role) -> Rule:
    return Rule("acme/shop", "74", "65", role, pointers=("next",), environment=role.value)


def _token(world: World, role: Role, limits: str) -> str:
    apps, pointers = LIMITS[limits]
    if limits == "a workflow run":
        [app] = apps
        return exchange.exchange(world.ports, Genuine(environment=role.value, jti=role.value), app, "proof")[1]
    return str(tokens.create(world.ports, tokens.Wanted("caller", role, apps, pointers, 90))[1])


@pytest.fixture
def place(template: tuple[Path, dict[str, str]], tmp_path: Path) -> Iterator[Place]:
    directory, secrets = template
    shutil.copytree(directory, tmp_path / "copy")
    with opened(tmp_path / "copy") as world:
        world.clock.go_on(minutes=2)
        yield Place(world, secrets)


def test_every_route_stands_in_the_table_and_in_this_test() -> None:
    assert permissions.NEEDED.keys() | permissions.PUBLIC == ROUTES | {"GET /v1/openapi.json"}
    assert {route: LEAST_ROLE[call].value for route, call in permissions.NEEDED.items()} == {
        route: least for route, (least, _) in ROWS.items()
    }


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", ROWS)
def test_a_role_may_what_the_table_says_about_its_own_apps_and_pointers_and_nothing_else(
    place: Place, route: str, role: str
) -> None:
    for case in cases(route, role):
        place.arrange(case)
        before = place.everything(case)
        status, document = place.call(case, place.secret(case))
        assert document.get("code", "done") == case.expected, (case, document)
        assert (status < 300) == (case.expected == "done"), (case, status)
        if case.expected == "forbidden":
            assert place.everything(case) == before, case


@pytest.mark.parametrize("route", ROWS)
def test_who_shows_no_token_may_nothing(place: Place, route: str) -> None:
    for case in cases(route, "viewer"):
        assert place.call(case, None)[1]["code"] == "unauthenticated", case
        assert place.call(case, GUESSED_TOKEN)[1]["code"] == "unauthenticated", case


@pytest.mark.parametrize("route", ROWS)
def test_the_calls_that_refuse_a_used_idempotency_key_are_those_that_describe_it(place: Place, route: str) -> None:
    method, _, path = route.partition(" ")
    described = {parameter["name"] for parameter in DESCRIPTION["paths"][path][method.lower()].get("parameters", ())}
    codes = set()
    for case in cases(route, "admin"):
        if not case.beyond_limits and not case.held:
            place.arrange(case)
            place.use("used", place.secret(case))
            codes.add(place.call(case, place.secret(case), **{"idempotency-key": "used"})[1].get("code"))
    assert ("idempotency-conflict" in codes) == ("Idempotency-Key" in described), codes


def test_a_route_in_no_list_is_not_found_by_an_admin_either(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    [case] = (case for case in cases("GET /v1/tokens", "admin") if case.limits == "no limits")
    assert place.call(case, place.secret(case))[0] == 200
    monkeypatch.delitem(permissions.NEEDED, "GET /v1/tokens")
    assert place.call(case, place.secret(case))[0] == 404
