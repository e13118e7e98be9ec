"""Functions as processes: what a function gets, what its caller gets, and what becomes of its processes."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from pullprod_control_plane.adapters.local import function_code
from pullprod_control_plane.adapters.local.edge_functions import MAX_BODY
from pullprod_control_plane.adapters.local.function_pool import FunctionPool
from pullprod_control_plane.adapters.local.process_functions import ProcessFunctions
from pullprod_control_plane.domain.errors import FunctionRefused
from tests.ports.local.process_functions import Machine, running
from tests.support.api import wait_until
from tests.support.zips import python, says, zipped

ECHO = """
import json
def handler(event, context):
    return {"statusCode": 200, "headers": {"X-Echo": "1"}, "body": json.dumps(event)}
"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with running(tmp_path / "functions") as made:
        yield made


def test_a_function_gets_the_event_that_a_function_url_makes_of_a_request(machine: Machine) -> None:
    host = machine.run(python(ECHO))
    headers = {"cookie": "a=1; b=2", "content-type": "application/json", "x-forwarded-for": "10.1.1.1, 10.0.0.9"}
    reply = machine.ask(host, "/api/%C3%A4", method="POST", query="a=1&a=2&b=%26", headers=headers, body=b"{}")
    event = json.loads(reply.body)
    del headers["cookie"]
    assert (reply.status, dict(reply.headers)["x-echo"]) == (200, "1")
    assert (event["version"], event["rawPath"], event["rawQueryString"]) == ("2.0", "/api/%C3%A4", "a=1&a=2&b=%26")
    assert event["queryStringParameters"] == {"a": "1,2", "b": "&"}
    assert event["headers"] == {**headers, "host": host}
    assert event["cookies"] == ["a=1", "b=2"]
    assert (event["body"], event["isBase64Encoded"]) == ("{}", False)
    assert event["requestContext"]["http"]["method"] == "POST"
    assert event["requestContext"]["http"]["sourceIp"] == "10.0.0.9"


def test_a_body_that_is_no_text_travels_as_base64_both_ways(machine: Machine) -> None:
    source = "def handler(e, c): return {**e, 'statusCode': 201, 'cookies': ['a=1', 'b=2']}\n"
    reply = machine.ask(
        machine.run(python(source)), method="PUT", body=b"\xff\x00", headers={"content-type": "image/png"}
    )
    assert (reply.status, reply.body) == (201, b"\xff\x00")
    assert [value for name, value in reply.headers if name == "set-cookie"] == ["a=1", "b=2"]


@pytest.mark.parametrize("result", ["'hello'", "{'a': [1]}", "None"])
def test_a_result_without_a_status_is_the_json_body_of_a_200(machine: Machine, result: str) -> None:
    reply = machine.ask(machine.run(python(f"def handler(e, c):\n    return {result}\n")))
    assert (reply.status, json.loads(reply.body)) == (200, eval(result))  # noqa: S307 - the test's own literal.
    assert dict(reply.headers)["content-type"] == "application/json"


FAILING = [
    pytest.param("raise ValueError('wrong')", "ValueError", id="raises"),
    pytest.param("import os; os._exit(3)", "", id="dies"),
    pytest.param("return {'statusCode': 99}", "", id="no status"),
    pytest.param("return {'statusCode': 200, 'headers': {'a b': 'c'}}", "", id="no header"),
    pytest.param("return {'statusCode': 200, 'headers': {'a': 'b\\nc: d'}}", "", id="line break"),
    pytest.param("return {'statusCode': 200, 'body': '!', 'isBase64Encoded': True}", "", id="no base64"),
    pytest.param("return {'statusCode': 200, 'body': 'x' * 7_000_000}", "", id="too large"),
]


@pytest.mark.parametrize(("statement", "logged"), FAILING)
def test_a_call_that_fails_is_one_502_and_the_next_call_is_answered(
    machine: Machine, statement: str, logged: str
) -> None:
    source = (
        f"def handler(e, c):\n    if e['rawPath'] == '/bad':\n        {statement}\n    return {{'statusCode': 200}}\n"
    )
    host = machine.run(python(source))
    assert machine.ask(host).status == 200
    assert machine.ask(host, "/bad").status == 502
    assert machine.ask(host).status == 200
    assert logged in machine.log()


def test_a_module_that_cannot_be_loaded_is_a_502_with_the_reason_in_the_log(machine: Machine) -> None:
    host = machine.run(python("import nothing_of_that_name\n"))
    assert [machine.ask(host).status for _ in range(2)] == [502, 502]
    assert "nothing_of_that_name" in machine.log()


def test_what_the_server_has_installed_is_not_there_for_a_function(machine: Machine) -> None:
    assert machine.ask(machine.run(python("import pydantic\ndef handler(e, c): return 1\n"))).status == 502


def test_the_servers_environment_does_not_reach_a_function(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULLPROD_TOKEN", "pp_secret")
    source = "import os\ndef handler(e, c): return dict(os.environ)\n"
    found = json.loads(machine.ask(machine.run(python(source), memory_mb=256)).body)
    assert "pp_secret" not in found.values()
    assert (found["_HANDLER"], found["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) == ("app.handler", "256")


def test_a_call_that_takes_too_long_is_ended_with_its_process(machine: Machine) -> None:
    source = (
        "import os, time\ndef handler(e, c):\n    if e['rawPath'] == '/slow': time.sleep(60)\n    return os.getpid()\n"
    )
    host = machine.run(python(source), timeout_s=1)
    process = int(machine.ask(host).body)
    assert machine.ask(host, "/slow").status == 504
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert machine.ask(host).status == 200


def test_a_function_keeps_its_process_between_calls(machine: Machine) -> None:
    host = machine.run(python("import os\ndef handler(e, c): return os.getpid()\n"))
    assert machine.ask(host).body == machine.ask(host).body
    assert machine.pool.running(host) == 1


def test_calls_at_the_same_time_get_a_process_each_up_to_a_bound(machine: Machine) -> None:
    source = "import os, time\ndef handler(e, c):\n    time.sleep(0.3)\n    return os.getpid()\n"
    host = machine.run(python(source))
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda _: machine.ask(host), range(8)))
    assert {reply.status for reply in replies} == {200}
    assert 2 <= len({reply.body for reply in replies}) <= 4
    assert machine.pool.running(host) <= 4


def test_two_programs_of_one_name_answer_at_the_same_time(machine: Machine) -> None:
    one, two = machine.run(says("one")), machine.run(says("two"))
    assert one != two
    assert (machine.ask(one).body, machine.ask(two).body, machine.ask(one).body) == (b"one", b"two", b"one")


def test_what_was_published_answers_after_a_restart(machine: Machine) -> None:
    host = machine.run(says("here"))
    machine.ask(host)
    again = ProcessFunctions(machine.root, machine.store.get)
    with closing(again):
        machine.functions = again
        assert machine.ask(host).body == b"here"


def test_a_host_that_no_function_has_is_a_502(machine: Machine) -> None:
    assert machine.ask("0.functions.localhost").status == 502


def test_a_removed_program_is_gone_with_its_process(machine: Machine) -> None:
    body = says("here")
    host = machine.run(body)
    machine.ask(host)
    machine.functions.remove("shop", "api", machine.program(body).digest)
    assert machine.ask(host).status == 502
    assert machine.pool.running(host) == 0


def test_a_request_larger_than_a_function_takes_is_a_413(machine: Machine) -> None:
    host = machine.run(says("here"))
    assert machine.ask(host, method="POST", body=b"x" * MAX_BODY).status == 413


def test_an_idle_process_is_stopped(tmp_path: Path) -> None:
    machine = Machine(tmp_path, FunctionPool(idle_s=0.05))
    with closing(machine.functions):
        host = machine.run(says("here"))
        process = machine.ask(host)
        assert process.status == 200
        wait_until(lambda: machine.pool.running(host) == 0)
        assert machine.ask(host).status == 200


def test_bytes_that_are_no_zip_and_other_runtimes_are_refused_when_they_are_published(machine: Machine) -> None:
    with pytest.raises(FunctionRefused, match="no valid zip"):
        machine.run(b"not a zip")
    with pytest.raises(FunctionRefused, match="only Python runtimes run"):
        machine.run(says("x"), runtime="nodejs22.x")


def test_a_zip_that_unfolds_to_more_than_lambda_takes_is_refused(machine: Machine) -> None:
    bomb = zipped({f"{n}": b"\0" * (60 * 1024**2) for n in range(5)})
    with pytest.raises(FunctionRefused, match="250 MB unzipped"):
        machine.run(bomb)


APP = {"app.py": "def handler(e, c): return 1\n"}


def listed(offset: int, value: int) -> bytes:
    """Return a zip whose list of contents has another byte at this place of its entry."""
    body = bytearray(zipped(APP))
    body[body.index(b"PK\1\2") + offset] = value
    return bytes(body)


UNPACKABLE = [
    pytest.param(lambda: zipped(dict.fromkeys(map(str, range(40_001)), "")), "than 40,000 files", id="many files"),
    pytest.param(
        lambda: zipped({f"{n}" + 400 * "/d": "" for n in range(100)}), "files and directories", id="many directories"
    ),
    pytest.param(lambda: zipped({"d/" * 450 + "x": ""}), "at most 900 bytes", id="long path"),
    pytest.param(lambda: zipped({"é" * 128: ""}), "a name 255", id="long name"),
    pytest.param(lambda: zipped({"0": b"\0" * 1024**2}, zipfile.ZIP_BZIP2), "otherwise than by deflate", id="bzip2"),
    pytest.param(lambda: listed(8, 1), "encrypted", id="encrypted"),
    pytest.param(lambda: listed(6, 99), "no valid zip", id="of a later version"),
    pytest.param(lambda: listed(16, 1), "'app.py' is damaged", id="another checksum"),
    pytest.param(lambda: zipped(APP)[:35] + b"\7\7" + zipped(APP)[37:], "no valid zip", id="broken stream"),
]


@pytest.mark.parametrize(("body", "complaint"), UNPACKABLE)
def test_a_zip_that_must_not_be_unpacked_is_refused_when_it_is_published(
    machine: Machine, body: Callable[[], bytes], complaint: str
) -> None:
    with pytest.raises(FunctionRefused, match=complaint):
        machine.run(body())


def test_a_list_that_is_too_long_is_refused_unread(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(FunctionRefused, match="more than 40,000 files"):
        machine.run(b"PK\1\2" * 600_000)


def test_a_zip_with_as_many_files_as_it_may_have_runs(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_code, "MAX_UNZIPPED_PATHS", 4)
    body = zipped({**APP, "package/__init__.py": "", "package/a.py": ""})
    assert machine.ask(machine.run(body)).status == 200
    with pytest.raises(FunctionRefused, match="more than 4 files"):
        machine.run(zipped({**APP, "package/__init__.py": "", "package/a.py": "", "package/b.py": ""}))


def test_a_zip_that_cannot_be_unpacked_is_a_502_and_leaves_nothing_behind(machine: Machine) -> None:
    host = machine.run(zipped({**APP, "app.py/is a file": ""}))
    assert [machine.ask(host).status for _ in range(2)] == [502, 502]
    [run] = machine.root.glob("run-*")
    assert [path.name for path in run.iterdir()] == ["client"]


def test_names_in_a_zip_that_lead_elsewhere_stay_inside(machine: Machine) -> None:
    body = zipped({"app.py": "def handler(e, c): return 1\n", "../../escaped": "x", "/escaped": "x"})
    assert machine.ask(machine.run(body)).status == 200
    [written] = machine.root.parent.rglob("escaped")
    assert (written.parent / "app.py").exists()
