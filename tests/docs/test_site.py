"""The documentation as a site."""

from __future__ import annotations

import re
from pathlib import Path

from scripts.site import ROOT, build


def test_every_link_between_pages_leads_somewhere(tmp_path: Path) -> None:
    build(tmp_path)

    pages = list(tmp_path.rglob("*.html"))
    links = [(page, link) for page in pages for link in re.findall(r'href="(?!https?:)([^"#]+)', page.read_text())]
    assert (tmp_path / "index.html", "docs/architecture.html") in links
    assert [(page.name, link) for page, link in links if not (page.parent / link).is_file()] == []


def test_every_page_of_the_documentation_is_there(tmp_path: Path) -> None:
    build(tmp_path)

    assert {path.stem for path in (ROOT / "docs").glob("*.md")} == {p.stem for p in (tmp_path / "docs").glob("*.html")}
