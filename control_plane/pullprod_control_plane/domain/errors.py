"""What can go wrong, as one tree.

PullprodError
├── InvalidRequest          invalid-request          what was sent cannot be meant
├── PayloadTooLarge         payload-too-large        more than a limit allows
├── Unauthenticated         unauthenticated          nobody we know
├── Forbidden               forbidden                somebody we know, who may not
├── NotFound                not-found
├── AmbiguousReference      ambiguous-reference      a prefix that fits several commits
├── NameTaken               name-taken               a host that another app or pointer has
├── HostRefused             host-refused             a host that the edge cannot come to answer for
├── VersionNotReady         version-not-ready        uploading, preparing, retiring, retired or revoked
├── UploadIncomplete        upload-incomplete        finalize before every byte is there
├── FunctionRefused         function-refused         a function that can never run as it is
├── NothingToRollBackTo     no-previous
├── NothingToShare          nothing-to-share         previews that everybody may see, or none
├── StalePointer            stale-pointer            the compare-and-swap was lost
├── StaleApp                stale-app                an app's configuration changed since it was read
├── PointerHeld             pointer-held
├── GuardRefused            guard-refused
├── IdempotencyConflict     idempotency-conflict     one key, two different requests
├── DigestMismatch          digest-mismatch          bytes other than those announced
├── UploadRefused           upload-refused           an upload URL that was altered or has expired
├── StorageFull             storage-full
└── Busy                    busy                     too many callers at once, or no answer: try again

Each says what happened, what was expected and what to do next; `facts` carry the same for programs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from .json import Json


class PullprodError(Exception):
    """Base of every refusal. `code` is stable; `facts` are JSON values that join the problem document."""

    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str, **facts: Json) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts


class InvalidRequest(PullprodError):
    """What was sent cannot be meant; nothing was changed."""

    code = "invalid-request"
    title = "The request is not valid"


class PayloadTooLarge(PullprodError):
    """More bytes, files or entries than a limit allows."""

    code = "payload-too-large"
    title = "The request is too large"


class Unauthenticated(PullprodError):
    """No token, or one that is not known, has expired or was revoked."""

    code = "unauthenticated"
    title = "No valid token"


class Forbidden(PullprodError):
    """The token is good, but its role, apps or pointers do not cover this call."""

    code = "forbidden"
    title = "Not allowed"


class NotFound(PullprodError):
    """Nothing has that name."""

    code = "not-found"
    title = "Not found"


class AmbiguousReference(PullprodError):
    """A commit prefix that fits more than one commit; `candidates` lists them."""

    code = "ambiguous-reference"
    title = "The reference fits several versions"


class NameTaken(PullprodError):
    """A host name that already belongs to another app or pointer."""

    code = "name-taken"
    title = "The name is taken"


class HostRefused(PullprodError):
    """A host name that the edge cannot come to answer for; the detail tells who or what is in the way."""

    code = "host-refused"
    title = "The host cannot be served"


class VersionNotReady(PullprodError):
    """The version is in a state in which this cannot be done; `state` tells which."""

    code = "version-not-ready"
    title = "The version is not ready"


class UploadIncomplete(PullprodError):
    """Finalize was asked for before every byte had arrived; `missing` names some of the files."""

    code = "upload-incomplete"
    title = "Files are still missing"


class FunctionRefused(PullprodError):
    """What runs functions does not take this one; `function` tells which."""

    code = "function-refused"
    title = "The function cannot run"


class NothingToRollBackTo(PullprodError):
    """The pointer's history holds no earlier version that is still ready."""

    code = "no-previous"
    title = "Nothing to roll back to"


class NothingToShare(PullprodError):
    """A link was asked for to a preview that everybody may see, or where there are no previews."""

    code = "nothing-to-share"
    title = "Nothing to share"


class StalePointer(PullprodError):
    """The pointer moved since the caller looked; the facts tell who moved it, when, to what and why."""

    code = "stale-pointer"
    title = "The pointer has moved"


class StaleApp(PullprodError):
    """The app's configuration has changed since the caller read it; nothing was changed."""

    code = "stale-app"
    title = "The configuration has changed"


class PointerHeld(PullprodError):
    """Somebody holds the pointer; `hold` tells who, why and until when."""

    code = "pointer-held"
    title = "The pointer is held"


class GuardRefused(PullprodError):
    """A guard refused the swap; `guards` lists every outcome."""

    code = "guard-refused"
    title = "A guard refused the swap"


class IdempotencyConflict(PullprodError):
    """The Idempotency-Key was used before with another request."""

    code = "idempotency-conflict"
    title = "The idempotency key was used for another request"


class DigestMismatch(PullprodError):
    """The bytes are not those that the manifest announced."""

    code = "digest-mismatch"
    title = "The bytes do not match their digest"


class UploadRefused(PullprodError):
    """The upload URL was altered or has expired."""

    code = "upload-refused"
    title = "The upload address is not valid"


class StorageFull(PullprodError):
    """The disk has no room left; nothing was changed."""

    code = "storage-full"
    title = "The storage is full"


class Busy(PullprodError):
    """Too many callers wanted the same thing at once, or a service gave no answer in time: try again.

    Where no answer came, it may have been done. Asking again under the same idempotency key does it once.
    """

    code = "busy"
    title = "Too busy"
