from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullprod_control_plane.domain.errors import InvalidRequest
from pullprod_control_plane.domain.names import (
    MAX_APP,
    MAX_POINTER,
    Addresses,
    check_app,
    check_host,
    check_pointer,
    is_version_id,
    label,
    pointer_candidates,
)

BRANCHES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300) | st.from_regex(
    r"[0-9a-f]{12}[-/][0-9a-f]{8}|xn|[a-zA-Z0-9/_.-]{1,80}", fullmatch=True
)
NOT_SLUGS = ["", "-a", "a-", "a--b", "A", "a_b", "a.b", "a/b", "a b", "ä", "a\n", "--"]


@pytest.mark.parametrize("name", ["a", "7", "shop", "shop-2", "a-b-c", "a" * MAX_APP, "3f9c2a1b7d4e-9b1c22aa"])
def test_an_app_may_bear_a_slug(name: str) -> None:
    assert check_app(name) == name


@pytest.mark.parametrize("name", [*NOT_SLUGS, "a" * (MAX_APP + 1)])
def test_an_app_may_not_bear_anything_else(name: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot name an app"):
        check_app(name)


@pytest.mark.parametrize("name", ["a", "production", "feature-x", "xn-1", "p" * MAX_POINTER, "3f9c2a1b7d4e-9b1c22a"])
def test_a_pointer_may_bear_a_slug(name: str) -> None:
    assert check_pointer(name) == name


@pytest.mark.parametrize("name", [*NOT_SLUGS, "p" * (MAX_POINTER + 1), "xn", "3f9c2a1b7d4e-9b1c22aa"])
def test_a_pointer_may_not_bear_what_an_address_could_misread(name: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot name a pointer"):
        check_pointer(name)


@pytest.mark.parametrize(
    "host",
    ["www.example.com", "example.com", "a.b", "xn--bcher-kva.example", "a-b.example.com", "www.a--b.example", "1.2"],
)
def test_a_host_is_a_name_of_two_labels_or_more(host: str) -> None:
    assert check_host(host) == host


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("", id="nothing"),
        pytest.param("localhost", id="one label"),
        pytest.param("WWW.example.com", id="capitals"),
        pytest.param("www.example.com:8443", id="a port"),
        pytest.param("www.example.com.", id="the root"),
        pytest.param("production--shop.example.com", id="a preview address"),
        pytest.param("-a.example.com", id="a hyphen first"),
        pytest.param("a.example-", id="a hyphen last"),
        pytest.param("a..b", id="an empty label"),
        pytest.param("a" * 64 + ".example", id="a label of 64"),
        pytest.param(".".join(["a" * 60] * 5), id="more than 253"),
        pytest.param("*.example.com", id="a wildcard"),
        pytest.param("a.example\n", id="a line end"),
    ],
)
def test_other_texts_are_no_hosts(host: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot be a host"):
        check_host(host)


@pytest.mark.parametrize(
    ("branch", "plain"),
    [
        ("main", "main"),
        ("feature/x", "feature-x"),
        ("feature-x", "feature-x"),
        ("Fix #12: Ünicode", "fix-12-nicode"),
        ("--a__b--", "a-b"),
        ("日本語", "branch"),
    ],
)
def test_a_branch_name_becomes_a_slug(branch: str, plain: str) -> None:
    assert pointer_candidates(branch)[0] == plain


@pytest.mark.parametrize("branch", ["b" * 32, "3f9c2a1b7d4e-9b1c22aa", "xn"])
def test_a_branch_whose_slug_cannot_be_a_pointer_gets_the_suffixed_one_at_once(branch: str) -> None:
    plain, suffixed = pointer_candidates(branch)
    assert plain == suffixed


@given(BRANCHES)
def test_every_branch_gets_two_names_that_a_pointer_may_bear(branch: str) -> None:
    plain, suffixed = pointer_candidates(branch)
    assert check_pointer(plain) == plain
    assert check_pointer(suffixed) == suffixed
    assert re.search(r"-[0-9a-f]{6}$", suffixed)


@given(st.lists(BRANCHES, min_size=2, max_size=2, unique=True))
def test_two_branches_have_two_suffixed_names(branches: list[str]) -> None:
    one, other = branches
    assert pointer_candidates(one)[1] != pointer_candidates(other)[1]


@given(st.text())
def test_only_the_form_of_an_id_is_one(text: str) -> None:
    assert is_version_id(text) == bool(re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]{8}", text, re.ASCII))


def test_the_longest_names_fit_into_a_label_of_dns() -> None:
    assert len(label("p" * MAX_POINTER, "a" * MAX_APP)) == 63


@pytest.mark.parametrize(
    ("addresses", "host", "url"),
    [
        (Addresses("http", "localhost", 8080), "next--shop.localhost:8080", "http://next--shop.localhost:8080"),
        (Addresses("https", "p.example"), "next--shop.p.example", "https://next--shop.p.example"),
        (Addresses("https", None), None, None),
    ],
)
def test_an_address_is_made_of_name_app_and_domain(addresses: Addresses, host: str | None, url: str | None) -> None:
    assert (addresses.host("next", "shop"), addresses.url("next", "shop")) == (host, url)
