"""Wakes the reconciler's Lambda function."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_log = logging.getLogger(__name__)


class LambdaWorker:
    """Worker: a function that runs by a schedule too, so that a call which is lost only costs time."""

    def __init__(self, client: LambdaClient, function: str) -> None:
        self._client = client
        self._function = function

    def wake(self) -> None:
        """Let it begin at once, and return at once; what goes wrong is logged, and the schedule makes up for it."""
        try:
            self._client.invoke(FunctionName=self._function, InvocationType="Event")
        except Exception:  # noqa: BLE001 - whatever it is, the caller's own work is done and must not look lost.
            _log.warning("%s could not be woken; it begins by itself within a minute", self._function, exc_info=True)


class Awake:
    """Worker of the reconciler itself."""

    def wake(self) -> None:
        """Do nothing: whatever there is to do, its own rounds find."""
