"""Configuration: flags before environment before `pullprod.toml` before the user's own file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = "pullprod.toml"
PRODUCTION = "production"  # The pointer whose viewers are the users.
_CLEAN_URLS = ("directory", "html", "off")
_MAX_HEALTH = 10


@dataclass(frozen=True)
class Site:
    """The `[site]` table."""

    directory: str | None = None
    clean_urls: str = "directory"
    spa: bool = False


@dataclass(frozen=True)
class Function:
    """A `[functions.NAME]` table; `source` is the directory or zip that it names."""

    name: str
    source: str
    handler: str
    runtime: str
    routes: tuple[str, ...]
    memory_mb: int = 512
    timeout_s: int = 15


@dataclass(frozen=True)
class Project:
    """What a repository's `pullprod.toml` says; `root` is the directory that holds it, or the current one."""

    root: Path
    file: Path | None = None
    app: str | None = None
    url: str | None = None
    site: Site = field(default_factory=Site)
    health: tuple[str, ...] = ()
    functions: tuple[Function, ...] = ()


Check = Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_paths(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= _MAX_HEALTH
        and all(isinstance(path, str) and path.startswith("/") for path in value)
    )


def _is_routes(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(r, str) and r.startswith("/") for r in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


_PROJECT: Mapping[str, Mapping[str, tuple[Check, str]]] = {
    "": {"app": (_is_text, "a text"), "url": (_is_text, "a text")},
    "site": {
        "directory": (_is_text, "the name of a directory"),
        "clean_urls": (lambda value: value in _CLEAN_URLS, f"one of {', '.join(_CLEAN_URLS)}"),
        "spa": (lambda value: isinstance(value, bool), "true or false"),
    },
    "health": {"paths": (_is_paths, f"a list of at most {_MAX_HEALTH} paths that start with '/'")},
}
_USER: Mapping[str, Mapping[str, tuple[Check, str]]] = {
    "": dict.fromkeys(("url", "token", "app"), (_is_text, "a text")),
}


_FUNCTION: Mapping[str, tuple[Check, str]] = {
    "directory": (_is_text, "the name of a directory"),
    "zip": (_is_text, "the name of a zip file"),
    "handler": (_is_text, "a text like 'app.handler'"),
    "runtime": (_is_text, "the name of a runtime, like 'python3.13'"),
    "routes": (_is_routes, "a list of paths like '/login' or '/api/*'"),
    "memory": (_is_number, "a number of megabytes"),
    "timeout": (_is_number, "a number of seconds"),
}


def load_project(start: Path, named: Path | None = None) -> Project:
    """Return the configuration of the nearest `pullprod.toml` at or above `start`, or the defaults.

    Raises:
        UsageError: the file cannot be read, or says something that is not understood.
    """
    file = named or _nearest(start)
    if file is None:
        return Project(start)
    tables = _read(file, _PROJECT)
    site, health = tables.get("site", {}), tables.get("health", {})
    return Project(
        root=file.resolve().parent,
        file=file,
        app=tables.get("app"),
        url=tables.get("url"),
        site=Site(**site),
        health=tuple(health.get("paths", ())),
        functions=tuple(_function(file, name, facts) for name, facts in tables.get("functions", {}).items()),
    )


def _function(file: Path, name: str, facts: Any) -> Function:
    where = f"functions.{name}"
    if not isinstance(facts, dict):
        raise UsageError(f"{file}: {where} must be a table: [{where}].")
    for key, value in facts.items():
        _check(file, _FUNCTION, key, value, f"{where}.{key}")
    if ("directory" in facts) == ("zip" in facts):
        raise UsageError(f"{file}: {where} must name either a directory or a zip.")
    if missing := [key for key in ("handler", "runtime", "routes") if key not in facts]:
        raise UsageError(f"{file}: {where}.{missing[0]} is missing. Expected is {_FUNCTION[missing[0]][1]}.")
    source = facts.get("directory") or facts["zip"]
    more = {field: facts[key] for key, field in (("memory", "memory_mb"), ("timeout", "timeout_s")) if key in facts}
    return Function(name, source, facts["handler"], facts["runtime"], tuple(facts["routes"]), **more)


def _nearest(start: Path) -> Path | None:
    candidates = (directory / FILE for directory in (start.resolve(), *start.resolve().parents))
    return next((file for file in candidates if file.is_file()), None)


def _read(file: Path, known: Mapping[str, Mapping[str, tuple[Check, str]]]) -> dict[str, Any]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise UsageError(f"{file} cannot be read: {fault}.") from fault
    for key, value in tables.items():
        if key == "functions" and known is _PROJECT:
            if not isinstance(value, dict):
                raise UsageError(f"{file}: functions must be tables: [functions.NAME].")
        elif key in known and key:
            if not isinstance(value, dict):
                raise UsageError(f"{file}: {key} must be a table: [{key}].")
            for inner, entry in value.items():
                _check(file, known[key], inner, entry, f"{key}.{inner}")
        else:
            _check(file, known[""], key, value, key)
    return tables


def _check(file: Path, known: Mapping[str, tuple[Check, str]], key: str, value: Any, shown: str) -> None:
    if key not in known:
        raise UsageError(f"{file}: {shown} is not known; known here: {', '.join(sorted(known))}.")
    fits, expected = known[key]
    if not fits(value):
        raise UsageError(f"{file}: {shown} must be {expected}.")


@dataclass(frozen=True)
class Connection:
    """Where the control plane is, and who we are to it. The token stays out of any representation.

    It is `withheld` unless the user keeps it for the control plane that the project names.
    """

    url: str
    token: str | None = field(repr=False)
    withheld: bool = False


def user_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the user's own file is (XDG base directories)."""
    home = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "pullprod" / "config.toml"


def _user(environ: Mapping[str, str]) -> dict[str, Any]:
    file = user_file(environ)
    return _read(file, _USER) if file.is_file() else {}


def connection(project: Project, url: str | None, environ: Mapping[str, str] = os.environ) -> Connection:
    """Return where to call. The token comes from the environment or the user's file, never from a command line.

    Raises:
        UsageError: no address is known, or it would send the token in the clear.
    """
    own = _user(environ)
    chosen = url or environ.get("PULLPROD_URL")
    found = chosen or project.url or own.get("url")
    if not found:
        raise UsageError(
            "Where is the control plane? Set PULLPROD_URL, or give --url; `pullprod serve` starts one here."
        )
    checked = checked_address(found)
    given, kept = environ.get("PULLPROD_TOKEN"), own.get("token")
    # Anyone may write a pullprod.toml into a repository; it must not decide who gets the user's token.
    theirs = not chosen and project.url is not None and ("url" not in own or checked != checked_address(own["url"]))
    withheld = bool(not given and kept and theirs)
    token = given or (None if withheld else kept)
    return Connection(checked, checked_token(token) if token else None, withheld=withheld)


def checked_token(token: str) -> str:
    """Return a token without what surrounds it: secrets often end in a line break.

    Raises:
        UsageError: it has any other stray character, which would be refused, and shown, far below.
    """
    stripped = token.strip()
    if not stripped.isascii() or not stripped.isprintable() or " " in stripped:
        raise UsageError("The token has characters that no token has. It is one word, like pp_…: copy it again.")
    return stripped


def is_loopback(host: str | None) -> bool:
    """Tell whether a host name leads to this machine."""
    return host in {"localhost", "127.0.0.1", "::1"} or (host or "").endswith(".localhost")


def checked_address(url: str) -> str:
    """Return a control plane's address without a slash at its end.

    Raises:
        UsageError: it is none, or a token would be sent there in the clear.
    """
    try:
        parts = urlsplit(url.strip())
        # Reading the port checks it.
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        raise _no_address() from None
    # Libraries disagree about where a host ends that has a backslash.
    if not known or {"@", "\\"} & set(parts.netloc) or parts.query or parts.fragment:
        raise _no_address()
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise UsageError(f"http://{parts.netloc} would send your token in the clear. Use https.")
    return url.strip().rstrip("/")


def _no_address() -> UsageError:
    """What was given may hold a password, so it is not repeated."""
    return UsageError("The control plane's address is not one. Expected is one like https://pullprod.example.com.")


def app_name(project: Project, given: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """Return which app is meant, or raise UsageError."""
    found = given or environ.get("PULLPROD_APP") or project.app or _user(environ).get("app")
    if not found:
        raise UsageError(f'Which app? Write app = "…" into {FILE}, set PULLPROD_APP, or give --app.')
    return str(found)


def function_source(project: Project, function: Function) -> Path:
    """Return the directory or zip of a function, or raise UsageError if it is not there."""
    source = project.root / function.source
    if not source.is_dir() and not source.is_file():
        raise UsageError(
            f"{project.file}: functions.{function.name}: {source} is neither a directory nor a zip. "
            "Expected what the build wrote: build the function first."
        )
    return source


def site_directory(project: Project, given: Path | None) -> Path | None:
    """Return the directory to publish: the one given, else the one that pullprod.toml names; None for functions only.

    Raises:
        UsageError: neither is there.
    """
    if given is None and project.site.directory is None:
        if project.functions:
            return None
        raise UsageError(f"Which directory? Name it, or write directory under [site] into {FILE}.")
    site = given or project.root / (project.site.directory or "")
    if not site.is_dir():
        where = "" if given else f"{project.file}: site.directory: "
        raise UsageError(f"{where}{site} is not a directory. Expected what the build wrote: build the site first.")
    return site
