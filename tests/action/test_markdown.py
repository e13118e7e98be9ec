"""Markdown of user text, rendered by GitHub's own renderer."""

from __future__ import annotations

import html
import re

import pytest
from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options
from hypothesis import given
from hypothesis import strategies as st

from pullprod.runner import markdown

HOSTILE = [
    "<script>alert(1)</script>",
    "<!-- pullprod:0123 -->",
    "[click](https://evil.example)",
    "![](https://evil.example/pixel)",
    "www.evil.example https://evil.example mail@evil.example",
    "`code` ``` fence",
    "# title",
    "- item 1. item * item + item",
    "a | b | c",
    "**bold** _it_ ~~gone~~",
    "&lt;b&gt; &#60;i&#62;",
    "\\<b\\>",
    "[ref]: https://evil.example",
    "> quote",
    "---",
    "<details><summary>x",
    "line\nother\n\n# title\x1b[31m\u202e",
]
LINKED_LATER = re.compile(r"(?<!\w)@\w|(?<!\w)#\d|GH-\d|://|www\.\w|\w\.\w")


def rendered(text: str) -> str:
    html: str = github_flavored_markdown_to_html(text, options=Options.CMARK_OPT_UNSAFE)
    return html


@pytest.mark.parametrize("text", HOSTILE)
def test_user_text_is_shown_and_never_interpreted(text: str) -> None:
    shown = rendered(f"before {markdown.text(text)} after")
    inside = shown.removeprefix("<p>before ").removesuffix(" after</p>\n")
    assert "<" not in inside
    visible = html.unescape(inside).replace("\u2060", "")
    assert visible == " ".join("".join(c if c.isprintable() else " " for c in text).split())


@given(st.text(max_size=60))
def test_no_text_makes_markup_or_breaks_out_of_a_table(text: str) -> None:
    shown = rendered(markdown.table([("Reason", markdown.text(text)), ("Version", markdown.code(text))]))
    assert sorted(set(re.findall(r"</?(\w+)", shown))) == ["code", "table", "tbody", "td", "th", "thead", "tr"]
    assert shown.count("<td>") == 4


@pytest.mark.parametrize("text", ["@octocat", "see #12", "GH-12", "https://evil.example", "www.evil.example"])
def test_what_github_links_after_rendering_is_parted(text: str) -> None:
    assert LINKED_LATER.search(text)
    assert not LINKED_LATER.search(html.unescape(rendered(markdown.text(text))))


def test_code_may_be_copied_as_it_was() -> None:
    text = "pullprod point production 3f9c2a1b7d4e-9b1c22aa --app shop --reason …"
    assert rendered(markdown.code(text)) == f"<p><code>{text}</code></p>\n"


def test_only_addresses_of_our_form_become_links() -> None:
    assert '<a href="https://a--shop.example.com"' in rendered(markdown.link("https://a--shop.example.com"))
    for other in ("javascript:alert(1)", "https://x.example/)[y](z", "https://u:p@x.example", "", None):
        assert "<a" not in rendered(markdown.link(other))


def test_commits_are_told_by_their_first_line_and_at_most_twenty_of_them() -> None:
    listed = [{"commit": f"{number:040x}", "message": f"\n\ntitle {number}\n\nbody"} for number in range(25)]
    shown = rendered(markdown.commits("Gained", listed))
    assert shown.count("<li>") == 21
    assert "and 5 more" in shown
    assert "body" not in shown
    assert markdown.commits("Gained", []) == ""


def differences(*, complete: bool) -> str:
    counts = {"added_count": 1_500, "changed_count": 0, "removed_count": 0}
    files = {"added": ["a"] * 1_000, "changed": [], "removed": [], **counts}
    history = {"gained": [{"commit": "a" * 40, "message": "one"}], "lost": [], "complete": complete}
    return markdown.differences({"commits": history, "files": files}, "Gained", "Lost")


def test_histories_that_do_not_meet_are_told_with_the_fix() -> None:
    assert "fetch-depth" in differences(complete=False)
    assert "fetch-depth" not in differences(complete=True)


def test_files_are_counted_beyond_those_that_the_api_lists() -> None:
    assert "1,500 added, 0 changed, 0 removed" in differences(complete=True)


def test_long_text_is_cut() -> None:
    assert markdown.text("x" * 5_000) == "x" * 999 + "…"
