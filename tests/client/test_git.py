from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pullprod import git as client_git
from pullprod.errors import UsageError
from tests.support.client import commit, git, repository


@pytest.fixture
def history(tmp_path: Path) -> tuple[Path, list[str]]:
    place = repository(tmp_path / "origin")
    return place, [commit(place, f"commit {number}") for number in range(5)]


def clone(origin: Path, target: Path, *options: str) -> Path:
    git(origin, "clone", "-q", *options, origin.as_uri(), str(target))
    return target


def test_a_commit_is_described_with_its_ancestors_newest_first(history: tuple[Path, list[str]]) -> None:
    place, commits = history
    found = client_git.read(place)
    assert (found.sha, found.branch, found.message) == (commits[-1], "main", "commit 4")
    assert found.author == "Ada <ada@example.com>"
    assert found.ancestors == commits[-2::-1]
    assert found.committed_at.endswith("Z")
    assert not found.dirty


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_shallow_clone_still_knows_the_parents_at_its_boundary(
    history: tuple[Path, list[str]], tmp_path: Path, depth: int
) -> None:
    origin, commits = history
    found = client_git.read(clone(origin, tmp_path / "clone", f"--depth={depth}"))
    assert found.ancestors == commits[-2::-1][:depth]


def test_a_shallow_clone_of_a_merge_knows_both_parents(history: tuple[Path, list[str]], tmp_path: Path) -> None:
    origin, commits = history
    git(origin, "checkout", "-q", "-b", "side", commits[2])
    side = commit(origin, "side")
    git(origin, "checkout", "-q", "main")
    git(origin, "merge", "-q", "--no-ff", "-m", "merge", "side")
    found = client_git.read(clone(origin, tmp_path / "clone", "--depth=1"))
    assert found.ancestors == [commits[-1], side]


def test_a_full_clone_lists_each_ancestor_once_up_to_the_limit(
    history: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, commits = history
    monkeypatch.setattr(client_git, "MAX_ANCESTORS", 2)
    assert client_git.read(place).ancestors == [commits[3], commits[2]]


@pytest.mark.parametrize(
    ("environ", "branch"),
    [
        ({}, None),
        ({"GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "feature/x"}, "feature/x"),
        ({"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1"}, None),
        ({"GITHUB_HEAD_REF": "topic", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "7/merge"}, "topic"),
    ],
)
def test_a_detached_checkout_takes_its_branch_from_the_runner(
    history: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], branch: str | None
) -> None:
    place, commits = history
    git(place, "checkout", "-q", "--detach", commits[2])
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert client_git.read(place).branch == branch
    assert client_git.read(place, "given").branch == "given"


def test_a_checked_out_branch_counts_more_than_the_runner(
    history: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_HEAD_REF", "other")
    assert client_git.read(history[0]).branch == "main"


def test_a_branch_keeps_its_name_beside_a_tag_of_the_same_name(history: tuple[Path, list[str]]) -> None:
    git(history[0], "tag", "main")
    found = client_git.read(history[0])
    assert (found.branch, found.tags) == ("main", ["main"])


@pytest.mark.parametrize("name", ["feature/ü;$(touch-x)", "a'b\"c", "refs/heads/x", "--force", "日本"])
def test_a_branch_may_have_any_name_that_git_allows(history: tuple[Path, list[str]], name: str) -> None:
    git(history[0], "update-ref", f"refs/heads/{name}", "HEAD")
    git(history[0], "symbolic-ref", "HEAD", f"refs/heads/{name}")
    assert client_git.read(history[0]).branch == name


def test_a_hostile_message_is_taken_as_it_is_and_cut(tmp_path: Path) -> None:
    place = repository(tmp_path / "origin")
    message = "\x1b[31mred $(id)\n\n" + "é" * 2_000
    git(place, "commit", "-q", "--allow-empty", "-m", message)
    assert client_git.read(place).message == message[:1_000]


def test_a_commit_in_another_encoding_is_read_as_what_it_says(tmp_path: Path) -> None:
    place = repository(tmp_path / "origin")
    arguments = ["git", "-C", str(place), "-c", "i18n.commitEncoding=ISO-8859-1", "-c", "user.name=Ada"]
    made = [*arguments, "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-F", "-"]
    subprocess.run(made, input="caf\xe9".encode("latin-1"), check=True)
    assert client_git.read(place).message == "café"


@pytest.mark.parametrize("seconds", ["-5", "253402300800", "99999999999999"])
def test_a_commit_of_a_time_that_no_calendar_has_counts_as_very_old(tmp_path: Path, seconds: str) -> None:
    place = repository(tmp_path / "origin")
    raw = f"tree {git(place, 'mktree')}\nauthor a <a@b> {seconds} +0000\ncommitter a <a@b> {seconds} +0000\n\nodd\n"
    (tmp_path / "commit").write_text(raw)
    sha = git(place, "hash-object", "-t", "commit", "-w", "--literally", str(tmp_path / "commit"))
    git(place, "update-ref", "HEAD", sha)
    assert client_git.read(place).committed_at == "1970-01-01T00:00:00Z"


def test_tags_of_the_commit_are_told(history: tuple[Path, list[str]]) -> None:
    git(history[0], "tag", "v1")
    git(history[0], "tag", "-m", "annotated", "v1.0.0")
    git(history[0], "tag", "old", "HEAD~1")
    assert client_git.read(history[0]).tags == ["v1", "v1.0.0"]


@pytest.mark.parametrize("name", ["new", "with space", 'quo"te', "new\nline", "-x", "日本"])
def test_an_untracked_file_of_any_name_makes_it_dirty(history: tuple[Path, list[str]], name: str) -> None:
    (history[0] / name).write_text("")
    assert client_git.read(history[0]).dirty


def test_a_changed_file_makes_it_dirty_also_from_a_subdirectory(history: tuple[Path, list[str]]) -> None:
    (history[0] / "sub").mkdir()
    (history[0] / ".gitignore").write_text("changed\n")
    assert client_git.read(history[0] / "sub").dirty


def test_ignored_files_do_not_make_it_dirty(history: tuple[Path, list[str]]) -> None:
    (history[0] / "dist").mkdir()
    (history[0] / "dist" / "index.html").write_text("")
    assert not client_git.read(history[0] / "dist").dirty


def test_it_works_from_a_git_hook(history: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    (history[0] / "dist").mkdir()
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    assert client_git.read(history[0] / "dist").sha == history[1][-1]


def test_a_linked_work_tree_of_a_shallow_clone_knows_the_boundary(
    history: tuple[Path, list[str]], tmp_path: Path
) -> None:
    origin, commits = history
    shallow = clone(origin, tmp_path / "clone", "--depth=1")
    git(shallow, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "linked")
    assert client_git.read(tmp_path / "linked").ancestors == [commits[3]]


def test_a_repository_without_a_commit_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no commit yet.*git commit"):
        client_git.read(repository(tmp_path / "new"))


def test_a_directory_without_a_repository_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not in a git work tree.*git init"):
        client_git.read(tmp_path)


def test_a_repository_of_somebody_else_is_told_with_how_to_trust_it(
    history: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UsageError, match=r"dubious ownership.*--add safe\.directory"):
        client_git.read(history[0])


def test_missing_git_says_so(history: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(UsageError, match="git is not installed"):
        client_git.read(history[0])


def test_a_directory_that_looks_like_a_repository_runs_nothing(history: tuple[Path, list[str]], tmp_path: Path) -> None:
    site = history[0] / "dist"
    site.mkdir()
    git(site, "init", "-q", "--bare", ".")
    bait = f'[core]\nbare = false\nworktree = {site}\nfsmonitor = "touch {tmp_path}/ran; false"\n'
    (site / "config").write_text(bait)
    with pytest.raises(UsageError, match="bare repository"):
        client_git.read(site)
    assert not (tmp_path / "ran").exists()
