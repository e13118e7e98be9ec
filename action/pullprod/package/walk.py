"""Walking a site's directory: every file that is to be published, and every reason why one cannot be."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pathspec

from ..errors import UsageError

MAX_FILES = 20_000
MAX_PATH_BYTES = 900
MAX_FILE_BYTES = 5 * 1024**3
IGNORE_FILE = ".pullprodignore"


def walk(directory: Path) -> list[tuple[str, Path]]:
    """Return path in the version and file on disk of everything in `directory`, in order of the path.

    Raises:
        UsageError: something cannot be published; it names the first such file and counts the others.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a directory. Build the site first, or name the directory it is in.")
    root = directory.resolve()
    ignored = _ignored(directory)
    found, problems = [], []
    for path, file in _files(root, root, "", ignored, (root,)):
        problem = _problem(path, file, root)
        if problem:
            problems.append(f"{path!a} {problem}")
        else:
            found.append((path, file))
        if len(found) + len(problems) > MAX_FILES:
            raise UsageError(f"{directory} has more files than the {MAX_FILES:,} that a version may have.")
    _refuse(directory, found, problems)
    return sorted(found)


def _refuse(directory: Path, found: list[tuple[str, Path]], problems: list[str]) -> None:
    if problems:
        more = f" {len(problems) - 1} more file(s) cannot either." if len(problems) > 1 else ""
        raise UsageError(
            f"The file {problems[0]}, so it cannot be published.{more} Rename it, or list it in {IGNORE_FILE}."
        )
    if not found:
        raise UsageError(f"{directory} has no files to publish. Build the site first, or name the directory it is in.")


def _ignored(directory: Path) -> pathspec.GitIgnoreSpec:
    file = directory / IGNORE_FILE
    try:
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        return pathspec.GitIgnoreSpec.from_lines([*lines, f"/{IGNORE_FILE}"])
    except ValueError as fault:
        raise UsageError(f"{file}: lines of gitignore patterns in UTF-8 are expected: {fault}.") from fault


def _files(
    root: Path, directory: Path, prefix: str, ignored: pathspec.GitIgnoreSpec, above: tuple[Path, ...]
) -> Iterator[tuple[str, Path]]:
    for entry in sorted(os.scandir(directory), key=lambda e: e.name):
        path = prefix + entry.name
        inside = _is_dir(entry)
        # Patterns come after this, so that no `!` brings it back.
        if entry.name == ".git" or ignored.match_file(path + "/" if inside else path):
            continue
        target = Path(entry.path)
        if not inside or not _within(target, root):
            yield path, target
        elif target.resolve() in above:
            raise UsageError(f"{path!a} is a link to a directory that it lies in, so it has no end. Remove it.")
        else:
            yield from _files(root, target, f"{path}/", ignored, (*above, target.resolve()))


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # A link without end; `_problem_on_disk` says so.


def _within(file: Path, root: Path) -> bool:
    """Tell whether a file really lies in `root`; a repository's own data never does."""
    real = Path(os.path.realpath(file))
    return real.is_relative_to(root) and ".git" not in real.relative_to(root).parts


def _problem(path: str, file: Path, root: Path) -> str | None:
    """Return what is wrong with a file, or None."""
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "has a name that is not UTF-8"
    if len(encoded) > MAX_PATH_BYTES:
        return f"has a path of more than {MAX_PATH_BYTES} bytes"
    if "\\" in path or any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in path):
        return "has a backslash or a control character in its name"
    if unicodedata.normalize("NFC", path) != path:
        return "has a name that is not in Unicode normal form C"
    return _problem_on_disk(file, root)


def _problem_on_disk(file: Path, root: Path) -> str | None:
    try:
        found = file.stat()
    except OSError as fault:
        return f"cannot be read ({fault.strerror})"
    if not _within(file, root):
        return "is a link that leaves the directory"
    if not stat.S_ISREG(found.st_mode):
        return "is no regular file"
    return f"is larger than {MAX_FILE_BYTES // 1024**3} GB" if found.st_size > MAX_FILE_BYTES else None
