"""What git knows of the commit that is published, also in a shallow clone."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from .errors import UsageError

MAX_ANCESTORS = 1_000
_MAX_TEXT = 1_000
_MAX_TAGS = 10
# Git sets these, relative to somewhere else, for what runs from a hook.
_HOOKS = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"})
_BRANCHES = "refs/heads/"


@dataclass(frozen=True)
class Commit:
    """A commit as a manifest names it; `ancestors` are newest first, without the commit itself."""

    sha: str
    branch: str | None
    message: str
    author: str
    committed_at: str
    ancestors: list[str]
    tags: list[str]
    dirty: bool


def run(directory: Path, *arguments: str, check: bool = True) -> str:
    """Return what a git command prints. With `check`, a failure is a UsageError that says what git said."""
    environ = {name: value for name, value in os.environ.items() if name not in _HOOKS}
    environ.update({"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"})
    # A directory of a checkout that looks like a repository would bring a configuration, hence commands, of its own.
    settings = ("-c", "core.quotepath=off", "-c", "safe.bareRepository=explicit")
    command = ["git", "-C", str(directory), *settings, *arguments]
    try:
        done = subprocess.run(command, env=environ, capture_output=True, check=False)  # noqa: S603 - git, by its name.
    except FileNotFoundError:
        raise UsageError("git is not installed, and a version is made from a commit. Install git.") from None
    if check and done.returncode != 0:
        raise _failed(arguments[0], done.stderr.decode(errors="replace").strip().splitlines())
    return done.stdout.decode(errors="replace")


def _failed(command: str, said: list[str]) -> UsageError:
    if said and "dubious ownership" in said[0]:
        # https://git-scm.com/docs/git-config#Documentation/git-config.txt-safedirectory
        return UsageError(
            f"git {command}: {said[0]}. It belongs to another user, as in a job with a container: "
            "git config --global --add safe.directory, with its path, trusts it."
        )
    return UsageError(f"git {command}: {said[0] if said else 'failed'}")


def read(directory: Path, branch: str | None = None) -> Commit:
    """Return the commit that is checked out at `directory`.

    Raises:
        UsageError: it is no work tree, or has no commit yet.
    """
    if not is_work_tree(directory):
        raise UsageError(
            f"{directory} is not in a git work tree. A version is made from a commit: git init, git commit."
        )
    if not run(directory, "rev-parse", "--verify", "-q", "HEAD", check=False).strip():
        raise UsageError(f"{directory} has no commit yet. A version is made from a commit: git commit.")
    form = "--format=%H%x00%an <%ae>%x00%ct%x00%B"
    shown = run(directory, "log", "-1", "--no-show-signature", "--encoding=UTF-8", form, "HEAD")
    sha, author, seconds, message = shown.split("\0", 3)
    return Commit(
        sha=sha,
        branch=branch or _branch(directory),
        message=message.strip()[:_MAX_TEXT],
        author=author[:_MAX_TEXT],
        committed_at=_time(seconds),
        ancestors=_ancestors(directory, sha),
        tags=run(directory, "tag", "--points-at", "HEAD").split()[:_MAX_TAGS],
        dirty=is_dirty(directory),
    )


def _time(seconds: str) -> str:
    """Imported commits may have a time that no calendar has, or that git cannot read; they count as very old."""
    try:
        moment = datetime.fromtimestamp(int(seconds), timezone.utc)
    except (ValueError, OverflowError, OSError):
        moment = datetime.fromtimestamp(0, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def is_work_tree(directory: Path) -> bool:
    """Tell whether a directory lies in a work tree.

    Raises:
        UsageError: git is missing, or refuses the repository that is there.
    """
    try:
        return run(directory, "rev-parse", "--is-inside-work-tree").strip() == "true"
    except UsageError as fault:
        if "not a git repository" in str(fault):
            return False
        raise


def is_dirty(directory: Path) -> bool:
    """Tell whether the work tree differs from its commit; ignored files do not count."""
    return bool(run(directory, "status", "--porcelain", "-z").strip("\0"))


def _branch(directory: Path) -> str | None:
    """A workflow checks out a commit, not a branch; the runner then tells which branch it was."""
    # Not --short: beside a tag of the same name that says heads/main.
    name = run(directory, "symbolic-ref", "-q", "HEAD", check=False).strip()
    if name.startswith(_BRANCHES):
        return name.removeprefix(_BRANCHES)
    if os.environ.get("GITHUB_HEAD_REF"):
        return os.environ["GITHUB_HEAD_REF"]
    return os.environ.get("GITHUB_REF_NAME") if os.environ.get("GITHUB_REF_TYPE") == "branch" else None


def _ancestors(directory: Path, sha: str) -> list[str]:
    """A shallow clone ends early, but the commits at its boundary still name their parents."""
    listed = run(directory, "rev-list", f"--max-count={MAX_ANCESTORS + 1}", "HEAD").split()
    known = dict.fromkeys(listed)
    for commit in [commit for commit in _boundary(directory) if commit in known]:
        known.update(dict.fromkeys(_parents(directory, commit)))
    known.pop(sha, None)
    return list(known)[:MAX_ANCESTORS]


def _boundary(directory: Path) -> list[str]:
    file = Path(run(directory, "rev-parse", "--git-path", "shallow").strip())
    path = file if file.is_absolute() else directory / file
    return path.read_text().split() if path.is_file() else []


def _parents(directory: Path, commit: str) -> list[str]:
    head = run(directory, "cat-file", "commit", commit).split("\n\n", 1)[0]
    return [line.removeprefix("parent ") for line in head.splitlines() if line.startswith("parent ")]
