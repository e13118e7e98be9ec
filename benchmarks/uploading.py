"""The Action from its cold start to its last line, beside what people use, from one tree to one SeaweedFS."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import boto3
from botocore.config import Config
from running import commit, median, repository, seconds

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
    print(
        "plane runs on the same cores. In a rebuilt tree every modification time is new, as after a fresh checkout.\n"
    )


def _round(place: Path, url: str, times: dict[tuple[str, str], list[float]], sent: dict[str, str]) -> None:
    shop, site = place / "shop", place / "shop" / "dist"
    repository(shop)
    bucket = _buckets(url)
    with _serving(place / "data", url) as (port, token):
        environ = _step_environ(shop, port, token)
        _created(environ)
        for seed, step in enumerate(STEPS):
            _build(site, changed=seed > 0)
            commit(shop)
            took = seconds(lambda: sent.__setitem__(step, _action(environ)))  # noqa: B023 - called at once.
            times.setdefault((OURS, step), []).append(took)
            for peer, command in _peers(url, bucket, site).items():
                times.setdefault((peer, step), []).append(seconds(lambda: _run(command)))  # noqa: B023


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


def _build(site: Path, *, changed: bool) -> None:
    """Write the whole tree anew, always of the same bytes but for the files that `changed`."""
    generator = random.Random(1)  # noqa: S311 - a tree, no secret.
    for number in range(FILES):
        path = site / f"section-{number % 40}" / f"{'page' if number % 2 else 'asset'}-{number}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = generator.randbytes(generator.randrange(BYTES // FILES // 2, BYTES // FILES * 3 // 2))
        path.write_bytes(content + (b"changed" if changed and number % (FILES // CHANGED) == 0 else b""))
