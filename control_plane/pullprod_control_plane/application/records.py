"""Domain objects as ledger items, and back. The only place that knows the fields of an item's body."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import Any, cast

from ..domain.apps import App, Retention
from ..domain.functions import Function
from ..domain.hosts import Claim, Dns, Former
from ..domain.json import Json
from ..domain.locks import Access, Lock
from ..domain.manifests import Site
from ..domain.pointers import EndedHold, Hold, Pointer, PointerState
from ..domain.roles import Role, Token
from ..domain.swaps import Swap, SwapKind
from ..domain.trust import Rule
from ..domain.versions import State, Version

Body = Mapping[str, Json]


def encode(record: App | Claim | Lock | Pointer | Swap | Token | Version) -> dict[str, Json]:
    """Return the body of the item that keeps `record`."""
    return {field.name: _plain(getattr(record, field.name)) for field in dataclasses.fields(record)}


def _plain(value: object) -> Json:
    if isinstance(value, Enum):
        return cast("str", value.value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return cast("Json", value)


def version(body: Body) -> Version:
    """Return the version that an item keeps."""
    fields = cast("dict[str, Any]", dict(body))
    return Version(
        **{
            **fields,
            "state": State(fields["state"]),
            "site": Site(**fields["site"]),
            "health": tuple(fields["health"]),
            "tags": tuple(fields["tags"]),
            "functions": tuple(_function(listed) for listed in fields.get("functions", ())),
            "zips": tuple(fields.get("zips", ())),
        }
    )


def _function(fields: Mapping[str, Any]) -> Function:
    return Function(**{**fields, "routes": tuple(fields["routes"])})


def pointer(body: Body) -> Pointer:
    """Return the pointer that an item keeps."""
    fields = cast("dict[str, Any]", dict(body))
    return Pointer(
        **{
            **fields,
            "state": PointerState(fields["state"]),
            "trail": tuple(fields["trail"]),
            "recent": tuple((shown, generation) for shown, generation in fields["recent"]),
            "hosts": tuple(fields["hosts"]),
            "hold": Hold(**fields["hold"]) if fields["hold"] else None,
            "last_hold": EndedHold(**fields["last_hold"]) if fields.get("last_hold") else None,
            "functions": tuple(fields.get("functions", ())),
        }
    )


def swap(body: Body) -> Swap:
    """Return the swap that an item keeps."""
    fields = cast("dict[str, Any]", dict(body))
    return Swap(**{**fields, "kind": SwapKind(fields["kind"]), "forced": tuple(fields["forced"])})


def app(body: Body) -> App:
    """Return the app that an item keeps."""
    fields = cast("dict[str, Any]", dict(body))
    hosts = {name: tuple(listed) for name, listed in fields["hosts"].items()}
    rules = tuple(_rule(entry) for entry in fields["trust"])
    return App(**{**fields, "hosts": hosts, "retention": Retention(**fields["retention"]), "trust": rules})


def _rule(fields: Mapping[str, Any]) -> Rule:
    lists = {name: tuple(fields[name]) for name in ("pointers", "events", "refs")}
    return Rule(**{**fields, **lists, "role": Role(fields["role"])})


def claim(body: Body) -> Claim:
    """Return the claim on a host that an item keeps."""
    fields = cast("dict[str, Any]", dict(body))
    former = fields["former"]
    known = Former(former["holder"], tuple(former["records"])) if former else None
    return Claim(**{**fields, "dns": Dns(fields["dns"]), "former": known})


def lock(body: Body) -> Lock:
    """Return the lock that an item keeps."""
    fields = cast("dict[str, Any]", dict(body))
    return Lock(**{**fields, "access": Access(fields["access"])})


def token(body: Body) -> Token:
    """Return the token that an item keeps."""
    fields = cast("dict[str, Any]", dict(body))
    limits = {"apps": tuple(fields["apps"]), "pointers": tuple(fields["pointers"])}
    return Token(**{**fields, **limits, "role": Role(fields["role"])})
