"""Writes edge/*.js into template.yaml, where CloudFormation wants a function's code; a test compares them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_INDENT = " " * 8
_CODE = re.compile(r"(      FunctionCode: \| # (edge/\w+\.js)\n)(?:        [^\n]*\n|\n(?=\n*        ))*")


def written(template: str) -> str:
    """Return the template with the code of its functions as it stands in `edge/`."""
    return _CODE.sub(lambda found: found[1] + _indented((ROOT / found[2]).read_text()), template)


def _indented(code: str) -> str:
    return "".join(f"{_INDENT}{line}\n" if line else "\n" for line in code.splitlines())


if __name__ == "__main__":
    path = ROOT / "template.yaml"
    path.write_text(written(path.read_text()))
