"""Viewers in processes of their own that load a page, then what it needs, again and again."""

from __future__ import annotations

import http.client
import re
import traceback
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event

from scripts.emulators import LOCALHOST

ASSETS = {"/app.js": "script", "/style.css": "style", "/data.json": "empty", "/logo.svg": "image"}
_PIN = re.compile(r"pullprod=([0-9a-f-]+\.\d+\.\d+)")
_VERSION = re.compile(r"version (\w+)")


@dataclass
class Read:
    """What one reader saw.

    `overtaken` counts the pages during whose loading the pointer moved; `shown` holds every version that a page was of.
    """

    pages: int = 0
    overtaken: int = 0
    shown: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


class Reader:
    """A browser's behaviour: it keeps the pin; one that returns sends it with the next page too."""

    def __init__(self, port: int, host: str, *, returns: bool) -> None:
        self._connection = http.client.HTTPConnection(LOCALHOST, port, timeout=60)
        self._host = host
        self._returns = returns
        self._pin = ""
        self.read = Read()

    def close(self) -> None:
        self._connection.close()

    def load(self) -> None:
        """Load the page and everything it needs, and note what does not fit together."""
        before = self._generation()
        if not self._returns:
            self._pin = ""
        page = self._version("/", "document")
        pinned = self._generation()
        if pinned < before and self._returns:
            self.read.faults.append(f"went back from generation {before} to {pinned}")
        for path, purpose in ASSETS.items():
            found = self._version(path, purpose)
            if found != page:
                self.read.faults.append(f"{path} of {found} in a page of {page}, pinned to {self._pin}")
        self.read.pages += 1
        self.read.shown.add(page)
        self.read.overtaken += self._current() > pinned

    def _generation(self) -> int:
        return int(self._pin.split(".")[1]) if self._pin else 0

    def _current(self) -> int:
        _, body = self._get("/.well-known/pullprod", {})
        return int(body.partition('"generation":')[2].rstrip("}\n"))

    def _version(self, path: str, purpose: str) -> str:
        headers = {"Sec-Fetch-Dest": purpose, **({"Cookie": f"pullprod={self._pin}"} if self._pin else {})}
        status, body = self._get(path, headers)
        found = _VERSION.findall(body)
        if status != http.HTTPStatus.OK or len(set(found)) != 1:
            self.read.faults.append(f"{path}: {status} {body[:200]}")
        return found[0] if found else ""

    def _get(self, path: str, headers: dict[str, str]) -> tuple[int, str]:
        self._connection.request("GET", path, headers={"Host": self._host, **headers})
        answer = self._connection.getresponse()
        if pin := _PIN.search(answer.getheader("Set-Cookie") or ""):
            self._pin = pin[1]
        return answer.status, answer.read().decode()


def keep_reading(port: int, host: str, returns: bool, ready: Barrier, over: Event, results: Queue[Read]) -> None:
    """Load pages until `over`; put what was seen into `results`."""
    with closing(Reader(port, host, returns=returns)) as reader:
        try:
            reader.load()
            reader.read = Read()
            ready.wait(60)
            while not over.is_set():
                reader.load()
        except Exception:  # noqa: BLE001 - whatever happened is for the test to tell.
            reader.read.faults.append(traceback.format_exc())
        results.put(reader.read)
