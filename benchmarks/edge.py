"""Requests a second of the local edge, beside `python -m http.server` and nginx, of the same file, by wrk."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from running import commit, median, pullprod, repository, serving

from scripts.emulators import free_port

DOCS = Path("/usr/share/doc/python3.11/html")
ROUNDS = 3
SECONDS = 3
PAGE = "/glossary.html"
NGINX = """daemon off; pid {place}/nginx.pid; error_log /dev/null; worker_processes 2;
events {{ worker_connections 256; }}
http {{ access_log off; include /etc/nginx/mime.types; client_body_temp_path {place}/b; proxy_temp_path {place}/p;
fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u; scgi_temp_path {place}/s; sendfile on;
server {{ listen 127.0.0.1:{port}; root {site}; }} }}
"""


def report(place: Path) -> None:
    """Measure and print."""
    shop = place / "shop"
    repository(shop)
    site = shop / "dist"
    shutil.copytree(DOCS, site, ignore_dangling_symlinks=True)
    rates: dict[str, list[float]] = defaultdict(list)
    with _python(site) as python, _nginx(place, site) as nginx, serving(place / "data") as (port, environ):
        pullprod(environ, shop, "app", "create", "bench")
        commit(shop)
        pullprod(environ, shop, "publish", "dist")
        for _ in range(ROUNDS):
            rates["pullprod"].append(_rate(port, "main--bench.localhost"))
            rates["python -m http.server"].append(_rate(python, "localhost"))
            rates["nginx"].append(_rate(nginx, "localhost"))
    size = (site / PAGE[1:]).stat().st_size
    print(f"## The edge: {PAGE}, {size:,} bytes, wrk with 16 connections, medians of {ROUNDS}\n")
    print("| server | requests a second | of ours |\n|---|---|---|")
    for server, values in rates.items():
        print(f"| {server} | {median(values):,.0f} | {median(values) / median(rates['pullprod']):.1f} |")
    print("\nThe local edge runs the two JavaScript functions of the CDN on each request. It is for one machine.\n")


def _rate(port: int, host: str) -> float:
    command = ["wrk", "-t2", "-c16", f"-d{SECONDS}s", "-H", f"Host: {host}", f"http://127.0.0.1:{port}{PAGE}"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in out, out
    found = re.search(r"Requests/sec:\s+([0-9.]+)", out)
    assert found, out
    return float(found[1])


@contextmanager
def _python(site: Path) -> Iterator[int]:
    port = free_port()
    yield from _running([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "-d", str(site), str(port)], port)


@contextmanager
def _nginx(place: Path, site: Path) -> Iterator[int]:
    port = free_port()
    config = place / "nginx.conf"
    config.write_text(NGINX.format(place=place, site=site, port=port))
    # The workers of nginx run as another user, who has to get at the files.
    for directory in (place, *place.parents):
        if directory.stat().st_uid == Path.home().stat().st_uid and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o055)
    yield from _running([shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(config), "-p", str(place)], port)


def _running(command: list[str], port: int) -> Iterator[int]:
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                urlopen(f"http://127.0.0.1:{port}{PAGE}").close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait()
