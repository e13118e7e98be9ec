"""`make bench`: publish, swap and edge, each beside what people use otherwise, as ratios; and what AWS is asked."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

import aws_calls
import cold_start
import copying
import identity
import publishing
import scale
import swapping
import uploading

import edge


def machine() -> str:
    """Name the machine that the figures are of."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), platform.machine())
    system = f"{platform.system()} {platform.release().partition('-')[0]}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores ({model}), {system}"


def main() -> None:
    """Measure everything, and print Markdown."""
    print("# Figures\n\nMade by `make bench`. Compare the ratios: the seconds are of one machine, at one time.\n")
    print(f"Machine: {machine()}.\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="pullprod-bench-") as name:
        place = Path(name)
        publishing.report(place / "publishing")
        uploading.report(place / "uploading")
        copying.report()
        swapping.report(place / "swapping")
        scale.report(place / "scale")
        edge.report(place / "edge")
    identity.report()
    cold_start.report()
    aws_calls.report()


if __name__ == "__main__":
    if shutil.which("rsync") is None:
        sys.exit("rsync is needed: make bench installs it.")
    main()
