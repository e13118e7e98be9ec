"""What can go wrong, as one tree, each with the exit code of the command that meets it.

PullprodError            1  failed
├── UsageError           2  the command, the configuration or the directory cannot be meant
├── NotFoundError        3
├── NotAllowedError      4  no token, or one that does not cover this
├── LostRaceError        5  the pointer moved first
├── RefusedError         6  held, or a guard refused
├── NotLiveError         7  decided, but not shown in time
└── UnreachableError     1  no answer from the control plane
"""

from __future__ import annotations

from typing import Any, ClassVar


class PullprodError(Exception):
    """Base of everything that a command reports in one sentence.

    `problem` is the API's own document if the refusal came from there, else a short one of the same form.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.problem = problem or {"code": self.code, "detail": message}

    @property
    def code(self) -> str:
        """Return a stable word for programs."""
        return type(self).__name__.removesuffix("Error").lower()


class UsageError(PullprodError):
    """The command, the configuration or the directory cannot be meant; nothing was sent."""

    exit_code = 2


class NotFoundError(PullprodError):
    """Nothing has that name."""

    exit_code = 3


class NotAllowedError(PullprodError):
    """There is no token, or it does not cover this."""

    exit_code = 4


class LostRaceError(PullprodError):
    """Somebody else moved the pointer first."""

    exit_code = 5


class RefusedError(PullprodError):
    """The pointer is held, or a guard refused."""

    exit_code = 6


class NotLiveError(PullprodError):
    """The swap is decided, but viewers do not see it yet."""

    exit_code = 7


class UnreachableError(PullprodError):
    """The control plane does not answer."""


def as_problem(fault: BaseException) -> dict[str, Any]:
    """Return whatever was raised as a problem with a `code` and one sentence of `detail`."""
    if isinstance(fault, PullprodError):
        return {**fault.problem, "detail": str(fault)}
    if isinstance(fault, KeyboardInterrupt):
        return {"code": "interrupted", "detail": "Interrupted. What has arrived is kept."}
    if isinstance(fault, OSError):
        return {"code": "system", "detail": f"{fault.filename or 'The system'}: {fault.strerror or fault}."}
    # Only its kind: the message of an error that nobody foresaw may hold a token.
    kind = type(fault).__name__
    detail = f"Something unforeseen happened ({kind}). Is the address one of a control plane of this version?"
    return {"code": "unforeseen", "detail": detail}


_BY_CODE: dict[str, type[PullprodError]] = {"pointer-held": RefusedError, "guard-refused": RefusedError}
_BY_STATUS: dict[int, type[PullprodError]] = {
    401: NotAllowedError,
    403: NotAllowedError,
    404: NotFoundError,
    412: LostRaceError,
    422: UsageError,
}


def from_problem(status: int, problem: dict[str, Any]) -> PullprodError:
    """Return the error that an answer of the API stands for."""
    kind = _BY_CODE.get(str(problem.get("code")), _BY_STATUS.get(status, PullprodError))
    return kind(str(problem.get("detail") or f"The control plane answered {status}."), {**problem, "status": status})
