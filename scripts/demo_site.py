"""A small, real static site in a git repository with two branches: what the demo publishes."""

from __future__ import annotations

import hashlib
import struct
import subprocess
import zlib
from pathlib import Path

CONFIG = """app = "shop"

[site]
directory = "dist"
clean_urls = "directory"
"""
HEALTH = """
[health]
paths = ["/", "/about/"]
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="icon" href="/logo.png">
<link rel="stylesheet" href="/assets/{style}">
</head>
<body>
<nav><a href="/">Shop</a> <a href="/about/">About</a> <a href="/tea/">Tea</a></nav>
<img src="/logo.png" alt="A green square" width="48" height="48">
<h1>{heading}</h1>
<p>{text}</p>
<script src="/assets/{script}"></script>
</body>
</html>
"""

STYLE = "body {{ font: 1.1rem/1.5 system-ui; max-width: 40rem; margin: 3rem auto; accent-color: {colour}; }}\n"
SCRIPT = 'document.querySelector("h1").title = "{heading}";\n'


def make(repository: Path, config: str = CONFIG + HEALTH) -> list[tuple[str, str]]:
    """Make the repository; return branch and commit of each commit, in the order in which they were made."""
    repository.mkdir(parents=True)
    _git(repository, "init", "-q", "-b", "main")
    (repository / "pullprod.toml").write_text(config)
    commits = [
        _commit(repository, "main", "Open the shop", "Welcome", "seagreen"),
        _commit(repository, "main", "Say what we sell", "Fine teas", "seagreen"),
    ]
    _git(repository, "switch", "-q", "-c", "feature/summer")
    commits.append(_commit(repository, "feature/summer", "Try a summer look", "Iced teas", "orange"))
    commits.append(_commit(repository, "feature/summer", "Make it warmer", "Iced teas are here", "tomato"))
    _git(repository, "switch", "-q", "main")
    commits.append(_commit(repository, "main", "Mention shipping", "Fine teas, shipped free", "seagreen"))
    return commits


def _commit(repository: Path, branch: str, message: str, heading: str, colour: str) -> tuple[str, str]:
    _write(repository / "dist", heading, colour)
    return branch, commit(repository, message)


def commit(repository: Path, message: str) -> str:
    """Commit everything; return the commit."""
    _git(repository, "add", "-A")
    _git(repository, "commit", "-q", "-m", message)
    return _git(repository, "rev-parse", "HEAD").strip()


def _write(directory: Path, heading: str, colour: str) -> None:
    _clear(directory / "assets")
    style = _fingerprinted(directory / "assets", "style", "css", STYLE.format(colour=colour))
    script = _fingerprinted(directory / "assets", "app", "js", SCRIPT.format(heading=heading))
    texts = {
        "index.html": (heading, "Every version of this page is still there, at its own address."),
        "about/index.html": ("About", "We sell tea. Production is only a pointer."),
        "tea/index.html": ("Tea", "Assam, Darjeeling, Sencha."),
        "404.html": ("Not here", "There is no such page in this version."),
    }
    for path, (title, text) in texts.items():
        page = directory / path
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(PAGE.format(title=title, heading=title, text=text, style=style, script=script))
    (directory / "logo.png").write_bytes(_png(48, (46, 139, 87)))
    (directory / "robots.txt").write_text("User-agent: *\nAllow: /\n")


def _clear(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.iterdir():
        old.unlink()


def _fingerprinted(directory: Path, name: str, kind: str, text: str) -> str:
    file = f"{name}.{hashlib.sha256(text.encode()).hexdigest()[:10]}.{kind}"
    (directory / file).write_text(text)
    return file


def _png(size: int, colour: tuple[int, int, int]) -> bytes:
    """Return a square of one colour as a PNG (https://www.w3.org/TR/png/)."""
    rows = (b"\0" + bytes(colour) * size) * size
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _git(repository: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", str(repository), *identity, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout
