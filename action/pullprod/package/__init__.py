"""Packaging: which files of a directory go into a version, and what they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ..config import Project, function_source
from .digest import PackagedFile, package
from .zips import package_function

__all__ = ["PackagedFile", "package", "packaged"]


@contextmanager
def packaged(
    project: Project, site: Path | None, on_hashed: Callable[[int], None]
) -> Iterator[tuple[list[PackagedFile], list[PackagedFile]]]:
    """Yield the files of a version, none without a site, and the zips of its functions, which are there for so long.

    Raises:
        UsageError: something in it cannot be published.
    """
    with TemporaryDirectory(prefix="pullprod-") as workspace:
        sources = [(function.name, function_source(project, function)) for function in project.functions]
        files = package(site, on_hashed) if site else []
        yield files, [package_function(name, source, Path(workspace)) for name, source in sources]
