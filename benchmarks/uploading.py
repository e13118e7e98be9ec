"""The Action from its cold start to its last line, beside what people use, from one tree to one SeaweedFS."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import boto3
from botocore.config import Config
from running import commit, median, repository, seconds

from pullprod import git
from pullprod.api import Api, Json
from pullprod.config import Connection, load_project
from pullprod.package import packaged
from pullprod.publish import manifest, publish
from pullprod_control_plane.domain import segments
from scripts import emulators

ROOT = Path(__file__).resolve().parent.parent
PYZ = ROOT / "action" / "pullprod.pyz"
PEERS = ROOT / ".tools" / "peers" / "bin"
FILES, BYTES, CHANGED = 2_000, 40_000_000, 20
ROUNDS = 3
STEPS = ("first", "rebuilt, 20 files changed", "rebuilt, nothing changed")
OURS = "pullprod"


def report(place: Path) -> None:
    """Measure and print."""
    times: dict[tuple[str, str], list[float]] = {}
    sent: dict[str, str] = {}
    for number in range(ROUNDS):
        with emulators.running(emulators.SEAWEEDFS) as url:
            _round(place / str(number), url, times, sent)
    peers = list(_peers("", "", Path()))
    print(
        f"## The Action beside other clients: {FILES:,} files, {BYTES / 1e6:.0f} MB, SeaweedFS, medians of {ROUNDS}\n"
    )
    print(f"| step | files sent by ours | {OURS} | " + " | ".join(f"{peer} | of ours" for peer in peers) + " |")
    print("|---|---|---|" + "---|---|" * len(peers))
    for step in STEPS:
        ours = median(times[OURS, step])
        theirs = [median(times[peer, step]) for peer in peers]
        cells = " | ".join(f"{time:.2f} s | {time / ours:.1f}" for time in theirs)
        print(f"| {step} | {sent[step]} | {ours:.2f} s | {cells} |")
    print("\nOurs includes the start of Python, hashing, two commits with fsync, verification and a probe; its control")
    print("plane runs on the same cores. In a rebuilt tree every modification time is new, as after a fresh checkout.")
    with emulators.running(emulators.SEAWEEDFS) as url:
        _profile(place / "profile", url)


def _round(place: Path, url: str, times: dict[tuple[str, str], list[float]], sent: dict[str, str]) -> None:
    shop, site = place / "shop", place / "shop" / "dist"
    repository(shop)
    bucket = _buckets(url)
    with _serving(place / "data", url) as (port, token):
        environ = _step_environ(shop, port, token)
        _created(environ)
        for number, step in enumerate(STEPS):
            _build(site, number > 0)
            commit(shop)
            took = seconds(lambda: sent.__setitem__(step, _action(environ)))  # noqa: B023 - called at once.
            times.setdefault((OURS, step), []).append(took)
            for peer, command in _peers(url, bucket, site).items():
                times.setdefault((peer, step), []).append(seconds(lambda: _run(command)))  # noqa: B023


class _Timed(Api):
    """An API that adds up how long the calls of each kind took."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.took: defaultdict[str, float] = defaultdict(float)

    def call(self, method: str, path: str, body: Json | None = None, headers: dict[str, str] | None = None) -> Json:
        started = time.perf_counter()
        try:
            return super().call(method, path, body, headers)
        finally:
            self.took[path.rpartition("/")[2]] += time.perf_counter() - started


class _Silent:
    """A meter that draws nothing."""

    def hashed(self, size: int) -> None: ...

    def expect(self, files: int, size: int) -> None: ...

    def sent(self, size: int) -> None: ...

    def waits(self) -> None: ...


def _profile(place: Path, url: str) -> None:
    """Tell where the time of ours goes, start-up of Python and the client's imports apart."""
    shop, site = place / "shop", place / "shop" / "dist"
    repository(shop)
    _buckets(url)
    print("\n| step | hash | announce: copy what is known, sign the first page | sign the others | send | finalize |")
    print("|---|---|---|---|---|---|")
    with _serving(place / "data", url) as (port, token):
        _created(_step_environ(shop, port, token))
        for number, step in enumerate(STEPS[:2]):
            _build(site, number)
            commit(shop)
            cells = _phases(shop, site, Connection(url=f"http://localhost:{port}", token=token))
            print(f"| {step} | " + " | ".join(f"{cell:.2f} s" for cell in cells) + " |")
    paths = [path for path, _ in _paths()]
    slots = {segments.slot_of(path) for path, number in _paths() if number % (FILES // CHANGED) == 0}
    touched = {slot % segments.COUNT for slot in slots}
    of_patch = sum(segments.slot_of(path) in slots for path in paths) - CHANGED
    of_segments = sum(segments.segment_of(path) in touched for path in paths) - CHANGED
    print(f"\nThe {CHANGED} changed files are of {len(slots)} slots, which a patch has. S3 copies their {of_patch}")
    print(f"other files, a call each; without patches it would copy the {of_segments} other files of their segments.\n")


def _phases(shop: Path, site: Path, connection: Connection) -> list[float]:
    api, started = _Timed(connection), time.perf_counter()
    project = load_project(shop, None)
    with packaged(project, site, lambda _: None) as (files, _):
        hashed = time.perf_counter() - started
        publish(api, "bench", manifest(project, git.read(shop), files), files, _Silent())
    total, calls = time.perf_counter() - started, api.took
    sent = total - hashed - sum(calls.values())
    return [hashed, calls["versions"], calls["uploads"], sent, calls["finalize"]]


def _peers(url: str, bucket: str, site: Path) -> dict[str, list[str]]:
    aws = [str(PEERS / "aws"), "s3", "sync", "--endpoint-url", url, "--delete", "--only-show-errors"]
    s5cmd = [str(PEERS / "s5cmd"), "--endpoint-url", url, "--log", "error", "sync", "--delete"]
    remote = f":s3,provider=Other,env_auth=true,endpoint='{url}':{bucket}/rclone"
    rclone = [str(PEERS / "rclone"), "sync", "--checksum", "--fast-list", "--transfers", "32", "--checkers", "32"]
    return {
        "aws s3 sync": [*aws, f"{site}/", f"s3://{bucket}/aws/"],
        "s5cmd sync": [*s5cmd, f"{site}/", f"s3://{bucket}/s5cmd/"],
        "rclone sync --checksum": [*rclone, "--config", "", str(site), remote],
    }


def _run(command: list[str]) -> None:
    subprocess.run(command, env={**os.environ, **_credentials()}, check=True, stdout=subprocess.DEVNULL)


def _credentials() -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": emulators.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": emulators.SECRET_KEY}
    return {**keys, "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


def _buckets(url: str) -> str:
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=emulators.ACCESS_KEY,
        aws_secret_access_key=emulators.SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}),
    )
    for name in ("pullprod", "peers"):
        client.create_bucket(Bucket=name)
    return "peers"


@contextmanager
def _serving(data: Path, url: str) -> Iterator[tuple[int, str]]:
    port = emulators.free_port()
    command = [sys.executable, str(ROOT / "benchmarks" / "s3_server.py"), str(data), str(port), url, "pullprod"]
    environ = {**os.environ, **_credentials()}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, env=environ, text=True)
    assert server.stdout is not None
    try:
        yield port, server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


def _step_environ(shop: Path, port: int, token: str) -> dict[str, str]:
    """Return the environment that a runner gives to the Action's step."""
    files = {name: str(shop.parent / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    inputs = {
        "COMMAND": "publish",
        "URL": f"http://localhost:{port}",
        "APP": "bench",
        "PATH": "dist",
        "COMMENT": "never",
    }
    given = {f"PULLPROD_INPUT_{name}": value for name, value in inputs.items()}
    runner = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(shop), "RUNNER_TEMP": str(shop.parent)}
    return {
        **os.environ,
        **files,
        **given,
        **runner,
        "PULLPROD_TOKEN": token,
        "PULLPROD_URL": f"http://localhost:{port}",
    }


def _created(environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pullprod", "app", "create", "bench"]
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _action(environ: dict[str, str]) -> str:
    """Run the Action as `action.yml` does and return how many files it sent."""
    command = [sys.executable, "-I", "-X", "utf8", "-B", str(PYZ)]
    subprocess.run(command, env=environ, cwd=environ["GITHUB_WORKSPACE"], check=True, stdout=subprocess.DEVNULL)
    lines = Path(environ["GITHUB_OUTPUT"]).read_text().splitlines()
    return [value for name, value in pairwise(lines) if name.startswith("uploaded-files<<")][-1]


def _build(site: Path, changed: int) -> None:
    """Write the whole tree anew, always of the same bytes but for some files, which each `changed` gives other ones."""
    generator = random.Random(1)  # noqa: S311 - a tree, no secret.
    for name, number in _paths():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = generator.randbytes(generator.randrange(BYTES // FILES // 2, BYTES // FILES * 3 // 2))
        path.write_bytes(content + (bytes([changed]) if changed and number % (FILES // CHANGED) == 0 else b""))


def _paths() -> list[tuple[str, int]]:
    return [(f"section-{n % 40}/{'page' if n % 2 else 'asset'}-{n}.html", n) for n in range(FILES)]
