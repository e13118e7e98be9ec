"""The reconciler's function, by a schedule and when it is woken; template.yaml names it."""

from __future__ import annotations

import os

from ... import bootstrap
from ...settings import AwsSettings
from .reconciler import Reconciler

handler = Reconciler(bootstrap.aws(AwsSettings.read(os.environ)), os.environ["AWS_LAMBDA_FUNCTION_NAME"])
