"""Zips of small Python functions."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping


def zipped(files: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of files, the same bytes each time."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, method)
    return body.getvalue()


def python(source: str) -> bytes:
    """Return the zip of a function whose handler is `app.handler`."""
    return zipped({"app.py": source})


def says(text: str) -> bytes:
    """Return the zip of a function that always answers `text`."""
    return python(f"def handler(event, context):\n    return {{'statusCode': 200, 'body': {text!r}}}\n")
