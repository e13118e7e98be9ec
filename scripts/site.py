"""Builds the documentation as a site: README.md is its front page, every other page keeps its path."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import cmarkgfm

ROOT = Path(__file__).parents[1]
_LINK = re.compile(r'href="(?!https?:)([^"#]+)\.md(?=["#])')
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ max-width: 50rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.6 system-ui, sans-serif }}
pre, table {{ display: block; overflow-x: auto }}
th, td {{ padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }}
</style>
{body}
</html>
"""


def build(target: Path) -> None:
    """Write the site to a directory; what was there before goes."""
    shutil.rmtree(target, ignore_errors=True)
    for source in sorted(_sources()):
        place = target / source.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix != ".md":
            shutil.copy(source, place)
            continue
        name = "index" if source.name == "README.md" else source.stem
        place.with_name(f"{name}.html").write_text(_page(source.read_text()))


def _sources() -> Iterator[Path]:
    for pattern in ("*.md", "LICENSE", "docs/*", "examples/*"):
        yield from ROOT.glob(pattern)


def _page(markdown: str) -> str:
    title = markdown.partition("\n")[0].removeprefix("# ")
    body = cmarkgfm.github_flavored_markdown_to_html(markdown)
    return _PAGE.format(title=title, body=_LINK.sub(r'href="\1.html', body))


if __name__ == "__main__":
    build(Path(sys.argv[1]))
