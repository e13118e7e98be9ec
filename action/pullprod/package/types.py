"""Content types by file name: the same on every machine, whatever its registry says."""

from __future__ import annotations

import mimetypes

_TABLE = mimetypes.MimeTypes(filenames=())
for _extension, _kind in {
    ".avif": "image/avif",
    ".css": "text/css",
    ".csv": "text/csv",
    ".gif": "image/gif",
    ".html": "text/html",
    ".htm": "text/html",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}.items():
    _TABLE.add_type(_kind, _extension)

_UNKNOWN = "application/octet-stream"


def content_type(path: str) -> str:
    """Return the content type of a file by its name; text is UTF-8."""
    name = path.rpartition("/")[2].lower()
    kind, encoding = _TABLE.guess_type(f"x{name}")
    if kind is None or encoding is not None:
        return _UNKNOWN
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
