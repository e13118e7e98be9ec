"""A version that shares another's segments and has a patch, as viewers get it through the edge's own functions."""

from __future__ import annotations

from contextlib import closing

from pullprod_control_plane.adapters.local.sqlite_edge import SqliteEdge
from tests.support.api import Api
from tests.support.server import Server

SITE = {f"{number}.html": f"page {number}".encode() for number in range(640)} | {"404.html": b"nothing here"}
GONE, ADDED = "3.html", "added.html"
EDITED = {**SITE, "1.html": b"new", ADDED: b"added", "404.html": b"nothing any more"}
del EDITED[GONE]


def test_viewers_get_what_changed_what_did_not_and_nothing_that_went(server: Server, api: Api, app: str) -> None:
    api.app(app, guards={"lineage": {"production": "off"}})
    first, second = (api.publish(app, name, files, branch=None)["id"] for name, files in (("a", SITE), ("b", EDITED)))
    with closing(SqliteEdge(server.data / "routes.sqlite3")) as edge:
        assert '"d":' in str(edge.get(f"{second}--{app}")), "it has a patch"
    paths = ["1.html", "2.html", GONE, ADDED]
    for version, files in ((first, SITE), (second, EDITED), (first, SITE)):
        assert api.point(app, "production", version).status_code == 200
        for host in (f"production--{app}.localhost", f"{version}--{app}.localhost"):
            got = {path: server.get(host, f"/{path}") for path in paths}
            assert {path: answer.status for path, answer in got.items()} == {
                path: 200 if path in files else 404 for path in paths
            }
            assert all(answer.body == files.get(path, files["404.html"]) for path, answer in got.items())
    assert api.settled(app)["ok"]
