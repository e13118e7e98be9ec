"""The main job, on this machine: publish every commit, point production at one, roll back, hold.

Each step is a real command, and each is verified over HTTP. On a terminal the server stays up until Ctrl-C.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts import demo_site

ROOT = Path(__file__).resolve().parent.parent
PULLPROD = [sys.executable, "-m", "pullprod"]
HELD = 6
STEP, DIM, END = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


def free_port(wanted: int) -> int:
    """Return `wanted`, or any other port if that one is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SystemExit("No port of 127.0.0.1 can be used.")


@contextmanager
def serving(data: Path, port: int) -> Iterator[str]:
    """Run `pullprod serve`; yield the admin token that it prints on its first start."""
    command = [*PULLPROD, "serve", "--data", str(data), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        lines = [server.stdout.readline(), server.stdout.readline()]
        if not lines[1].startswith("admin token: "):
            raise SystemExit(f"The server did not start: {''.join(lines)}")
        yield lines[1].split()[-1]
    finally:
        server.terminate()
        server.wait()


class Shop:
    """The demo's user: runs commands in the repository, and looks at pages.

    `page` returns the start page of a version or pointer, as a browser would get it.
    """

    def __init__(self, repository: Path, url: str, token: str, page: Callable[[str], str]) -> None:
        self._repository = repository
        self._env = {**os.environ, "PULLPROD_URL": url, "PULLPROD_TOKEN": token}
        self._page = page

    def run(self, *arguments: str, expect: int = 0, quiet: bool = False) -> str:
        """Run `pullprod …`, print command and result, and return its standard output."""
        if not quiet:
            print(f"{DIM}$ pullprod {' '.join(_quoted(a) for a in arguments)}{END}", flush=True)
        done = subprocess.run(
            [*PULLPROD, *arguments], cwd=self._repository, env=self._env, capture_output=True, text=True, check=False
        )
        if done.returncode != expect:
            raise SystemExit(f"exit {done.returncode}, not {expect}: {done.stdout}{done.stderr}")
        if not quiet:
            print((done.stdout if expect == 0 else done.stderr).rstrip(), flush=True)
        return done.stdout

    def json(self, *arguments: str) -> dict[str, object]:
        """Run a command for its JSON, without showing it."""
        answer: dict[str, object] = json.loads(self.run(*arguments, "--json", quiet=True))
        return answer

    def sees(self, name: str, heading: str) -> None:
        """Verify and tell what a viewer sees."""
        seen = self._page(name).split("<h1>")[1].split("</h1>")[0]
        if seen != heading:
            raise SystemExit(f"{name} shows {seen!r}, not {heading!r}")
        print(f"  {name} shows “{seen}”", flush=True)

    def checkout(self, commit: str) -> None:
        """Put the work tree at a commit, as a workflow for that push would."""
        subprocess.run(["git", "-C", str(self._repository), "checkout", "-q", commit], check=True)


def pages(port: int) -> Callable[[str], str]:
    """Return what gets the start page of a version or pointer from the server at a port."""

    def page(name: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/", headers={"Host": f"{name}--shop.localhost:{port}", "Accept": "text/html"})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        assert response.status == http.HTTPStatus.OK, (name, response.status, text)
        return text

    return page


def _quoted(argument: str) -> str:
    return f'"{argument}"' if " " in argument else argument


def step(text: str) -> None:
    """Tell what comes next."""
    print(f"\n{STEP}{text}{END}", flush=True)


def tell(shop: Shop, commits: list[tuple[str, str]]) -> list[str]:
    """Do the main job; return the ids of the versions, oldest first."""
    step("1. Publish every commit. Nothing goes live.")
    shop.run("app", "create", "shop")
    versions = []
    for branch, commit in commits:
        shop.checkout(commit)
        published = shop.json("publish", "--branch", branch)
        version = published["version"]
        assert isinstance(version, dict)
        versions.append(str(version["id"]))
        print(f"  {version['id']}  {branch:<15} {version['message']}  ({published['uploaded_files']} files sent)")

    step("2. Point production at main as it was; then at a feature branch that nobody has merged.")
    shop.run("point", "production", versions[1], "--reason", "launch")
    shop.sees("production", "Fine teas")
    shop.run("plan", "production", "branch:feature/summer")
    shop.run("point", "production", "branch:feature/summer", "--reason", "try summer on real users")
    shop.sees("production", "Iced teas are here")

    step("3. Every older version still answers, at its own address.")
    for version, heading in zip(versions, ("Welcome", "Fine teas", "Iced teas"), strict=False):
        shop.sees(version, heading)

    step("4. Going to main now would lose what users have. The lineage guard says so.")
    shop.run("point", "production", "branch:main", "--reason", "newest", expect=HELD)
    shop.sees("production", "Iced teas are here")

    step("5. Roll back; then hold production, and see that nobody moves it.")
    shop.run("rollback", "production", "--reason", "too warm")
    shop.sees("production", "Fine teas")
    shop.run("hold", "production", "--reason", "marketing waits for Monday")
    shop.run("point", "production", "branch:main", "--reason", "in a hurry", expect=HELD)
    shop.sees("production", "Fine teas")
    shop.run("unhold", "production")
    shop.run("point", "production", "branch:main", "--reason", "Monday")
    shop.sees("production", "Fine teas, shipped free")

    step("6. Who did what, and is everything as it should be?")
    shop.run("history", "production")
    shop.run("audit")
    return versions


def main() -> None:
    """Run the demo; with CI set or without a terminal, leave when everything was verified."""
    place = ROOT / ".demo"
    shutil.rmtree(place, ignore_errors=True)
    port = free_port(8787)
    commits = demo_site.make(place / "shop")
    with serving(place / "data", port) as token:
        print(f"pullprod serves on http://localhost:{port}, its data in {place / 'data'}")
        shop = Shop(place / "shop", f"http://localhost:{port}", token, pages(port))
        versions = tell(shop, commits)
        print(f"\nProduction:   http://production--shop.localhost:{port}/")
        print(f"The branch:   http://feature-summer--shop.localhost:{port}/")
        print(f"First commit: http://{versions[0]}--shop.localhost:{port}/")
        if sys.stdout.isatty() and sys.stdin.isatty() and not os.environ.get("CI"):
            wait(port, token)
    print("\nAll steps were verified.")


def wait(port: int, token: str) -> None:
    """Keep serving until interrupted."""
    print("\nTo go on by yourself, in .demo/shop:")
    print(f"  export PULLPROD_URL=http://localhost:{port} PULLPROD_TOKEN={token}")
    print("Ctrl-C stops the server.")
    try:
        while True:
            input()
    except (KeyboardInterrupt, EOFError):
        print()


if __name__ == "__main__":
    main()
