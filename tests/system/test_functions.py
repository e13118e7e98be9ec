"""A site with a function on the real server: each version at its own address, production before and after a swap."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from tests.support.api import Api, Json, file_entry, manifest
from tests.support.server import Answer, Server
from tests.support.zips import python

PAGE = b"<h1>%s</h1><script src='/app.js'></script>"
SOURCE = """
import json
def handler(event, context):
    if event["rawPath"] == "/api/broken":
        raise ValueError("broken")
    said = {"version": "%s", "path": event["rawPath"], "method": event["requestContext"]["http"]["method"]}
    said |= {"body": event.get("body"), "host": event["headers"]["x-forwarded-host"]}
    return {"statusCode": 200, "cookies": ["seen=1"], "body": json.dumps(said)}
"""
FETCH = {"Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"}
NAVIGATE = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}


def publish(api: Api, app: str, name: str, **more: object) -> Json:
    files, body = {"index.html": PAGE % name.encode()}, python(SOURCE % name)
    packed = file_entry("api.zip", body)
    function = {
        "name": "api",
        "sha256": packed["sha256"],
        "size": packed["size"],
        "handler": "app.handler",
        "runtime": "python3.13",
        "routes": ["/api/*"],
    }
    begun = api.ok("POST", f"/v1/apps/{app}/versions", manifest(name, files, functions=[function], **more))
    api.send(app, begun, {**files, "api.zip": body})
    finished: Json = api.ok("POST", f"/v1/apps/{app}/versions/{begun['version']['id']}/finalize", {})["version"]
    assert finished["state"] == "ready"
    return finished


def said(answer: Answer) -> Json:
    assert answer.status == 200, answer.body
    found: Json = json.loads(answer.body)
    return found


def test_versions_answer_at_their_own_addresses_at_once_and_production_by_its_swap(api: Api, server: Server) -> None:
    app = api.app("functions", guards={"lineage": {"production": "off"}})
    versions = {name: publish(api, app, name) for name in ("one", "two")}
    hosts = {name: f"{version['id']}--{app}.localhost" for name, version in versions.items()}

    def ask(name: str) -> str:
        return str(said(server.get(hosts[name], "/api/x"))["version"])

    asked = ["one", "two"] * 10
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, asked)) == asked
    production = f"production--{app}.localhost"
    for name in ("one", "two", "one"):
        assert api.point(app, "production", versions[name]["id"]).status_code == 200
        answer = said(server.get(production, "/api/x"))
        assert (answer["version"], answer["host"]) == (name, production)
    assert server.get(hosts["two"], "/").body == PAGE % b"two"
    assert api.settled(app)["ok"]


def test_a_page_keeps_calling_the_function_of_its_own_version_after_a_swap(api: Api, server: Server) -> None:
    app = api.app("pinned", guards={"lineage": {"production": "off"}})
    one, two = (publish(api, app, name)["id"] for name in ("one", "two"))
    production = f"production--{app}.localhost"
    api.point(app, "production", one)
    page = server.get(production, "/", Accept="text/html", **NAVIGATE)
    pin = page.headers["set-cookie"].partition(";")[0]
    api.point(app, "production", two)
    assert said(server.get(production, "/api/x", Cookie=pin, **FETCH))["version"] == "one"
    assert said(server.get(production, "/api/x", **FETCH))["version"] == "two"
    assert server.get(production, "/", Accept="text/html", Cookie=pin, **NAVIGATE).body == PAGE % b"two"


def test_a_function_takes_any_method_and_body_and_its_fault_is_one_502(api: Api, server: Server) -> None:
    app = api.app("methods")
    host = f"{publish(api, app, 'one', health={'paths': ['/api/health']})['id']}--{app}.localhost"
    url, headers = f"{api.url}/api/orders?a=1", {"Host": host, "Content-Type": "application/json"}
    answer = api.session.post(url, data=b'{"tea": 1}', headers=headers, timeout=30)
    assert (answer.json()["method"], answer.json()["body"]) == ("POST", '{"tea": 1}')
    assert answer.cookies["seen"] == "1"
    assert server.get(host, "/api/broken").status == 502
    assert server.get(host, "/api/x").status == 200
    assert server.get(host, "/elsewhere.txt").status == 404
