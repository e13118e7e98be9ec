"""Whatever a viewer asks for, the request function answers or points into the app's own segments."""

import json
import re
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullprod_control_plane.adapters.local.edge_runtime import EdgeRuntime
from pullprod_control_plane.domain import manifests
from pullprod_control_plane.domain.errors import InvalidRequest
from pullprod_control_plane.domain.segments import segment_of

SEGMENTS = "".join(f"{n:08d}" for n in range(64))
RECORDS = {
    f"{mode}{spa}": {"a": "shop", "v": "aaaaaaaaaaaa-00000001", "g": 3, "s": SEGMENTS, "c": mode[0], "x": 1}
    | ({"p": 1} if spa else {})
    for mode in ("off", "html", "directory")
    for spa in ("", "-spa")
}
INSIDE = re.compile(r"/shop/s/[0-9]{8}/[A-Za-z0-9%/_.!~*'()-]+")

hosts = st.sampled_from(sorted(RECORDS))
# Raw text, text that a browser would have encoded, and the pieces that attacks are made of.
pieces = st.sampled_from(
    ["/", "//", ".", "..", "%2e", "%2F", "%5c", "\\", "%00", "%", "%25", "+", "?", "#", "é", "%c3%a9"]
)
paths = st.one_of(
    st.text(),
    st.text(alphabet=st.characters(codec=None)),
    st.text().map(lambda text: "/" + quote(text)),
    st.lists(st.one_of(pieces, st.text(max_size=3))).map(lambda parts: "/" + "".join(parts)),
)


@pytest.fixture(scope="module")
def runtime() -> EdgeRuntime:
    return EdgeRuntime({host: json.dumps(record) for host, record in RECORDS.items()}.get)


def request_for(host: str, path: str, *, document: bool) -> dict[str, Any]:
    headers = {"host": {"value": host}, "sec-fetch-dest": {"value": "document" if document else "script"}}
    return {"request": {"method": "GET", "uri": path, "querystring": {}, "headers": headers, "cookies": {}}}


@given(host=hosts, path=paths, document=st.booleans())
def test_no_path_leads_out_of_the_app(runtime: EdgeRuntime, host: str, path: str, document: bool) -> None:
    outcome = runtime.request(request_for(host, path, document=document))
    if "statusCode" not in outcome:
        assert INSIDE.fullmatch(outcome["uri"])
        assert not {".", "..", ""} & set(unquote(outcome["uri"]).split("/")[1:-1])
    elif outcome["statusCode"] == 302:
        location = outcome["headers"]["location"]["value"]
        assert re.fullmatch(r"/[A-Za-z0-9%_.!~*'()-][\x21-\x7e]*", location)
    else:
        assert outcome["statusCode"] in {200, 400}


@given(path=st.text(min_size=1, max_size=50))
def test_every_path_that_can_be_published_can_be_reached(runtime: EdgeRuntime, path: str) -> None:
    try:
        manifests.check_path(path)
    except InvalidRequest:
        return
    if path == ".well-known/pullprod":
        return
    outcome = runtime.request(request_for("off", "/" + quote(path, safe="/"), document=False))
    assert unquote(outcome["uri"]) == f"/shop/s/{segment_of(path):08d}/{path}"


@given(host=st.text(), cookie=st.text(), name=st.text(), value=st.text())
def test_no_host_cookie_or_query_makes_it_throw(
    runtime: EdgeRuntime, host: str, cookie: str, name: str, value: str
) -> None:
    known = request_for("directory", "/about", document=True)
    known["request"]["cookies"] = {"pullprod": {"value": cookie}, name: {"value": value}}
    known["request"]["querystring"] = {name: {"value": value}}
    known["request"]["rawQueryString"] = f"{name}={value}"
    answered = runtime.request(known)
    assert re.fullmatch(r"/about/\?[\x21-\x7e]*", answered["headers"]["location"]["value"])
    assert runtime.request(request_for(f"no {host}", "/", document=True))["statusCode"] == 404
