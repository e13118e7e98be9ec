from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from tests.support.client import Shell, commit, git, repository, write
from tests.support.server import Server


def seen(server: Server, url: str) -> bytes:
    """Return what a viewer of an address gets."""
    return server.get(url.split("/")[2], "/").body


def test_publishing_again_sends_nothing_and_one_change_sends_one_file(shell: Shell) -> None:
    # Contents that nothing else on this server has, and no two of these files.
    write(shell.directory / "dist", {name: secrets.token_hex(6) for name in ("index.html", "app.js", "style.css")})
    first = shell.json("publish", "dist")
    assert (first["uploaded_files"], first["uploaded_bytes"], first["state"]) == (3, 36, "ready")
    again = shell.json("publish", "dist")
    assert (again["uploaded_files"], again["uploaded_bytes"]) == (0, 0)
    assert again["version"]["id"] == first["version"]["id"]
    write(shell.directory / "dist", {"app.js": secrets.token_hex(4)})
    commit(shell.directory, "second")
    changed = shell.json("publish", "dist")
    assert (changed["uploaded_files"], changed["uploaded_bytes"]) == (1, 8)
    assert changed["version"]["id"] != first["version"]["id"]


def test_a_version_tells_what_it_was_made_from(shell: Shell) -> None:
    git(shell.directory, "tag", "v1")
    version = shell.json("publish", "dist")["version"]
    assert version["commit"] == git(shell.directory, "rev-parse", "HEAD")
    assert (version["branch"], version["message"], version["tags"]) == ("main", "first", ["v1"])
    assert version["author"] == "Ada <ada@example.com>"
    assert (version["files"], version["dirty"]) == (3, False)


def test_the_address_is_the_result_and_the_rest_is_not(shell: Shell) -> None:
    done = shell.run("publish", "dist")
    assert done.stdout.startswith("http://")
    assert done.stdout.count("\n") == 1
    assert "pullprod point production" in done.stderr


def test_uncommitted_changes_are_told_and_recorded(shell: Shell) -> None:
    (shell.directory / "new").touch()
    done = shell.run("publish", "dist", "--json")
    assert "uncommitted changes" in done.stderr
    assert json.loads(done.stdout)["version"]["dirty"]


def test_a_directory_outside_the_work_tree_belongs_to_the_commit_here(shell: Shell, tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"index.html": "x"})
    version = shell.json("publish", str(outside))["version"]
    assert version["commit"] == git(shell.directory, "rev-parse", "HEAD")


def test_without_a_repository_nothing_is_sent(shell: Shell, tmp_path: Path) -> None:
    shell.directory = write(tmp_path / "bare", {"dist/index.html": "x"})
    assert "git init" in shell.error("publish", "dist", expect=2)
    assert shell.json("versions")["items"] == []


def test_without_a_commit_nothing_is_sent(shell: Shell, tmp_path: Path) -> None:
    shell.directory = repository(tmp_path / "new")
    write(shell.directory, {"dist/index.html": "x"})
    assert "no commit yet" in shell.error("publish", "dist", expect=2)


def test_an_empty_name_is_not_taken_for_the_directory_it_is_called_in(shell: Shell) -> None:
    assert "DIRECTORY is empty" in shell.error("publish", "", expect=2)
    assert shell.json("versions")["items"] == []


def test_a_file_that_cannot_be_published_stops_it_before_anything_is_sent(shell: Shell) -> None:
    write(shell.directory / "dist", {"bad\nname": ""})
    assert r"'bad\nname'" in shell.error("publish", "dist", expect=2)
    assert shell.json("versions")["items"] == []


def test_the_project_file_is_enough(shell: Shell) -> None:
    app = shell.environ.pop("PULLPROD_APP")
    (shell.directory / "pullprod.toml").write_text(
        f'app = "{app}"\n[site]\ndirectory = "dist"\n[health]\npaths = ["/"]\n'
    )
    assert json.loads(shell.run("publish", "--json", cwd=shell.directory / "dist").stdout)["state"] == "ready"


def test_from_the_first_publish_to_a_rollback_and_a_hold(shell: Shell, server: Server) -> None:
    first = shell.json("publish", "dist")["version"]
    shell.run("point", "production", "branch:main", "--reason", "launch")
    git(shell.directory, "checkout", "-q", "-b", "feature/summer")
    write(shell.directory / "dist", {"index.html": "<h1>summer</h1>"})
    commit(shell.directory, "summer")
    second = shell.json("publish", "dist")["version"]
    plan = shell.run("plan", "production", "branch:feature/summer").stdout
    assert f"{first['id']} → {second['id']}" in plan
    assert "It would be done." in plan
    moved = shell.json("point", "production", "branch:feature/summer", "--reason", "try it")
    assert seen(server, moved["pointer"]["url"]) == b"<h1>summer</h1>"
    back = shell.json("rollback", "production", "--reason", "too warm")
    assert back["pointer"]["version"] == first["id"]
    assert seen(server, back["pointer"]["url"]) == b"<h1>one</h1>"
    assert seen(server, second["url"]) == b"<h1>summer</h1>"
    shell.run("hold", "production", "--reason", "until Monday")
    assert "until Monday" in shell.error("point", "production", second["id"], "--reason", "now", expect=6)
    assert "until Monday" in shell.run("status").stdout
    shell.run("unhold", "production")
    kinds = [swap["generation"] for swap in shell.json("history", "production")["items"]]
    assert kinds == [3, 2, 1]
    assert "All is well" in shell.run("audit").stdout


def test_a_pointer_that_does_not_follow_is_told_with_the_reason_and_the_publish_succeeds(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.run("app", "set", shell.environ["PULLPROD_APP"], "--from", "-", input='{"follow": {"production": "main"}}')
    first = shell.json("publish", "dist")
    assert first["stayed"] == []
    write(shell.directory / "dist", {"index.html": "<h1>rewritten</h1>"})
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2030-01-01T00:00:00Z")
    git(shell.directory, "commit", "-q", "--amend", "--allow-empty", "-m", "rewritten")
    for _ in range(2):  # A version that is ready already is answered the same.
        done = shell.run("publish", "dist")
        assert "warning: production does not follow (lineage): " in done.stderr
    told = shell.json("publish", "dist")["stayed"]
    assert [(kept["pointer"], kept["guard"]) for kept in told] == [("production", "lineage")]
    shown = {pointer["name"]: pointer["version"] for pointer in shell.json("pointers")["items"]}
    assert shown["production"] == first["version"]["id"] != shown["main"]
