"""Clients of what stands in for AWS: no setting of whoever runs the tests has a part in them."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from scripts.emulators import ACCESS_KEY, SECRET_KEY

__all__ = ["REGION", "UNSIGNED", "client"]

REGION = "eu-west-1"
_CONFIG = Config(connect_timeout=5, read_timeout=60, s3={"addressing_style": "path"})


@cache
def client(service: str, url: str, **config: Any) -> Any:
    """Return a boto3 client of `service` at `url`, shared by all who ask alike; `config` is put on top of ours."""
    made = boto3.session.Session().client(
        service,  # type: ignore[call-overload]
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=_CONFIG.merge(Config(**config)),
    )
    made.meta.events.register("before-call.cloudfront-keyvaluestore", _without_account)
    return made


def _without_account(params: dict[str, Any], **_: Any) -> None:
    # The endpoint rules put the account's number in front of the host, and no such name leads to this machine.
    url = urlsplit(params["url"])
    params["url"] = url._replace(netloc=url.netloc.partition(".")[2]).geturl()
