"""What stands in for AWS on this machine, one process each, on free loopback ports and gone when its user is gone.

`python scripts/emulators.py dynamodb-local` runs one until Ctrl-C and prints its address.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

LOCALHOST = "127.0.0.1"
ACCESS_KEY = "pullprod"
SECRET_KEY = "pullprod-secret"  # noqa: S105 - of servers on loopback that hold test data only.

_ROOT = Path(__file__).resolve().parent.parent
_TOOLS = _ROOT / ".tools"
_SERVERS = _TOOLS / "emulators" / "bin"
_DYNAMODB = _TOOLS / "dynamodb-local"
_ANSWERS_WITHIN_S = 120
_ATTEMPTS = 5

# The service becomes the process that was started; beside it, a shell waits for the end of standard input, which comes
# when whoever started it stops it or dies, however that happens, and then ends the whole group.
_LEASH = 'exec 3<&0; { cat <&3 >/dev/null; kill -KILL 0; } & exec "$@" <&- 3<&-'


class Missing(Exception):
    """An emulator is not installed; the sentence says what to do."""


@dataclass(frozen=True)
class Emulator:
    """How to start a service: `command` is called with ports and an empty directory; all of `ready` must answer."""

    name: str
    program: Path
    ports: int
    command: Callable[[list[int], Path], list[str]]
    ready: Callable[[list[int]], list[str]]
    environment: Callable[[list[int], Path], Mapping[str, str]] = field(default=lambda _ports, _directory: {})


def _dynamodb_command(ports: list[int], _directory: Path) -> list[str]:
    jars = f"{_DYNAMODB / 'DynamoDBLocal.jar'}:{_DYNAMODB / 'DynamoDBLocal_lib'}/*"
    quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m", "-Dorg.eclipse.jetty.LEVEL=WARN"]
    native = f"-Djava.library.path={_DYNAMODB / 'DynamoDBLocal_lib'}"
    settings = str(_ROOT / "scripts" / "dynamodb-local.xml")
    return ["java", *quick, native, "-cp", jars, "org.eclipse.jetty.xml.XmlConfiguration", settings, f"port={ports[0]}"]


def _seaweedfs_command(ports: list[int], directory: Path) -> list[str]:
    keys = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    users = {"identities": [{"name": "tests", "credentials": keys, "actions": ["Admin"]}]}
    (directory / "s3.json").write_text(json.dumps(users))
    names = ("s3.port", "master.port", "volume.port", "filer.port")
    listens = [f"-{name}={port}" for name, port in zip(names, ports[::2], strict=True)]
    calls = [f"-{name}.grpc={port}" for name, port in zip(names, ports[1::2], strict=True)]
    return [
        *(str(_SERVERS / "weed"), "server", f"-dir={directory}", f"-ip={LOCALHOST}", f"-ip.bind={LOCALHOST}", "-s3"),
        *listens,
        *calls,
        f"-s3.config={directory / 's3.json'}",
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"),
        *("-master.volumeSizeLimitMB=64", "-volume.max=0"),
    ]


def _ministack_environment(ports: list[int], directory: Path) -> dict[str, str]:
    return {
        # For the functions that it runs. SDKs put the account's number in front of this service's host, and of all
        # names that begin so, 000000000000.0.0.0 is this machine.
        "AWS_ENDPOINT_URL_CLOUDFRONT_KEYVALUESTORE": f"http://0.0.0:{ports[0]}",
        "BIND_HOST": LOCALHOST,
        "MINISTACK_HOST": LOCALHOST,
        "GATEWAY_PORT": str(ports[0]),
        "IOT_MTLS_ENABLED": "0",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "TMPDIR": str(directory),
    }


DYNAMODB_LOCAL = Emulator(
    name="dynamodb-local",
    program=_DYNAMODB / "DynamoDBLocal.jar",
    ports=1,
    command=_dynamodb_command,
    ready=lambda ports: [f"http://{LOCALHOST}:{ports[0]}/"],
)
SEAWEEDFS = Emulator(
    name="seaweedfs",
    program=_SERVERS / "weed",
    ports=8,
    command=_seaweedfs_command,
    # The first is there before there is room for objects; the master says when.
    ready=lambda ports: [f"http://{LOCALHOST}:{ports[0]}/", f"http://{LOCALHOST}:{ports[2]}/dir/assign"],
)
MINISTACK = Emulator(
    name="ministack",
    program=_SERVERS / "ministack",
    ports=1,
    command=lambda _ports, _directory: [str(_SERVERS / "ministack")],
    ready=lambda ports: [f"http://{LOCALHOST}:{ports[0]}/_ministack/health"],
    environment=_ministack_environment,
)
ALL = {emulator.name: emulator for emulator in (DYNAMODB_LOCAL, SEAWEEDFS, MINISTACK)}


def without_account(params: dict[str, Any], **_: Any) -> None:
    """Handle "before-call" of a client of CloudFront's key-value stores: send the call where `endpoint_url` says.

    The endpoint rules put the account's number in front of that host, and no such name leads to this machine.
    """
    url = urlsplit(params["url"])
    params["url"] = url._replace(netloc=url.netloc.partition(".")[2]).geturl()


def free_port() -> int:
    """Return a loopback port that nobody listens on, below those that the system gives to clients.

    So it stays free between a kill and a restart.
    """
    for _ in range(1_000):
        port = 20_000 + secrets.randbelow(12_000)
        with closing(socket.socket()) as taken:
            try:
                taken.bind((LOCALHOST, port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


@contextmanager
def running(emulator: Emulator, **environment: str) -> Iterator[str]:
    """Start an emulator, yield its URL once it answers, and end it; `environment` is set on top of ours.

    Raises:
        Missing: it is not installed.
        RuntimeError: it does not start; its own words are in the message.
    """
    if not emulator.program.exists():
        raise Missing(f"{emulator.name} is not installed: run sh scripts/install-emulators.sh")
    with tempfile.TemporaryDirectory(prefix=f"pullprod-{emulator.name}-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        for _ in range(_ATTEMPTS):
            ports = [free_port() for _ in range(emulator.ports)]
            process = _started(emulator, ports, directory, environment)
            try:
                if _answers(process, emulator.ready(ports)):
                    yield f"http://{LOCALHOST}:{ports[0]}"
                    return
            finally:
                _end(process, ports)
        raise RuntimeError(f"{emulator.name} does not start: {(directory / 'log').read_text()[-4_000:]}")


def _started(
    emulator: Emulator, ports: list[int], directory: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    with (directory / "log").open("ab") as log:
        return subprocess.Popen(
            ["sh", "-c", _LEASH, "sh", *emulator.command(ports, directory)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=directory,
            env={**_own_environment(), **emulator.environment(ports, directory), **environment},
            start_new_session=True,
        )


def _own_environment() -> dict[str, str]:
    # Nobody's credentials, profile or region reach an emulator, and it answers for no other address.
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def _answers(process: subprocess.Popen[bytes], urls: list[str]) -> bool:
    until = time.monotonic() + _ANSWERS_WITHIN_S
    while process.poll() is None and time.monotonic() < until:
        if all(_status(url) for url in urls):
            return True
        time.sleep(0.05)
    return False


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - an address of this machine.
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        # SeaweedFS answers 406 as long as it has no room.
        failed = error.code >= HTTPStatus.INTERNAL_SERVER_ERROR or error.code == HTTPStatus.NOT_ACCEPTABLE
        return 0 if failed else error.code
    except (OSError, ValueError):
        return 0


def _end(process: subprocess.Popen[bytes], ports: list[int]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(60)
    for port in ports:
        for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - SeaweedFS puts them there itself.
            left.unlink(missing_ok=True)


if __name__ == "__main__":
    if sys.argv[1:] not in [[name] for name in ALL]:
        sys.exit(f"usage: python scripts/emulators.py {'|'.join(ALL)}")
    with suppress(KeyboardInterrupt), running(ALL[sys.argv[1]]) as address:
        print(address, flush=True)
        while True:
            time.sleep(3_600)
