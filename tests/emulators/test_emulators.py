from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from scripts import emulators
from tests.support import aws
from tests.support.loopback import LeftTheMachine

_GONE_WITHIN_S = 20
_STARTS_ONE = """
import os, time
from scripts import emulators
with emulators.running(emulators.DYNAMODB_LOCAL) as url:
    print(url, flush=True)
    time.sleep(600)
"""


def test_dynamodb_local_answers(dynamodb_local: str) -> None:
    assert "TableNames" in aws.client("dynamodb", dynamodb_local).list_tables()


def test_seaweedfs_stores_and_checks_signatures(seaweedfs: str) -> None:
    s3 = aws.client("s3", seaweedfs)
    s3.create_bucket(Bucket="emulator-test")
    s3.put_object(Bucket="emulator-test", Key="a/b", Body=b"bytes")
    assert s3.get_object(Bucket="emulator-test", Key="a/b")["Body"].read() == b"bytes"
    with pytest.raises(s3.exceptions.ClientError, match=r"403|AccessDenied"):
        aws.client("s3", seaweedfs, signature_version=aws.UNSIGNED).list_objects_v2(Bucket="emulator-test")


def test_ministack_has_a_key_value_store(ministack: str) -> None:
    stores = aws.client("cloudfront", ministack)
    made = stores.create_key_value_store(Name="emulator-test")["KeyValueStore"]
    store = aws.client("cloudfront-keyvaluestore", ministack)
    etag = store.describe_key_value_store(KvsARN=made["ARN"])["ETag"]
    store.update_keys(KvsARN=made["ARN"], IfMatch=etag, Puts=[{"Key": "k", "Value": "v"}])
    assert store.get_key(KvsARN=made["ARN"], Key="k")["Value"] == "v"


def test_an_emulator_listens_on_loopback_only(dynamodb_local: str) -> None:
    port = int(dynamodb_local.rpartition(":")[2])
    with socket.socket() as other, suppress(OSError):
        other.bind(("127.0.0.2", port))  # Taken if it listened on every address.
        return
    raise AssertionError("it listens on every address")


def test_an_emulator_ends_when_whoever_started_it_is_killed() -> None:
    user = subprocess.Popen([sys.executable, "-c", _STARTS_ONE], stdout=subprocess.PIPE, text=True)
    assert user.stdout is not None
    port = int(user.stdout.readline().rpartition(":")[2])
    os.kill(user.pid, signal.SIGKILL)
    user.communicate()
    until = time.monotonic() + _GONE_WITHIN_S
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex((emulators.LOCALHOST, port)) != 0:
                return
    raise AssertionError("it still answers")


@pytest.mark.parametrize("reach", ["connect", "resolve"])
def test_no_thread_of_a_test_reaches_another_machine(reach: str) -> None:
    found: list[BaseException] = []

    def leave() -> None:
        try:
            if reach == "connect":
                with socket.socket() as out:
                    out.connect(("192.0.2.1", 80))
            else:
                socket.getaddrinfo("example.com", 80)
        except LeftTheMachine as error:
            found.append(error)

    thread = threading.Thread(target=leave)
    thread.start()
    thread.join(60)
    assert found
