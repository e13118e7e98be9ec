"""What the template tells the functions."""

from __future__ import annotations

import pytest

from pullprod_control_plane.domain.trust import GITHUB_ISSUER
from pullprod_control_plane.settings import AwsSettings

NEEDED = {
    "PULLPROD_URL": "https://api.example.com",
    "PULLPROD_TABLE": "ledger",
    "PULLPROD_BUCKET": "files",
    "PULLPROD_ROUTES": "arn:aws:cloudfront::123456789012:key-value-store/a1b2",
    "PULLPROD_DISTRIBUTION": "arn:aws:cloudfront::123456789012:distribution/E1",
    "PULLPROD_DISTRIBUTION_HOST": "d1.cloudfront.net",
    "PULLPROD_FUNCTIONS": "pullprod_app",
    "PULLPROD_FUNCTIONS_ROLE": "arn:aws:iam::123456789012:role/functions",
    "PULLPROD_FUNCTIONS_LOG": "functions",
}


def test_what_the_stack_leaves_out_is_not_there() -> None:
    left_out = {"PULLPROD_PREVIEW_DOMAIN": "", "PULLPROD_ZONE": "", "PULLPROD_ISSUERS": ""}
    settings = AwsSettings.read({**NEEDED, **left_out})
    assert (settings.preview_domain, settings.zone, settings.worker) == (None, None, None)
    assert settings.issuers == (GITHUB_ISSUER,)
    assert settings.addresses.url("next", "shop") is None


def test_a_preview_domain_makes_addresses_and_issuers_may_be_several() -> None:
    given = {"PULLPROD_PREVIEW_DOMAIN": "p.example.com", "PULLPROD_ISSUERS": "https://a.example https://b.example"}
    settings = AwsSettings.read({**NEEDED, **given})
    assert settings.addresses.url("next", "shop") == "https://next--shop.p.example.com"
    assert settings.issuers == ("https://a.example", "https://b.example")


@pytest.mark.parametrize("name", NEEDED)
def test_a_variable_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is not set"):
        AwsSettings.read({other: value for other, value in NEEDED.items() if other != name})


def test_a_stack_whose_name_leaves_no_room_for_functions_is_refused() -> None:
    with pytest.raises(ValueError, match="Name the stack shorter"):
        AwsSettings.read({**NEEDED, "PULLPROD_FUNCTIONS": "s" * 44})
