from __future__ import annotations

import logging
from urllib.parse import parse_qs, urlsplit

import pytest

from pullprod_control_plane.adapters.aws.clients import Client
from scripts.emulators import ACCESS_KEY, SECRET_KEY
from tests.support.aws import REGION


def test_no_signature_is_logged_at_any_level(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, dynamodb_local: str
) -> None:
    settings = {"ACCESS_KEY_ID": ACCESS_KEY, "SECRET_ACCESS_KEY": SECRET_KEY, "DEFAULT_REGION": REGION}
    for name, value in {**settings, "ENDPOINT_URL_DYNAMODB": dynamodb_local}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    caplog.set_level(logging.DEBUG)
    logging.getLogger("botocore").setLevel(logging.NOTSET)
    address = Client("s3", signature_version="s3v4").generate_presigned_url("put_object", {"Bucket": "b", "Key": "k"})
    Client("dynamodb").list_tables()
    (signature,) = parse_qs(urlsplit(address).query)["X-Amz-Signature"]
    assert signature not in caplog.text
    assert "Signature=" not in caplog.text
