"""The local edge over HTTP: real requests to a real server."""

import gzip
import hashlib
import re
import socket
from collections.abc import Iterator

import pytest

from tests.edge.servers import NEW, OLD, World, serving

HTML = "text/html; charset=utf-8"
PAGE = b"<!doctype html><title>Shop</title>" + b"<p>All we sell.</p>" * 200
SCRIPT = b"console.log(1);" * 200
BIG = bytes(range(256)) * 8_192
NAVIGATE = {"Sec_Fetch_Dest": "document", "Sec_Fetch_Mode": "navigate"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("objects"))
    world.route("www.example.com", NEW, g=2, r=[[OLD, 1]])
    world.route("production--shop", NEW, g=2, x=1)
    world.route(f"{OLD}--shop", OLD, g=0, x=1)
    world.route("spa--shop", NEW, p=1, x=1)
    world.route("bare--shop", "cccccccccccc-00000003", x=1)
    world.put(NEW, "index.html", PAGE, HTML, "max-age=0, must-revalidate")
    world.put(NEW, "about/index.html", b"about", HTML)
    world.put(NEW, "404.html", b"<h1>No such page</h1>", HTML)
    world.put(NEW, "app.js", SCRIPT, "text/javascript")
    world.put(NEW, "app-1a2b3c4d.js", SCRIPT, "text/javascript", "max-age=31536000, immutable")
    world.put(NEW, "caf\u00e9 + th\u00e9.txt", b"menu", "text/plain")
    world.put(NEW, "big.bin", BIG, "application/octet-stream")
    world.put(NEW, "empty.txt", b"", "text/plain")
    world.put(OLD, "app.js", b"old();", "text/javascript")
    with serving(world):
        yield world


def test_a_page_is_served_with_what_its_object_says(world: World) -> None:
    answer = world.get("/", **NAVIGATE)
    assert (answer.status, answer.body) == (200, PAGE)
    assert answer.headers["content-type"] == HTML
    assert answer.headers["cache-control"] == "max-age=0, must-revalidate"
    assert answer.headers["content-length"] == str(len(PAGE))
    assert answer.headers["x-pullprod-version"] == NEW
    assert answer.headers["x-content-type-options"] == "nosniff"
    pin = rf"pullprod={NEW}\.2\.[0-9]{{10}}; Path=/; HttpOnly; SameSite=Lax"
    assert re.fullmatch(pin, answer.headers["set-cookie"])
    assert not {"x-robots-tag", "x-pullprod-route", "x-pullprod-flags", "x-pullprod-not-found", "server"} & set(
        answer.headers
    )


def test_a_preview_is_not_indexed(world: World) -> None:
    assert world.get("/", host="production--shop.localhost:8080").headers["x-robots-tag"] == "noindex"


def test_a_version_has_its_own_host_and_no_pin(world: World) -> None:
    answer = world.get("/app.js", host=f"{OLD}--shop.localhost", **NAVIGATE)
    assert answer.body == b"old();"
    assert "set-cookie" not in answer.headers


def test_a_sub_resource_follows_its_pages_pin(world: World) -> None:
    assert world.get("/app.js", Cookie=f"a=1; pullprod={OLD}.1").body == b"old();"
    assert world.get("/app.js", Cookie=f"a=1; pullprod={NEW}.2").body == SCRIPT


def test_a_swap_shows_at_the_next_request(world: World) -> None:
    world.route("moving--shop", OLD, c="o")
    assert world.get("/app.js", host="moving--shop.localhost").body == b"old();"
    world.route("moving--shop", NEW, c="o", g=2)
    assert world.get("/app.js", host="moving--shop.localhost").body == SCRIPT


def test_the_etag_is_the_digest_of_the_bytes(world: World) -> None:
    etag = world.get("/app.js").headers["etag"]
    assert etag == f'"{hashlib.sha256(SCRIPT).hexdigest()}"'


def test_a_viewer_that_has_the_file_gets_304_and_a_new_pin(world: World) -> None:
    etag = world.get("/").headers["etag"]
    for condition in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = world.get("/", If_None_Match=condition, **NAVIGATE)
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["etag"] == etag
        assert answer.headers["x-pullprod-version"] == NEW
        assert f"{NEW}.2" in answer.headers["set-cookie"]
        assert "content-type" not in answer.headers
    assert world.get("/", If_None_Match='"other"').status == 200


def test_head_is_get_without_the_body(world: World) -> None:
    for path in ("/", "/app.js", "/big.bin", "/empty.txt", "/nothing.txt", "/about", "/.well-known/pullprod"):
        for accepted in ("identity", "gzip"):
            got, head = (world.get(path, method=method, Accept_Encoding=accepted) for method in ("GET", "HEAD"))
            assert (head.status, head.body) == (got.status, b"")
            assert {**head.headers, "date": ""} == {**got.headers, "date": ""}


def test_text_is_compressed_for_who_accepts_it(world: World) -> None:
    answer = world.get("/app.js", Accept_Encoding="br, gzip;q=0.5")
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body) == SCRIPT
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["vary"] == "Accept-Encoding"
    whole = world.get("/app.js")
    assert whole.body == SCRIPT
    assert whole.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in whole.headers


@pytest.mark.parametrize("accepted", ["gzip;q=0", "gzip; q=0.000, *", "br", "", "identity", "*;q=0"])
def test_nobody_gets_gzip_who_did_not_ask(world: World, accepted: str) -> None:
    assert "content-encoding" not in world.get("/app.js", Accept_Encoding=accepted).headers


@pytest.mark.parametrize("path", ["/about/", "/big.bin", "/empty.txt"])
def test_what_is_small_or_no_text_stays_as_it_is(world: World, path: str) -> None:
    answer = world.get(path, Accept_Encoding="gzip")
    assert "content-encoding" not in answer.headers
    assert "vary" not in answer.headers


def test_the_compressed_form_has_an_etag_of_its_own(world: World) -> None:
    plain, packed = (world.get("/app.js", Accept_Encoding=how).headers["etag"] for how in ("identity", "gzip"))
    assert plain != packed
    assert world.get("/app.js", Accept_Encoding="gzip", If_None_Match=packed).status == 304
    assert world.get("/app.js", Accept_Encoding="gzip", If_None_Match=plain).status == 200
    assert world.get("/app.js", Accept_Encoding="identity", If_None_Match=packed).status == 200


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=2097000-", 2_097_000, len(BIG)),
        ("bytes=-100", len(BIG) - 100, len(BIG)),
        ("bytes=-99999999", 0, len(BIG)),
        ("bytes=100-99999999", 100, len(BIG)),
        ("bytes=1-200000", 1, 200_001),
    ],
)
def test_a_range_is_served(world: World, asked: str, start: int, stop: int) -> None:
    answer = world.get("/big.bin", Range=asked)
    assert answer.status == 206
    assert answer.body == BIG[start:stop]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(BIG)}"
    assert answer.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("asked", [f"bytes={len(BIG)}-", "bytes=-0", "bytes=9999999999-"])
def test_a_range_outside_the_file_is_refused(world: World, asked: str) -> None:
    answer = world.get("/big.bin", Range=asked)
    assert (answer.status, answer.body) == (416, b"")
    assert answer.headers["content-range"] == f"bytes */{len(BIG)}"


@pytest.mark.parametrize(
    "asked", ["bytes=5-1", "bytes=a-b", "lines=1-2", "bytes=0-1,4-5", "bytes=", "bytes=-", "bytes=0-" + "9" * 5_000]
)
def test_a_range_that_is_not_understood_is_ignored(world: World, asked: str) -> None:
    answer = world.get("/big.bin", Range=asked)
    assert (answer.status, answer.body) == (200, BIG)


def test_a_range_of_text_is_of_the_uncompressed_bytes(world: World) -> None:
    answer = world.get("/app.js", Range="bytes=1-4", Accept_Encoding="gzip")
    assert (answer.status, answer.body) == (206, SCRIPT[1:5])
    assert "content-encoding" not in answer.headers


def test_a_range_of_another_version_of_the_file_is_answered_with_the_whole(world: World) -> None:
    etag = world.get("/big.bin").headers["etag"]
    assert world.get("/big.bin", Range="bytes=0-9", If_Range=etag).status == 206
    assert world.get("/big.bin", Range="bytes=0-9", If_Range='"other"').status == 200
    assert world.get("/big.bin", Range="bytes=0-9", If_Range="Sat, 01 Jan 2028 00:00:00 GMT").status == 200


def test_an_empty_file_is_served(world: World) -> None:
    answer = world.get("/empty.txt")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")
    assert world.get("/empty.txt", Range="bytes=0-").status == 416


def test_a_missing_file_is_answered_with_the_versions_own_page(world: World) -> None:
    answer = world.get("/nothing.txt", If_None_Match="*", Range="bytes=0-1")
    assert (answer.status, answer.body) == (404, b"<h1>No such page</h1>")
    assert answer.headers["content-type"] == HTML
    assert answer.headers["x-pullprod-version"] == NEW
    assert "etag" not in answer.headers


def test_a_version_without_a_404_page_says_so_in_words(world: World) -> None:
    answer = world.get("/nothing.txt", host="bare--shop.localhost")
    assert (answer.status, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert answer.headers["x-robots-tag"] == "noindex"


def test_a_navigation_of_a_single_page_app_gets_the_page(world: World) -> None:
    answer = world.get("/cart/7", host="spa--shop.localhost", **NAVIGATE)
    assert (answer.status, answer.body) == (200, PAGE)
    etag = answer.headers["etag"]
    assert world.get("/cart/8", host="spa--shop.localhost", If_None_Match=etag, **NAVIGATE).status == 304


def test_an_asset_of_a_single_page_app_never_gets_the_page(world: World) -> None:
    assert world.get("/gone.js", host="spa--shop.localhost", Sec_Fetch_Dest="script").status == 404


def test_a_folder_is_redirected_with_its_query_string(world: World) -> None:
    answer = world.get("/about?b=1&a=%20x&a=2&c")
    assert (answer.status, answer.headers["location"]) == (302, "/about/?b=1&a=%20x&a=2&c")
    assert answer.headers["cache-control"] == "no-store"


def test_names_in_any_script_are_found(world: World) -> None:
    assert world.get("/caf%C3%A9%20+%20th%c3%a9.txt").body == b"menu"


def test_names_that_the_viewer_did_not_encode_never_break_the_server(world: World) -> None:
    assert world.raw_status("/caf\u00e9%20+%20th\u00e9.txt".encode()) in {200, 400}
    assert world.raw_status(b"/\xff\xfe.txt?\xff") == 400


def test_the_edge_tells_what_it_shows(world: World) -> None:
    answer = world.get("/.well-known/pullprod")
    assert answer.body == b'{"app":"shop","version":"%s","commit":"bbbbbbbbbbbb","generation":2}\n' % NEW.encode()
    assert answer.headers["content-length"] == str(len(answer.body))


def test_an_unknown_host_is_not_found(world: World) -> None:
    answer = world.get("/", host="nobody.example.com")
    assert (answer.status, answer.headers["cache-control"]) == (404, "no-store")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_files_are_only_read(world: World, method: str) -> None:
    answer = world.get("/app.js", method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_body_that_nobody_reads_does_no_harm(world: World) -> None:
    head = b"POST /app.js HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\nContent-Length: 9\r\n\r\n"
    assert b" 405 " in world.raw(head + b"all of it").splitlines()[0]


@pytest.mark.parametrize(
    "target",
    [
        b"/../../etc/passwd",
        b"/%2e%2e/%2e%2e/etc/passwd",
        b"/..%2f..%2fetc/passwd",
        b"/a/..\\..\\x",
        b"/%5c..%5cx",
        b"/.%00./x",
        b"//etc/passwd",
        b"//evil.example/x",
        b"/./x",
        b"/%c0%ae%c0%ae/x",
        b"/%",
        b"*",
        b"http://evil.example/../x",
        b"?",
    ],
)
def test_a_path_that_climbs_is_refused_before_a_file_is_looked_for(world: World, target: bytes) -> None:
    world.asked.clear()
    assert world.raw_status(target) == 400
    assert world.asked == []


@pytest.mark.parametrize(
    "target",
    [
        b"/%252e%252e%252fetc%252fpasswd.txt",
        b"/" + b"a" * 5_000 + b".txt",
        b"/" + b"%F0%9F%98%80" * 300 + b".txt",
        b"/x.txt?" + b"a" * 5_000,
        b"/x.txt?%00&=&==&a=%zz",
        b"/x.txt#fragment",
        b'/x.txt;a=b|c^d`e{f}<g>"',
    ],
)
def test_an_odd_path_is_just_not_there(world: World, target: bytes) -> None:
    assert world.raw_status(target) == 404


def test_no_file_is_looked_for_under_a_key_that_s3_could_not_have(world: World) -> None:
    world.asked.clear()
    assert world.get("/" + "a" * 1_100 + ".txt").status == 404
    assert max(len(key) for key in world.asked) <= 1_024


def test_too_long_a_url_is_refused(world: World) -> None:
    assert world.raw_status(b"/" + b"a" * 8_200) == 414
    assert world.raw_status(b"/?" + b"a" * 8_200) == 414


def test_too_many_headers_are_refused(world: World) -> None:
    assert world.raw_status(b"/", b"".join(b"X-%d: 1\r\n" % n for n in range(120))) == 431
    assert world.raw_status(b"/", b"X-Long: " + b"a" * 21_000 + b"\r\n") == 431


@pytest.mark.parametrize(
    "header",
    [
        b"Cookie: =; ;; pullprod; pullprod=; pullprod=\xff\xfe.1; a=b=c\r\n",
        b"Cookie: __proto__=1; constructor=2\r\n",
        b"X-Pullprod-Not-Found: 500 /shop/s/x/y\r\nX-Pullprod-Route: x\r\n",
        b"Accept-Encoding: ;;;,,=,gzip;q=x\r\n",
        b'If-None-Match: "\r\nIf-Range: "\r\nRange: bytes=-\r\n',
        b"Accept: \xff\r\nSec-Fetch-Dest: \r\n",
        b"__proto__: 1\r\nconstructor: 2\r\n",
    ],
)
def test_odd_headers_change_nothing(world: World, header: bytes) -> None:
    assert world.raw_status(b"/", header) == 200


def test_a_host_header_that_is_no_host_is_not_found(world: World) -> None:
    for host in (b"", b":", b".", b"\xff", b"__proto__", b"[::1]:80", b"a" * 5_000):
        answer = world.raw(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
        assert answer.split(b" ")[1] in {b"400", b"404"}


def test_a_file_that_vanished_is_not_found(world: World) -> None:
    for content in (b"small", b"large" * 50_000):
        world.put(NEW, "gone.bin", content, "application/octet-stream").path.unlink()
        assert world.get("/gone.bin").status == 404
        world.put(NEW, "gone.css", content * 300, "text/css").path.unlink()
        assert world.get("/gone.css", Accept_Encoding="gzip").status == 404


def test_a_file_that_is_not_as_it_was_stored_is_not_served(world: World) -> None:
    file = world.put(NEW, "cut.bin", b"whole" * 50_000, "application/octet-stream")
    file.path.write_bytes(b"half")
    assert world.get("/cut.bin").status == 404


def test_a_file_removed_while_it_is_sent_arrives_whole(world: World) -> None:
    content = b"0123456789abcdef" * 2**20
    file = world.put(NEW, "movie.bin", content, "application/octet-stream")
    with socket.create_connection(("127.0.0.1", world.port), timeout=20) as connection:
        connection.sendall(b"GET /movie.bin HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n")
        received = connection.recv(1_000)
        file.path.unlink()
        while piece := connection.recv(2**20):
            received += piece
    assert received.endswith(content)


def test_a_file_cut_while_it_is_sent_breaks_the_connection_and_not_the_server(world: World) -> None:
    content = b"0123456789abcdef" * 2**20
    file = world.put(NEW, "cut.mp4", content, "video/mp4")
    with socket.create_connection(("127.0.0.1", world.port), timeout=20) as connection:
        connection.sendall(b"GET /cut.mp4 HTTP/1.1\r\nHost: www.example.com\r\n\r\n")
        received = connection.recv(1_000)
        with file.path.open("r+b") as opened:
            opened.truncate(len(content) // 2)
        while piece := connection.recv(2**20):
            received += piece
    assert len(received) < len(content)
    assert world.get("/app.js").status == 200


def test_a_viewer_who_leaves_does_not_stop_the_server(world: World) -> None:
    world.put(NEW, "long.bin", b"0123456789abcdef" * 2**20, "application/octet-stream")
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", world.port), timeout=20) as connection:
            connection.sendall(b"GET /long.bin HTTP/1.1\r\nHost: www.example.com\r\n\r\n")
            connection.recv(1_000)
    assert world.get("/app.js").status == 200


def test_many_requests_share_a_connection(world: World) -> None:
    request = b"GET /app.js HTTP/1.1\r\nHost: www.example.com\r\n\r\n"
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert world.raw(request * 4 + last).count(SCRIPT) == 5
