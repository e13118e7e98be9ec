"""Packaging: which files of a directory go into a version, and what they are."""

from __future__ import annotations

from .digest import PackagedFile, package

__all__ = ["PackagedFile", "package"]
