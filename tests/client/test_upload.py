from __future__ import annotations

import hashlib
from collections import Counter
from http.server import BaseHTTPRequestHandler
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest

from pullprod import upload
from pullprod.api import Api
from pullprod.config import Connection
from pullprod.errors import PullprodError, UnreachableError, UsageError
from pullprod.package import PackagedFile, package
from pullprod.publish import publish
from pullprod.upload import ExpiredError, UnsafeError, Uploader
from tests.support.client import Answer, Faulty, Json, drops, drops_midway, never_ends, problem, says, write


@pytest.fixture
def files(tmp_path: Path) -> list[PackagedFile]:
    return package(write(tmp_path / "dist", {f"{number:02}.txt": f"file {number}" for number in range(20)}))


def items(files: list[PackagedFile], url: str) -> list[Json]:
    return [
        {"path": f.path, "size": f.size, "sha256": f.sha256, "method": "PUT", "url": f"{url}/put/{f.path}"}
        | {"headers": {"x-amz-checksum-sha256": f.sha256}}
        for f in files
    ]


def digests(broken: Faulty) -> set[str]:
    return {hashlib.sha256(request.body).hexdigest() for request in broken.seen}


def s3_says(status: int, code: str) -> Answer:
    return says(status, f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>x</Message></Error>')


def every_fifth(fault: Answer) -> Answer:
    counter, tried = count(1), Counter[str]()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        tried[handler.path] += 1
        unlucky = next(counter) % 5 == 0 and tried[handler.path] <= 3  # No file is so more often than it is tried.
        (fault if unlucky else says(200))(handler)

    return answer


PASSING = [
    *(says(status) for status in (500, 503, 429, 408)),
    s3_says(409, "ConditionalRequestConflict"),
    s3_says(400, "RequestTimeout"),
    drops,
    drops_midway,
]


@pytest.mark.parametrize("fault", PASSING)
def test_every_file_arrives_though_every_fifth_request_fails(
    broken: Faulty, files: list[PackagedFile], waits: list[float], fault: Answer
) -> None:
    broken.usual = every_fifth(fault)
    sizes: list[int] = []
    uploader = Uploader(files, sizes.append)
    uploader.send(items(files, broken.url))
    assert (uploader.files, uploader.bytes) == (20, sum(f.size for f in files))
    assert sorted(sizes) == sorted(f.size for f in files)
    assert digests(broken) == {f.sha256 for f in files}
    assert len(broken.seen) == 20 + len(waits)


def test_what_somebody_else_has_sent_is_done(broken: Faulty, files: list[PackagedFile], waits: list[float]) -> None:
    broken.usual = every_fifth(s3_says(412, "PreconditionFailed"))
    uploader = Uploader(files)
    uploader.send(items(files, broken.url))
    assert (uploader.files, len(broken.seen), waits) == (20, 20, [])


def test_the_given_headers_and_the_size_are_sent_and_no_token(broken: Faulty, files: list[PackagedFile]) -> None:
    Uploader(files).send(items(files[:1], broken.url))
    headers = broken.seen[0].headers
    assert headers["content-length"] == str(files[0].size)
    assert headers["x-amz-checksum-sha256"] == files[0].sha256
    assert not {"authorization", "transfer-encoding", "cookie"} & headers.keys()


def test_an_empty_file_and_one_of_several_chunks_arrive_whole(broken: Faulty, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"0123456789" * 300_000)
    (tmp_path / "empty").touch()
    found = package(tmp_path)
    Uploader(found).send(items(found, broken.url))
    assert sorted(len(request.body) for request in broken.seen) == [0, 3_000_000]
    assert digests(broken) == {f.sha256 for f in found}


def test_a_store_that_never_takes_it_is_given_up(broken: Faulty, files: list[PackagedFile], waits: list[float]) -> None:
    broken.usual = says(503, Retry_After="3")
    with pytest.raises(UnreachableError, match=r"'00\.txt' failed 8 times \(503"):
        Uploader(files).send(items(files[:1], broken.url))
    assert (len(broken.seen), len(waits)) == (8, 7)
    assert min(waits) >= 3


def test_a_refusal_is_told_and_not_repeated(broken: Faulty, files: list[PackagedFile]) -> None:
    broken.usual = problem(507, "storage-full")
    with pytest.raises(PullprodError, match=r"'00\.txt' failed: It is storage-full") as caught:
        Uploader(files).send(items(files[:1], broken.url))
    assert caught.value.problem["code"] == "storage-full"
    assert len(broken.seen) == 1


UNEXPECTED = [
    (says(302, Location="https://elsewhere.example"), "answered 302$"),
    (says(400, "<html>"), "answered 400$"),
    (s3_says(400, "EntityTooLarge"), "answered 400 EntityTooLarge$"),
]


@pytest.mark.parametrize(("answer", "told"), UNEXPECTED)
def test_an_answer_that_is_not_expected_is_told(
    broken: Faulty, files: list[PackagedFile], answer: Answer, told: str
) -> None:
    broken.usual = answer
    with pytest.raises(PullprodError, match=told):
        Uploader(files).send(items(files[:1], broken.url))
    assert len(broken.seen) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://store.example/put",
        "http://127.0.0.1.store.example/put",
        "http://127.0.0.1@store.example/put",
        "//127.0.0.1/put",
        "file:///etc/passwd",
        "https:///put",
        "http://[/put",
        "",
    ],
)
def test_an_address_that_would_carry_files_in_the_clear_is_refused_before_any_is_sent(
    broken: Faulty, files: list[PackagedFile], url: str
) -> None:
    *good, last = items(files, broken.url)
    with pytest.raises(UnsafeError, match="Nothing was sent there"):
        Uploader(files).send([*good, {**last, "url": url}])
    assert broken.seen == []


@pytest.mark.parametrize("url", ["https://store.example/put", "http://[::1]:1/put", "http://store.localhost:1/put"])
def test_addresses_that_are_taken(url: str) -> None:
    assert upload._safe(url).geturl() == url


@pytest.mark.usefixtures("waits")
def test_files_go_by_the_proxy_of_the_environment_but_not_on_this_machine(
    broken: Faulty, files: list[PackagedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", broken.url)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    Uploader(files).send(items(files[:1], broken.url))
    broken.usual = says(503)
    with pytest.raises(UnreachableError):
        Uploader(files).send(items(files[:1], "https://store.example"))
    assert [(r.method, r.path) for r in broken.seen] == [
        ("PUT", f"/put/{files[0].path}"),
        *[("CONNECT", "store.example:443")] * 8,
    ]


def test_a_store_is_checked_against_the_authorities_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "own.pem"))
    store: Any = upload._store(urlsplit("https://store.example"))
    assert store.ca_certs == str(tmp_path / "own.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    store = upload._store(urlsplit("https://store.example"))
    assert store.ca_cert_dir == str(tmp_path)


def test_an_answer_without_end_is_not_read_to_it(broken: Faulty, files: list[PackagedFile]) -> None:
    broken.script = [never_ends, never_ends]
    uploader = Uploader(files)
    uploader.send(items(files, broken.url))
    assert uploader.files == len(broken.seen) == 20


def test_an_expired_address_is_told_apart(broken: Faulty, files: list[PackagedFile]) -> None:
    broken.usual = says(403)
    with pytest.raises(ExpiredError):
        Uploader(files).send(items(files[:1], broken.url))


@pytest.mark.parametrize("after", ["shorter", "longer than it was, by far", None])
def test_a_file_that_changed_or_vanished_since_is_named_and_not_sent(
    broken: Faulty, files: list[PackagedFile], after: str | None
) -> None:
    if after is None:
        files[0].source.unlink()
    else:
        files[0].source.write_text(after)
    with pytest.raises(UsageError, match=r"'00\.txt' changed while it was published"):
        Uploader(files).send(items(files[:1], broken.url))
    assert broken.seen == []


@pytest.mark.parametrize("refusal", [problem(400, "digest-mismatch"), s3_says(400, "BadDigest")])
def test_a_file_that_changed_but_kept_its_size_is_named(
    broken: Faulty, files: list[PackagedFile], refusal: Answer
) -> None:
    files[0].source.write_text("eliF 0")
    broken.usual = refusal
    with pytest.raises(UsageError, match=r"'00\.txt' changed"):
        Uploader(files).send(items(files[:1], broken.url))


def test_a_file_cut_while_it_is_sent_is_named_at_once(files: list[PackagedFile]) -> None:
    with files[0].source.open("rb") as source:
        pieces = upload._pieces(files[0], source)
        source.seek(3)
        assert next(pieces) == b"e 0"
        with pytest.raises(UsageError, match="changed"):
            next(pieces)


def test_a_file_that_grows_while_it_is_sent_sends_what_was_announced(files: list[PackagedFile]) -> None:
    with files[0].source.open("rb") as source, files[0].source.open("ab") as writer:
        writer.write(b"more")
        writer.flush()
        assert b"".join(upload._pieces(files[0], source)) == b"file 0"


def test_one_failure_stops_the_files_that_have_not_begun(tmp_path: Path, broken: Faulty) -> None:
    many = package(write(tmp_path / "many", {f"{number:03}": str(number) for number in range(300)}))
    broken.usual = says(400)
    with pytest.raises(PullprodError):
        Uploader(many).send(items(many, broken.url))
    assert len(broken.seen) < 300


class Plane:
    """The publishing calls of a control plane whose store has a bad day."""

    def __init__(self, broken: Faulty, files: list[PackagedFile]) -> None:
        self.broken = broken
        self.left = {f.path: f for f in files}
        self.expired = 0
        self.forgets = 0
        self.plans = 0
        broken.usual = self.answer

    def page(self) -> Json:
        return {"items": items(list(self.left.values()), self.broken.url), "next_cursor": None}

    def answer(self, handler: Any) -> None:
        path = handler.path
        if path.startswith("/put/"):
            says(self.put(path.removeprefix("/put/")))(handler)
        elif path.endswith("/versions"):
            begun = {"version": {"id": "v", "state": "uploading"}, "missing_files": len(self.left), "missing_bytes": 0}
            says(201, {**begun, "uploads": self.page()})(handler)
        elif path.endswith("/uploads"):
            self.plans += 1
            says(200, self.page())(handler)
        elif self.left:
            problem(409, "upload-incomplete", missing=sorted(self.left)[:20])(handler)
        else:
            says(200, {"version": {"id": "v", "state": "ready"}, "pointer": None, "stayed": []})(handler)

    def put(self, path: str) -> int:
        if self.expired:
            self.expired -= 1
            return 403
        if self.forgets:
            self.forgets -= 1
            return 200
        self.left.pop(path, None)
        return 200


class Quiet:
    def hashed(self, size: int) -> None: ...

    def expect(self, files: int, size: int) -> None: ...

    def sent(self, size: int) -> None: ...

    def waits(self) -> None: ...


def publishes(broken: Faulty, files: list[PackagedFile]) -> Json:
    return publish(Api(Connection(broken.url, "pp_secret")), "shop", {}, files, Quiet()).version


def test_a_page_is_asked_for_while_the_one_before_it_is_sent(broken: Faulty, files: list[PackagedFile]) -> None:
    plane, asked = Plane(broken, files), Event()
    begun = {"version": {"id": "v", "state": "uploading"}, "missing_files": 20, "missing_bytes": 0}

    def answer(handler: Any) -> None:
        if handler.path.endswith("/versions"):
            says(201, {**begun, "uploads": {"items": items(files[:10], broken.url), "next_cursor": "next"}})(handler)
        elif handler.path.startswith("/put/") and not asked.wait(30):
            says(400)(handler)
        else:
            if handler.path.endswith("/uploads"):
                asked.set()
            plane.answer(handler)

    broken.usual = answer
    assert publishes(broken, files)["state"] == "ready"
    assert plane.plans == 1


def test_an_upload_that_fails_does_not_wait_for_the_page_after_it(broken: Faulty, files: list[PackagedFile]) -> None:
    begun = {"version": {"id": "v", "state": "uploading"}, "missing_files": 20, "missing_bytes": 0}
    asked, over, answered = Event(), Event(), Event()

    def answer(handler: Any) -> None:
        if handler.path.endswith("/versions"):
            says(201, {**begun, "uploads": {"items": items(files, broken.url), "next_cursor": "next"}})(handler)
        elif handler.path.startswith("/put/"):
            asked.wait(30)
            says(400)(handler)
        else:
            asked.set()
            over.wait(30)
            answered.set()
            says(200, {"items": [], "next_cursor": None})(handler)

    broken.usual = answer
    try:
        with pytest.raises(PullprodError, match="answered 400"):
            publishes(broken, files)
        assert (asked.is_set(), answered.is_set()) == (True, False)
    finally:
        over.set()


def test_expired_addresses_are_asked_for_afresh(broken: Faulty, files: list[PackagedFile]) -> None:
    plane = Plane(broken, files)
    plane.expired = 1
    assert publishes(broken, files)["state"] == "ready"
    assert plane.plans == 1


def test_what_the_store_lost_is_planned_again(broken: Faulty, files: list[PackagedFile]) -> None:
    plane = Plane(broken, files)
    plane.forgets = 3
    assert publishes(broken, files)["state"] == "ready"
    assert plane.plans == 1


@pytest.mark.parametrize(("fault", "code"), [("forgets", "upload-incomplete"), ("expired", "expired")])
def test_it_does_not_go_on_forever(broken: Faulty, files: list[PackagedFile], fault: str, code: str) -> None:
    plane = Plane(broken, files)
    setattr(plane, fault, 10_000)
    with pytest.raises(PullprodError) as caught:
        publishes(broken, files)
    assert caught.value.problem["code"] == code
    assert plane.plans == 2


def test_no_upload_of_a_publish_carries_the_token(broken: Faulty, files: list[PackagedFile]) -> None:
    Plane(broken, files)
    publishes(broken, files)
    puts = [request for request in broken.seen if request.path.startswith("/put/")]
    calls = [request for request in broken.seen if not request.path.startswith("/put/")]
    assert len(puts) == 20
    assert not [request for request in puts if "pp_secret" in str(request.headers)]
    assert all(request.headers["authorization"] == "Bearer pp_secret" for request in calls)
