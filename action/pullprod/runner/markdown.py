"""Markdown for the job summary and the pull request's comment. What users wrote is shown, never interpreted."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

_MAX_COMMITS = 20
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>@:])")
_SAFE_URL = re.compile(r"https?://[A-Za-z0-9.:/_~-]+")


def text(value: object) -> str:
    """Return user text as it will be read: one line, no markup, no mention of anybody, no link."""
    flat = " ".join(str(value).split())
    printable = "".join(char if char.isprintable() else " " for char in flat)
    return html.escape(_SPECIAL.sub(r"\\\1", printable).replace("@", "@\u2060"), quote=False)


def code(value: object) -> str:
    """Return user text in a fixed-width font."""
    flat = " ".join(str(value).split()).replace("`", "'")
    return f"<code>{html.escape(flat, quote=False).replace('|', '&#124;').replace('@', '@&#8288;')}</code>"


def link(url: object) -> str:
    """Return an address as a link to itself, or as text if it does not look like one of ours."""
    found = str(url or "")
    return f"<{found}>" if _SAFE_URL.fullmatch(found) else code(found or "none")


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Return rows of a name and a value, which is Markdown already."""
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]) + "\n"


def commits(title: str, listed: Sequence[Mapping[str, Any]]) -> str:
    """Return a list of commits that come or go, empty if there are none."""
    if not listed:
        return ""
    shown = [f"- {code(str(c['commit'])[:12])} {text(c.get('message') or '')}" for c in listed[:_MAX_COMMITS]]
    more = [f"- and {len(listed) - _MAX_COMMITS} more"] if len(listed) > _MAX_COMMITS else []
    return "\n".join([f"\n**{title}**\n", *shown, *more]) + "\n"
