"""Names of apps, pointers and hosts, and the addresses that they make."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from .errors import InvalidRequest

PRODUCTION = "production"

# `{version}--{app}` and `{pointer}--{app}` are DNS labels of at most 63 characters; a version id has 21.
MAX_APP = 30
MAX_POINTER = 31
MAX_FUNCTION = 20
MAX_HOST = 253

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_VERSION_ID = re.compile(r"[0-9a-f]{12}-[0-9a-f]{8}")
_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def is_version_id(text: str) -> bool:
    """Tell whether `text` has the form of a version id: 12 hex digits, `-`, 8 hex digits."""
    return _VERSION_ID.fullmatch(text) is not None


def _is_slug(name: str, longest: int) -> bool:
    return len(name) <= longest and "--" not in name and _SLUG.fullmatch(name) is not None


def check_app(name: str) -> str:
    """Return `name` if an app may bear it, else raise InvalidRequest."""
    if not _is_slug(name, MAX_APP):
        raise InvalidRequest(
            f"{name[:80]!r} cannot name an app: use 1 to {MAX_APP} of a-z, 0-9 and single '-' inside.", where="app"
        )
    return name


def check_pointer(name: str) -> str:
    """Return `name` if a pointer may bear it, else raise InvalidRequest.

    A version id would make an address ambiguous, and `xn` would make one look like an internationalised host.
    """
    if not _is_slug(name, MAX_POINTER) or is_version_id(name) or name == "xn":
        raise InvalidRequest(
            f"{name[:80]!r} cannot name a pointer: use 1 to {MAX_POINTER} of a-z, 0-9 and single '-' inside, "
            "and not the form of a version id.",
            where="pointer",
        )
    return name


def check_function(name: str) -> str:
    """Return `name` if a function may bear it, else raise InvalidRequest."""
    if not _is_slug(name, MAX_FUNCTION):
        raise InvalidRequest(
            f"{name[:80]!r} cannot name a function: use 1 to {MAX_FUNCTION} of a-z, 0-9 and single '-' inside.",
            where="functions",
        )
    return name


def check_host(host: str) -> str:
    """Return `host` if it can be a custom host of a pointer, else raise InvalidRequest."""
    labels = host.split(".")
    fits = len(host) <= MAX_HOST and len(labels) > 1 and all(_HOST_LABEL.fullmatch(label) for label in labels)
    if not fits or ("--" in labels[0] and not labels[0].startswith("xn--")):
        raise InvalidRequest(
            f"{host[:80]!r} cannot be a host: use a lower-case DNS name of two labels or more, without a port, "
            "whose first label has no '--' (those are preview addresses).",
            where="hosts",
        )
    return host


def pointer_candidates(branch: str) -> tuple[str, str]:
    """Return the pointer name for `branch`, and the one to use when another branch has the first.

    The second carries six hex digits of the branch's SHA-256, so no two branches share it by accident.
    """
    suffix = "-" + hashlib.sha256(branch.encode()).hexdigest()[:6]
    slug = re.sub(r"[^a-z0-9]+", "-", branch.lower()).strip("-") or "branch"
    room = MAX_POINTER - len(suffix)
    suffixed = slug[:room].rstrip("-") + suffix
    plain = slug if _is_slug(slug, MAX_POINTER) and not is_version_id(slug) and slug != "xn" else suffixed
    return plain, suffixed


def label(name: str, app: str) -> str:
    """Return the first DNS label of the preview address of a version or pointer."""
    return f"{name}--{app}"


@dataclass(frozen=True, slots=True)
class Addresses:
    """How previews are reached: scheme, domain under which they live, and port (None for the scheme's own).

    Without a domain there are no previews: `host` and `url` return None.
    """

    scheme: str
    domain: str | None
    port: int | None = None

    def host(self, name: str, app: str) -> str | None:
        """Return the host, with the port if there is one, of a version's or pointer's preview."""
        if self.domain is None:
            return None
        port = f":{self.port}" if self.port else ""
        return f"{label(name, app)}.{self.domain}{port}"

    def url(self, name: str, app: str) -> str | None:
        """Return the address of a version's or pointer's preview, without a trailing slash."""
        host = self.host(name, app)
        return f"{self.scheme}://{host}" if host else None
