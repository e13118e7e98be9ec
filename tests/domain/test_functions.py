from __future__ import annotations

from dataclasses import replace

import pytest

from pullprod_control_plane.domain import functions, segments
from pullprod_control_plane.domain.errors import InvalidRequest, PayloadTooLarge
from pullprod_control_plane.domain.functions import Function
from pullprod_control_plane.domain.manifests import Manifest, check
from tests.support.domain import a_commit, a_file, a_function, a_manifest

BAD = [
    pytest.param(a_function(name="Api"), "cannot name a function", id="name"),
    pytest.param(a_function(name="a" * 21), "cannot name a function", id="long name"),
    pytest.param(a_function(sha256="0" * 63), "SHA-256", id="digest"),
    pytest.param(a_function(size=0), "zip of 0 bytes", id="empty zip"),
    pytest.param(a_function(size=functions.MAX_ZIP_BYTES + 1), "bytes", id="large zip"),
    pytest.param(a_function(handler="app handler"), "handler", id="handler"),
    pytest.param(a_function(runtime="python2.7"), "known are python3.10", id="runtime"),
    pytest.param(a_function(memory_mb=127), "128 to 10,240 MB", id="memory"),
    pytest.param(a_function(timeout_s=0), "1 to 900 seconds", id="timeout"),
    pytest.param(a_function(routes=()), "no routes", id="no routes"),
    pytest.param(a_function(routes=("/a", "/a")), "listed twice", id="doubled"),
]


@pytest.mark.parametrize(("function", "complaint"), BAD)
def test_a_function_that_could_not_run_is_refused_by_what_is_wrong(function: Function, complaint: str) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        check(a_manifest(functions=(function,)))


@pytest.mark.parametrize("route", ["/", "/*", "/login", "/api/*", "/.well-known/x", "/v1/a_b~c-d.e/*"])
def test_routes_are_exact_paths_or_prefixes(route: str) -> None:
    check(a_manifest(functions=(a_function(routes=(route,)),)))


@pytest.mark.parametrize(
    "route", ["", "api", "/api/", "//", "/a*", "/*/b", "/a b", "/ä", "/%41", "/../x", "/a/./b", "/a?b", "/" + "a" * 100]
)
def test_what_could_mean_another_path_is_no_route(route: str) -> None:
    with pytest.raises(InvalidRequest, match="is no route"):
        check(a_manifest(functions=(a_function(routes=(route,)),)))


def test_no_two_functions_share_a_name_or_a_route() -> None:
    with pytest.raises(InvalidRequest, match="one name"):
        check(a_manifest(functions=(a_function(), a_function(routes=("/b",)))))
    with pytest.raises(InvalidRequest, match="listed twice"):
        check(a_manifest(functions=(a_function("api"), a_function("img"))))


def test_functions_and_routes_are_a_handful() -> None:
    many = tuple(a_function(f"f{n}", routes=(f"/{n}",)) for n in range(functions.MAX_FUNCTIONS + 1))
    with pytest.raises(PayloadTooLarge, match="5 functions"):
        check(a_manifest(functions=many))
    routes = tuple(f"/{n}" for n in range(functions.MAX_ROUTES + 1))
    with pytest.raises(PayloadTooLarge, match="9 routes"):
        check(a_manifest(functions=(a_function(routes=routes),)))


def test_a_version_may_have_functions_and_no_files() -> None:
    check(Manifest(a_commit(), (), functions=(a_function(),)))


def test_functions_are_part_of_the_content_in_whatever_order_they_are_listed() -> None:
    api, img = a_function("api"), a_function("img", routes=("/img/*",))
    plain, one, both = a_manifest(), a_manifest(functions=(api,)), a_manifest(functions=(api, img))
    assert len({m.version_id() for m in (plain, one, both)}) == 3
    assert a_manifest(functions=(img, api)).version_id() == both.version_id()
    for changed in ({"sha256": "1" * 64}, {"handler": "b.c"}, {"routes": ("/x",)}, {"memory_mb": 1024}):
        assert a_manifest(functions=(replace(api, **changed),)).version_id() != one.version_id()


def test_a_digest_names_a_program_by_its_zip_and_what_it_runs_with() -> None:
    [stored] = segments.of_functions([a_function()])
    [same] = segments.of_functions([a_function(routes=("/other",))])
    assert stored.digest == same.digest
    changes = ({"sha256": "1" * 64}, {"handler": "b.c"}, {"runtime": "python3.12"}, {"timeout_s": 3})
    assert all(segments.of_functions([replace(a_function(), **c)])[0].digest != stored.digest for c in changes)


def test_a_site_that_offers_the_very_zip_for_download_has_it_in_another_segment() -> None:
    function = a_function()
    [stored] = segments.of_functions([function])
    published = replace(a_file("api.zip", kind=segments.ZIP_TYPE), sha256=function.sha256, size=function.size)
    assert stored.files == (published,)
    assert stored.digest not in {part.digest for part in segments.split([published])}
