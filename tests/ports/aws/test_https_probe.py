from __future__ import annotations

import http.server
import socket
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pullprod_control_plane.adapters.aws import https_probe
from pullprod_control_plane.adapters.aws.https_probe import HttpsProbe
from pullprod_control_plane.ports import Answer
from tests.support.serving import serving

DOMAIN = "previews.example"
HOST = f"3f9c2a1b7d4e-9b1c22aa--shop.{DOMAIN}"
SERVES = {"x-pullprod-version": "3f9c2a1b7d4e-9b1c22aa"}


class Edge:
    """An HTTPS server on this machine that has a certificate for all previews; tests say what it answers."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.asked: list[tuple[str, str]] = []
        self.body = b""
        self.port = 0
        self.trust = ssl.create_default_context()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DOMAIN)])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(f"*.{DOMAIN}")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    directory = tmp_path_factory.mktemp("certificate")
    (directory / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (directory / "key.pem").write_bytes(pem)
    return directory / "cert.pem", directory / "key.pem"


@pytest.fixture
def edge(certificate: tuple[Path, Path]) -> Iterator[Edge]:
    edge = Edge()
    edge.trust.load_verify_locations(certificate[0])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            edge.asked.append((self.headers["Host"], self.path))
            status, headers = edge.answers.pop(0) if len(edge.answers) > 1 else edge.answers[0]
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(edge.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(edge.body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Who leaves before all was sent is no error."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    edge.port = server.server_address[1]
    with serving(server):
        yield edge


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https_probe, "_PAUSE_S", 0.001)
    monkeypatch.setattr(https_probe, "_PATIENCE_S", 0.2)


def probe(edge: Edge, **more: Any) -> HttpsProbe:
    return HttpsProbe(DOMAIN, "127.0.0.1", port=edge.port, **{"trust": edge.trust, **more})


def test_a_preview_is_asked_by_its_own_name_wherever_it_is_connected_to(edge: Edge) -> None:
    edge.answers = [(200, SERVES)]
    assert probe(edge).get(HOST, "/é?q=1") == Answer(200, "3f9c2a1b7d4e-9b1c22aa")
    assert edge.asked == [(HOST, "/%C3%A9?q=1")]


def test_an_address_that_the_edge_does_not_know_yet_is_asked_again(edge: Edge) -> None:
    edge.answers = [(404, {}), (404, {}), (200, SERVES)]
    assert probe(edge).get(HOST, "/.well-known/pullprod") == Answer(200, "3f9c2a1b7d4e-9b1c22aa")
    assert len(edge.asked) == 3


def test_an_address_that_stays_unknown_is_given_up(edge: Edge) -> None:
    edge.answers = [(404, {})]
    assert probe(edge).get(HOST, "/") == Answer(404)
    assert len(edge.asked) > 2


@pytest.mark.parametrize(("status", "headers"), [(404, SERVES), (410, {}), (500, {}), (302, {"location": "/x"})])
def test_what_the_edge_answers_is_taken_as_it_is(edge: Edge, status: int, headers: dict[str, str]) -> None:
    edge.answers = [(status, headers)]
    assert probe(edge).get(HOST, "/") == Answer(status, headers.get("x-pullprod-version"))
    assert len(edge.asked) == 1


def test_a_body_of_any_size_is_left_unread(edge: Edge) -> None:
    edge.answers, edge.body = [(200, SERVES)], b"x" * 50_000_000
    assert probe(edge).get(HOST, "/").status == 200


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "localhost",
        DOMAIN,
        f"a.b.{DOMAIN}",
        f"a.{DOMAIN}.evil.example",
        f"a.{DOMAIN}:8080",
        f"a@b.{DOMAIN}",
        f"a.{DOMAIN}\r\nx: y",
        f".{DOMAIN}",
        "x.previews-example",
        "",
    ],
)
def test_nothing_but_previews_is_ever_asked(edge: Edge, host: str) -> None:
    with pytest.raises(ValueError, match="preview addresses"):
        probe(edge).get(host, "/")
    assert edge.asked == []


def test_a_path_cannot_smuggle_a_header(edge: Edge) -> None:
    edge.answers = [(200, SERVES)]
    probe(edge).get(HOST, "/a\r\nx-evil: 1")
    assert edge.asked == [(HOST, "/a%0D%0Ax-evil:%201")]


def test_a_certificate_that_nobody_vouches_for_is_no_answer(edge: Edge) -> None:
    edge.answers = [(200, SERVES)]
    assert probe(edge, trust=None).get(HOST, "/") == Answer(0)
    assert edge.asked == []


def test_a_certificate_of_another_name_is_no_answer(edge: Edge) -> None:
    edge.answers = [(200, SERVES)]
    other = HttpsProbe("other.example", "127.0.0.1", port=edge.port, trust=edge.trust)
    assert other.get("a--shop.other.example", "/") == Answer(0)


def test_where_nobody_listens_nothing_comes_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert HttpsProbe(DOMAIN, "127.0.0.1", port=port).get(HOST, "/") == Answer(0)


def test_a_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https_probe, "_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert HttpsProbe(DOMAIN, "127.0.0.1", port=listener.getsockname()[1]).get(HOST, "/") == Answer(0)
