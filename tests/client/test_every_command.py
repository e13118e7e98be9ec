"""Every command against a real server: what it prints where, and how it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pullprod.cli import COMMANDS
from tests.support.client import Faulty, Json, Shell, commit, says, write

CLAIMS = json.dumps(
    {"repository_id": "74", "repository_owner_id": "65", "event_name": "push", "ref": "refs/heads/main", "iat": 1}
)
# Words in capitals stand for what the server made up.
SCENARIO = [
    "publish dist",
    "versions",
    "versions --branch main --state ready --limit 1",
    "show V1",
    "point production V1 --reason launch",
    "pointers",
    "status",
    "plan production V2",
    "point production V2 --reason next --if-generation 1",
    "diff V1 V2",
    "history production",
    "open pointer:production",
    "open V1",
    "previews link",
    "previews",
    "share V1 --for 12h",
    "previews public",
    "rollback production --reason back",
    "hold production --reason wait --until 2099-01-01T00:00:00Z",
    "unhold production",
    "checkout production",
    "bisect --good V1 --bad V2 --run true",
    "prune",
    "prune --run",
    "audit",
    "revoke V2 --reason leak",
    "token create ci --role viewer --days 1",
    "token list",
    "token rotate WORN",
    "token revoke TOKEN",
    "app create APP",
    "app list",
    "app show",
    "app set APP --from app.json",
    "app trust add acme/shop --repository-id 74 --owner-id 65 --event push",
    "app trust list",
    "app trust explain claims.json",
    "app trust remove acme/shop",
    "api GET /v1/health",
    'api POST /v1/apps/APP/prune -d {"dry_run":true}',
    "completion bash",
]


@pytest.fixture
def words(shell: Shell) -> dict[str, str]:
    made = {"APP": shell.environ["PULLPROD_APP"]}
    for name in ("V1", "V2"):
        write(shell.directory / "dist", {"index.html": name})
        commit(shell.directory, name)
        made[name] = shell.json("publish", "dist")["version"]["id"]
    (shell.directory.parent / "app.json").write_text('{"follow": {"next": "main"}}')
    (shell.directory / "app.json").symlink_to("../app.json")
    (shell.directory.parent / "claims.json").write_text(CLAIMS)
    (shell.directory / "claims.json").symlink_to("../claims.json")
    (shell.directory / ".gitignore").write_text("dist/\n*.json\n")
    commit(shell.directory, "ignore")
    made["V3"] = shell.json("publish", "dist")["version"]["id"]
    made["WORN"] = shell.json("token", "create", "y", "--role", "viewer")["id"]
    made["TOKEN"] = shell.json("token", "create", "x", "--role", "viewer")["id"]
    return made


def typed(line: str, words: dict[str, str]) -> list[str]:
    for name, value in words.items():
        line = line.replace(name, value)
    return line.split(" ")


def test_the_scenario_covers_every_command() -> None:
    assert {line.split(" ")[0] for line in SCENARIO} == COMMANDS.keys()


def test_every_command_prints_nothing_but_json_with_json(shell: Shell, words: dict[str, str]) -> None:
    for line in SCENARIO:
        found = json.loads(shell.run(*typed(line, words), "--json").stdout)
        assert isinstance(found, dict), line


def test_every_command_prints_text_without_escapes(shell: Shell, words: dict[str, str]) -> None:
    for line in SCENARIO:
        done = shell.run(*typed(line, words))
        assert done.stdout, line
        assert "\x1b" not in done.stdout + done.stderr, line
        assert shell.environ["PULLPROD_TOKEN"] not in done.stdout + done.stderr, line


@pytest.mark.parametrize(
    ("line", "exit_code", "code"),
    [
        ("show nonsense!", 2, "invalid-request"),
        ("show feedfeedfeed", 3, "not-found"),
        ("history nothing", 3, "not-found"),
        ("versions --app no-such-app", 3, "not-found"),
        ("point production V2 --reason x --if-generation 7", 5, "stale-pointer"),
        ("point held V1 --reason x", 6, "pointer-held"),
        ("point production V1 --reason x", 6, "guard-refused"),
        ("hold production --reason x --until yesterday", 2, "invalid-request"),
        ("publish nowhere", 2, "usage"),
        ("api GET /etc/passwd", 2, "usage"),
        ("point production", 2, "usage"),
        ("no-such-command", 2, "usage"),
        ("versions --no-such-flag", 2, "usage"),
    ],
)
def test_an_error_has_its_exit_code_and_with_json_its_problem(
    shell: Shell, words: dict[str, str], line: str, exit_code: int, code: str
) -> None:
    shell.run("point", "production", words["V2"], "--reason", "launch")
    shell.run("point", "held", words["V1"], "--reason", "launch")
    shell.run("hold", "held", "--reason", "freeze")
    arguments = typed(line, words)
    shell.error(*arguments, expect=exit_code)
    done = shell.run(*arguments, "--json", expect=exit_code)
    assert done.stdout == ""
    problem: Json = json.loads(done.stderr)
    assert problem["code"] == code
    assert problem["detail"]


def test_an_audit_that_finds_something_exits_1(shell: Shell, broken: Faulty) -> None:
    finding = {"code": "route-differs", "subject": "production", "detail": "It shows another."}
    broken.usual = says(200, {"ok": False, "findings": [finding], "checked": {}, "live_not_on_main": []})
    shell.environ["PULLPROD_URL"] = broken.url
    assert "route-differs" in shell.run("audit", expect=1).stdout
    assert json.loads(shell.run("audit", "--json", expect=1).stdout)["findings"] == [finding]


@pytest.mark.parametrize("token", ["pp_made_up", ""])
def test_a_wrong_or_missing_token_is_not_allowed_and_not_shown(shell: Shell, token: str) -> None:
    shell.environ["PULLPROD_TOKEN"] = token
    sentence = shell.error("versions", expect=4)
    assert not token or token not in sentence


def test_a_token_that_may_only_look_may_not_move(shell: Shell, words: dict[str, str]) -> None:
    shell.environ["PULLPROD_TOKEN"] = shell.json("token", "create", "looker", "--role", "viewer")["token"]
    shell.run("versions")
    shell.error("point", "production", words["V1"], "--reason", "x", expect=4)


def test_who_lost_a_race_is_told_who_won(shell: Shell, words: dict[str, str]) -> None:
    shell.run("point", "production", words["V1"], "--reason", "faster")
    done = shell.run("point", "production", words["V2"], "--reason", "x", "--if-generation", "0", "--json", expect=5)
    problem = json.loads(done.stderr)
    assert (problem["expected"], problem["actual"], problem["reason"]) == (0, 1, "faster")


def test_what_the_api_takes_may_come_from_a_file_or_standard_input(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "body.json").write_text('{"dry_run": true}')
    path = f"/v1/apps/{shell.environ['PULLPROD_APP']}/prune"
    shell.run("api", "post", path, "-d", f"@{tmp_path / 'body.json'}")
    shell.run("api", "POST", path, "-d", "-", input='{"dry_run": true}')
    for data in ("{", "[]", "@/no/such/file"):
        shell.run("api", "POST", path, "-d", data, expect=1 if data[0] == "@" else 2)


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completion_prints_one_line(shell: Shell, shell_name: str) -> None:
    assert "_PULLPROD_COMPLETE" in shell.run("completion", shell_name).stdout
