"""Rounds of the reconciler in a Lambda function."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ...application import reconcile, tokens

if TYPE_CHECKING:
    from ...application.reconcile import Report
    from ...bootstrap import ControlPlane

_log = logging.getLogger(__name__)

# A thousand looks at the key-value store cost a dollar.
DRIFT_EVERY = timedelta(hours=1)
# Together half a minute: then the next round by schedule is near.
_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0)


class Reconciler:
    """A Lambda handler that does a round, and others soon after while a version waits for something.

    An event `{"command": "first-admin"}` makes the first admin token instead; whoever may invoke the function gets it.
    `{"command": "compare"}` compares what the edge shows with the ledger now, whenever that was done last.
    """

    def __init__(self, control: ControlPlane, function: str, pause: Callable[[float], None] = time.sleep) -> None:
        """`function` is the name under which the lag is measured."""
        self._control = control
        self._function = function
        self._pause = pause

    def __call__(self, event: Mapping[str, Any] | None, _: object) -> dict[str, Any]:
        """Do what an event asks for, and return what came of it.

        Raises:
            RuntimeError: a part of the round failed, and would fail again; the alarm on errors tells of it.
        """
        command = (event or {}).get("command")
        if command == "first-admin":
            return self._first_admin()
        if command not in {None, "compare"}:
            return {"error": f"There is no command {str(command)[:40]!r}, only first-admin and compare."}
        return self._rounds(timedelta() if command else DRIFT_EVERY)

    def _first_admin(self) -> dict[str, Any]:
        token = tokens.first_admin(self._control.ports)
        if token is None:
            return {"error": "The first admin token was made before. Admins make others: pullprod token create."}
        return {"token": token}

    def _rounds(self, drift_every: timedelta) -> dict[str, Any]:
        report = self._round(drift_every)
        for pause in _PAUSES_S:
            if not report.waiting:
                break
            self._pause(pause)
            report = self._round(DRIFT_EVERY)
        return {"finished": report.finished, "pending": report.pending, "repaired": report.repaired}

    def _round(self, drift_every: timedelta) -> Report:
        report = reconcile.one_round(self._control.ports, self._control.addresses, drift_every)
        for app, finding in report.drift:
            _log.warning("drift of %s: %s %s: %s", app, finding.code, finding.subject, finding.detail)
        if "lag" not in report.failed:
            self._measure(report.lag_s)
        # Notes, which have a # in their names, rest and are tried again: lag tells of those.
        if parts := [name for name in report.failed if "#" not in name]:
            raise RuntimeError(f"These parts of the round failed: {', '.join(parts)}. The log above says why.")
        return report

    def _measure(self, lag_s: float) -> None:
        """Print the lag in the format from which CloudWatch makes a metric.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
        """
        measured = {
            "Namespace": "pullprod",
            "Dimensions": [["FunctionName"]],
            "Metrics": [{"Name": "ReconcilerLag", "Unit": "Seconds"}],
        }
        metadata = {"Timestamp": int(time.time() * 1_000), "CloudWatchMetrics": [measured]}
        print(json.dumps({"_aws": metadata, "FunctionName": self._function, "ReconcilerLag": lag_s}))  # noqa: T201 - the log takes it as it is.
