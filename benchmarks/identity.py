"""How long it takes to know a genuine identity token, and to refuse each of a corpus of bad ones."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime

from running import median

from pullprod_control_plane.adapters.github.oidc_verifier import OidcVerifier
from pullprod_control_plane.domain.errors import Unauthenticated
from tests.support.bad_tokens import BAD, NOW, good
from tests.support.oidc import AUDIENCE, ISSUER, jwk, private_key

TIMES = 20


class _Clock:
    def now(self) -> datetime:
        return NOW


def report() -> None:
    """Measure and print."""
    keys = {"keys": [jwk("a", private_key("a")), jwk("b", private_key("b"))]}
    verifier = OidcVerifier(AUDIENCE, _Clock(), lambda _: keys, [ISSUER])
    genuine = good()
    verifier.verify(genuine)
    took = {name: _took(verifier, made()) for name, (_, made) in BAD.items()}
    worst = max(took, key=lambda name: took[name])
    print("## Identity tokens\n\n| what | ms |\n|---|---|")
    print(f"| a genuine token | {_took(verifier, genuine) * 1e3:.2f} |")
    print(f"| a bad one, median of {len(took)} | {median(list(took.values())) * 1e3:.2f} |")
    print(f"| the slowest to refuse: {worst} | {took[worst] * 1e3:.2f} |")
    print(f"\nThe median of {TIMES} times each, after the issuer's keys were fetched; 50 ms is the limit.\n")


def _took(verifier: OidcVerifier, token: str) -> float:
    return median([_seconds(verifier, token) for _ in range(TIMES)])


def _seconds(verifier: OidcVerifier, token: str) -> float:
    started = time.perf_counter()
    with suppress(Unauthenticated):
        verifier.verify(token)
    return time.perf_counter() - started


if __name__ == "__main__":
    report()
