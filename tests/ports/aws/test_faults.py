from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, IncompleteReadError, ReadTimeoutError

from pullprod_control_plane.adapters.aws.faults import passing
from pullprod_control_plane.domain.errors import Busy


def refused(status: int, code: str) -> ClientError:
    said = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, "Call")  # type: ignore[arg-type] # As much of it as anybody reads.


@pytest.mark.parametrize(
    "fault",
    [
        EndpointConnectionError(endpoint_url="https://aws.example"),
        ReadTimeoutError(endpoint_url="https://aws.example"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
        refused(503, "SlowDown"),
        refused(500, "ServiceException"),
        refused(429, "TooManyRequestsException"),
        refused(400, "ThrottlingException"),
        refused(409, "OperationAborted"),
    ],
    ids=lambda fault: str(fault)[:40],
)
def test_what_passes_is_told_as_busy_and_names_the_service(fault: Exception) -> None:
    with pytest.raises(Busy, match="S3"), passing("S3", 409):
        raise fault


@pytest.mark.parametrize("fault", [refused(403, "AccessDenied"), refused(409, "Conflict"), ValueError("ours")], ids=str)
def test_what_does_not_pass_is_raised_as_it_is(fault: Exception) -> None:
    with pytest.raises(type(fault)) as raised, passing("S3"):
        raise fault
    assert raised.value is fault
