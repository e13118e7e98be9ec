"""Publishing large real sites, each four times, beside `rsync -a --checksum` and `cp -r` of the same tree."""

from __future__ import annotations

import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

from running import commit, median, pullprod, repository, seconds, serving

SITES = {
    "python3-doc": Path("/usr/share/doc/python3.11/html"),
    "debian-handbook": Path("/usr/share/doc/debian-handbook/html"),
}
ROUNDS = 3
STEPS = ("first", "unchanged", "1 % changed", "unchanged again")


def report(place: Path) -> None:
    """Measure and print."""
    for package, documents in SITES.items():
        _report(place / package, package, documents)
    print("Ours includes starting the client, hashing, a fsync a file, verification and a probe of the address.\n")


def _report(place: Path, package: str, documents: Path) -> None:
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    sent: dict[str, dict[str, Any]] = {}
    for number in range(ROUNDS):
        _round(place / str(number), documents, times, sent)
    files = [path for path in (place / "0" / "shop" / "dist").rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    print(f"## Publishing Debian's {package}: {len(files):,} files, {size / 1e6:.1f} MB, medians of {ROUNDS}\n")
    print(
        "| step | files sent | bytes sent | pullprod | rsync -a --checksum | cp -r | pullprod / rsync | pullprod / cp |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for step in STEPS:
        ours, rsync, copy = (median(times[tool, step]) for tool in ("pullprod", "rsync", "cp"))
        print(
            f"| {step} | {sent[step]['uploaded_files']:,} | {sent[step]['uploaded_bytes']:,} "
            f"| {ours:.2f} s | {rsync:.2f} s | {copy:.2f} s | {ours / rsync:.1f} | {ours / copy:.1f} |"
        )
    print()


def _round(
    place: Path, documents: Path, times: dict[tuple[str, str], list[float]], sent: dict[str, dict[str, Any]]
) -> None:
    shop = place / "shop"
    repository(shop)
    site = shop / "dist"
    shutil.copytree(documents, site, ignore_dangling_symlinks=True)
    with serving(place / "data") as (_, environ):
        pullprod(environ, shop, "app", "create", "bench")
        for step in STEPS:
            if step == "1 % changed":
                _change(site)
            commit(shop)
            published: list[dict[str, Any]] = []
            times["pullprod", step].append(
                seconds(lambda: published.append(pullprod(environ, shop, "publish", "dist")))  # noqa: B023 - called at once.
            )
            sent[step] = published[0]
            rsync = ["rsync", "-a", "--checksum", "--delete", f"{site}/", f"{place / 'rsync'}/"]
            times["rsync", step].append(seconds(lambda: subprocess.run(rsync, check=True)))  # noqa: B023
            copy = ["cp", "-r", str(site), str(place / f"cp-{step.replace(' ', '-')}")]
            times["cp", step].append(seconds(lambda: subprocess.run(copy, check=True)))  # noqa: B023


def _change(site: Path) -> None:
    """Change every hundredth file."""
    files = sorted(path for path in site.rglob("*") if path.is_file())
    for path in files[::100]:
        with path.open("ab") as file:
            file.write(b"\n")
