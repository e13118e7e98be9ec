"""A real application with its dependencies, packaged by the client, wherever functions really run."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pullprod_control_plane.ports import Alias
from tests.ports.running import Answering
from tests.support import flask_app

PRODUCTION = Alias("shop", "api", "production")


def test_two_versions_of_a_flask_application_answer_at_the_same_time(answering: Answering, tmp_path: Path) -> None:
    programs = {name: answering.program(flask_app.zipped(tmp_path, name)) for name in ("one", "two")}
    hosts = {name: answering.publish(program) for name, program in programs.items()}

    def ask(name: str) -> str:
        reply = answering.send(hosts[name], "/api/tea/assam?sweet=yes", {"cookie": "seen=once"})
        assert reply.status == 200, reply.body
        said = json.loads(reply.body)
        assert (said["tea"], said["sweet"], said["seen"]) == ("assam", "yes", "once")
        assert [cookie.partition(";")[0] for cookie in reply.cookies] == ["seen=yes"]
        return str(said["version"])

    asked = ["one", "two"] * 3
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, asked)) == asked
    order = answering.send(hosts["two"], "/api/orders", {"content-type": "application/json"}, b'{"cups": 3}')
    assert (order.status, json.loads(order.body)) == (201, {"version": "two", "cups": 3})
    for generation, name in enumerate(("one", "two"), 1):
        answering.functions.point(PRODUCTION, programs[name].digest, generation)
        assert answering.functions.pointed(PRODUCTION) == programs[name].digest
