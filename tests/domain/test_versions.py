from __future__ import annotations

import pytest

from pullprod_control_plane.domain.errors import VersionNotReady
from pullprod_control_plane.domain.versions import State, require_ready
from tests.support.domain import a_version


def test_a_ready_version_can_be_pointed_at() -> None:
    require_ready(a_version(state=State.READY))


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        (State.UPLOADING, "Publish it again"),
        (State.PREPARING, "try again"),
        (State.RETIRING, "Publish its commit again"),
        (State.RETIRED, "Publish its commit again"),
        (State.REVOKED, "Point at another version"),
    ],
)
def test_every_other_state_is_refused_with_what_to_do_next(state: State, advice: str) -> None:
    version = a_version(state=state)
    with pytest.raises(VersionNotReady, match=advice) as refused:
        require_ready(version)
    assert refused.value.facts == {"version": version.id, "state": state.value}
