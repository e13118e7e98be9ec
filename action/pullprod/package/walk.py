"""Walking a site's directory: every file that is to be published, and every reason why one cannot be."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pathspec

from ..config import FILE, user_file
from ..errors import UsageError

MAX_FILES = 20_000
MAX_ENTRIES = 2 * MAX_FILES  # Files and directories. Links to directories can multiply them without end.
MAX_PATH_BYTES = 900
MAX_FILE_BYTES = 5 * 1024**3
IGNORE_FILE = ".pullprodignore"
# Viewers need nothing hidden (RFC 8615 has the exception), and much of it is secret: .env, .npmrc, .ssh.
NOT_FOR_VIEWERS = (".*", "!.well-known", f"/{FILE}")
_REPOSITORY = ".git"
_LEDGER = "ledger.sqlite3"  # In the directory of `pullprod serve`.


def walk(directory: Path, left_out: Sequence[str] = ()) -> list[tuple[str, Path]]:
    """Return path in the version and real file on disk of everything in `directory`, in order of the path.

    `left_out` are gitignore patterns that count before those of the ignore file, which may take them back with `!`.

    Raises:
        UsageError: something cannot be published; it names the first such file and counts the others.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a directory. Build the site first, or name the directory it is in.")
    root = directory.resolve()
    if _REPOSITORY in root.parts:
        raise UsageError(f"{directory} is a repository's own data, which is never published. Name another directory.")
    found, problems = [], []
    for path, file in _Walk(root, _ignored(directory, left_out)).files(root):
        problem = _problem(path, file, root)
        if problem:
            problems.append(f"{path!a} {problem}")
        else:
            found.append((path, file))
        if len(found) + len(problems) > MAX_FILES:
            raise UsageError(
                f"{directory} has more files than the {MAX_FILES:,} that a version may have. "
                f"List in {IGNORE_FILE} what viewers do not need."
            )
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


def _ignored(directory: Path, left_out: Sequence[str]) -> pathspec.GitIgnoreSpec:
    file = directory / IGNORE_FILE
    try:
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        return pathspec.GitIgnoreSpec.from_lines([*left_out, *lines, f"/{IGNORE_FILE}"])
    except ValueError as fault:
        raise UsageError(f"{file}: lines of gitignore patterns in UTF-8 are expected: {fault}.") from fault


class _Walk:
    """Finds the files below `root`. Directories are counted too, so that it ends early whatever links do."""

    def __init__(self, root: Path, ignored: pathspec.GitIgnoreSpec) -> None:
        self._root = root
        self._ignored = ignored
        self._left = MAX_ENTRIES

    def files(self, directory: Path, prefix: str = "", above: tuple[Path, ...] = ()) -> Iterator[tuple[str, Path]]:
        """Yield path and real file of everything below a real directory; `above` are those that led to it."""
        for entry in self._entries(directory, prefix):
            path = prefix + entry.name
            real = Path(os.path.realpath(entry.path)) if entry.is_symlink() else directory / entry.name
            # What is too long is reported and not entered: names of one character would exhaust the stack.
            if not _is_dir(entry) or not _within(real, self._root) or len(path) > MAX_PATH_BYTES:
                yield path, real
            elif real in (*above, directory):
                raise UsageError(f"{path!a} is a link to a directory that it lies in, so it has no end. Remove it.")
            else:
                yield from self.files(real, f"{path}/", (*above, directory))

    def _entries(self, directory: Path, prefix: str) -> list[os.DirEntry[str]]:
        """Return what counts in a directory, in order of the names, and never more than may be looked at."""
        try:
            with os.scandir(directory) as listed:
                entries = list(islice((e for e in listed if not self._left_out(e, prefix)), self._left + 1))
        except OSError as fault:
            raise UsageError(f"The directory {prefix or '.'!a} cannot be read: {fault.strerror}.") from fault
        self._left -= len(entries)
        if self._left < 0:
            raise UsageError(
                f"There are more than {MAX_ENTRIES:,} files and directories, the last of them in {prefix or '.'!a}. "
                f"Are there links that multiply them? List in {IGNORE_FILE} what viewers do not need."
            )
        if any(entry.name == _LEDGER for entry in entries):
            raise UsageError(
                f"The directory {prefix or '.'!a} is the data of `pullprod serve`, which is never published. "
                f"List it in {IGNORE_FILE}, or name another directory."
            )
        return sorted(entries, key=lambda entry: entry.name)

    def _left_out(self, entry: os.DirEntry[str], prefix: str) -> bool:
        """Tell whether an entry does not count. No pattern brings a repository's own data back."""
        path = prefix + entry.name
        return entry.name == _REPOSITORY or self._ignored.match_file(f"{path}/" if _is_dir(entry) else path)


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # A link without end; `_problem_on_disk` says so.


def _within(real: Path, root: Path) -> bool:
    """Tell whether a real path lies in `root`; a repository's own data never does."""
    return real.is_relative_to(root) and _REPOSITORY not in real.relative_to(root).parts


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
    if file.name == user_file().name and file == user_file().resolve():
        return "may hold your token"
    if not stat.S_ISREG(found.st_mode):
        return "is no regular file"
    return f"is larger than {MAX_FILE_BYTES // 1024**3} GB" if found.st_size > MAX_FILE_BYTES else None
