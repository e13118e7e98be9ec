"""The smallest and a large file, from announcing to serving."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from tests.support.api import Api, manifest

LARGE = 200 * 1024**2
BLOCK = 1 << 20


class Film:
    """So many bytes, made while they are read; every block is another."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._at = 0

    def __len__(self) -> int:
        return self._size - self._at

    def __iter__(self) -> Iterator[bytes]:
        while block := self.read():
            yield block

    def read(self, size: int = -1) -> bytes:
        number, offset = divmod(self._at, BLOCK)
        take = min(len(self), BLOCK - offset, size if size >= 0 else BLOCK)
        self._at += take
        return (number.to_bytes(8, "big") * (BLOCK // 8))[offset : offset + take]


def digest(source: Any) -> str:
    found = hashlib.sha256()
    while chunk := source.read(BLOCK):
        found.update(chunk)
    return found.hexdigest()


def test_a_file_of_0_bytes_and_one_of_200_mb_are_published_and_served(api: Api, app: str) -> None:
    sha256, nothing = digest(Film(LARGE)), hashlib.sha256().hexdigest()
    files = [
        {"path": "empty.txt", "size": 0, "sha256": nothing, "type": "text/plain"},
        {"path": "film.bin", "size": LARGE, "sha256": sha256, "type": "application/octet-stream"},
    ]
    begun = api.ok("POST", f"/v1/apps/{app}/versions", manifest("both ends", {}, files=files))
    assert [(item["path"], item["size"]) for item in begun["uploads"]["items"]] == [("film.bin", LARGE)]
    assert api.upload(begun["uploads"]["items"][0], Film(LARGE)).status_code == 200
    version = api.ok("POST", f"/v1/apps/{app}/versions/{begun['version']['id']}/finalize", {})["version"]
    assert (version["state"], version["bytes"]) == ("ready", LARGE)
    host = {"Host": f"{version['id']}--{app}.localhost"}
    with api.session.get(f"{api.url}/film.bin", headers=host, timeout=60, stream=True) as shown:
        assert (shown.status_code, shown.headers["content-length"]) == (200, str(LARGE))
        assert digest(shown.raw) == sha256
    assert api.session.get(f"{api.url}/empty.txt", headers=host, timeout=20).content == b""
