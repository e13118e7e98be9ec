from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pullprod_control_plane.adapters.aws.clients import Client, credentials
from pullprod_control_plane.adapters.aws.s3_store import CLIENT, S3Store
from scripts.emulators import ACCESS_KEY, SECRET_KEY
from tests.ports.objects import announce
from tests.support.aws import REGION


def test_no_signature_is_logged_at_any_level(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, dynamodb_local: str
) -> None:
    settings = {"ACCESS_KEY_ID": ACCESS_KEY, "SECRET_ACCESS_KEY": SECRET_KEY, "DEFAULT_REGION": REGION}
    for name, value in {**settings, "ENDPOINT_URL_DYNAMODB": dynamodb_local}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    caplog.set_level(logging.DEBUG)
    logging.getLogger("botocore").setLevel(logging.NOTSET)
    files: Any = Client("s3", **CLIENT)
    (upload,) = S3Store(files, "files", credentials).place([announce("shop/s/AAAAAAAA/index.html", b"")], {})
    Client("dynamodb").list_tables()
    (signature,) = parse_qs(urlsplit(upload.url).query)["X-Amz-Signature"]
    assert signature not in caplog.text
    assert "Signature=" not in caplog.text
