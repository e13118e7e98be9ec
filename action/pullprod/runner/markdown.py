"""Markdown for the job summary and the pull request's comment. What users wrote is shown, never interpreted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_MAX_COMMITS = 20
_MAX_TEXT = 1_000
_MAX_TITLE = 100
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_LINKING = frozenset("@#:.-")
_JOINER = "&#8288;"
_SAFE_URL = re.compile(r"https?://[A-Za-z0-9.:/_~-]+")


def text(value: object, most: int = _MAX_TEXT) -> str:
    """Return user text as it will be read: one line, at most so long, no markup, no mention of anybody, no link.

    GitHub looks for mentions, issues and addresses in what results from Markdown, so an invisible joiner parts them.
    """
    return _escaped(_flat(value, most), _LINKING)


def code(value: object, most: int = _MAX_TEXT) -> str:
    """Return user text in a fixed-width font, where GitHub links nothing but mail, so that it may be copied."""
    return f"<code>{_escaped(_flat(value, most), frozenset('@'))}</code>"


def _escaped(line: str, linking: frozenset[str]) -> str:
    """Write punctuation as numbers, which Markdown does not look into, with joiners around what makes links.

    Source: https://spec.commonmark.org/0.31.2/#entity-and-numeric-character-references
    """

    def number(found: re.Match[str]) -> str:
        joiner = _JOINER if found[0] in linking else ""
        return f"{joiner}&#{ord(found[0])};{joiner}"

    return _PUNCTUATION.sub(number, line)


def _flat(value: object, most: int) -> str:
    line = " ".join("".join(char if char.isprintable() else " " for char in str(value)).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def beginning(markdown: str, most: int) -> str:
    """Return at most so many characters, in whole lines: half an entity, or a tag that nothing ends, would show."""
    return markdown if len(markdown) <= most else markdown[:most].rpartition("\n")[0]


def link(url: object) -> str:
    """Return an address as a link to itself, or as text if it does not look like one of ours."""
    found = str(url or "")
    return f"<{found}>" if _SAFE_URL.fullmatch(found) else code(found or "none")


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Return rows of a name and a value, which is Markdown already."""
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]) + "\n"


def differences(between: Mapping[str, Any], gained: str, lost: str) -> str:
    """Return the commits that come and those that go, each under its title, and how many files differ."""
    history, files = between["commits"], between["files"]
    apart = "" if history["complete"] else "\nThe histories do not meet: publish with a greater `fetch-depth`.\n"
    counts = ", ".join(f"{files[f'{kind}_count']:,} {kind}" for kind in ("added", "changed", "removed"))
    return f"{commits(gained, history['gained'])}{commits(lost, history['lost'])}{apart}\nFiles: {counts}.\n"


def commits(title: str, listed: Sequence[Mapping[str, Any]]) -> str:
    """Return a list of commits that come or go, empty if there are none."""
    if not listed:
        return ""
    shown = [f"- {code(str(c['commit'])[:12])} {text(_title(c), _MAX_TITLE)}" for c in listed[:_MAX_COMMITS]]
    more = [f"- and {len(listed) - _MAX_COMMITS} more"] if len(listed) > _MAX_COMMITS else []
    return "\n".join([f"\n**{title}**\n", *shown, *more]) + "\n"


def _title(commit: Mapping[str, Any]) -> str:
    return str(commit.get("message") or "").strip().partition("\n")[0]
