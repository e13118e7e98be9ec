"""What answers calls of the API on AWS; template.yaml names it."""

from __future__ import annotations

import os

from ... import bootstrap
from ...settings import AwsSettings
from .http_api import HttpApi

handler = HttpApi(bootstrap.aws(AwsSettings.read(os.environ)))
