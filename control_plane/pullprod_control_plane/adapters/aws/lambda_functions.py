"""Functions on AWS Lambda: a program is a published version with an alias and a function URL of its own.

One Lambda function for each app and function name; what a program is called is in the description of `$LATEST`, from
where its version has it, and in the name of its alias. So whether a program is there already is one call, and every
step can be done again.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from ...domain.errors import Busy, FunctionRefused, NotFound, StorageFull
from ...ports import Alias, Clock, Program
from . import faults
from .faults import code_of

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_MAX_NAME = 64
_STEPS = 4
_ATTEMPTS = 6
_DIGEST = re.compile(r"[A-Za-z0-9_-]{8}")
_GENERATION = re.compile(r"generation ([0-9]{1,15})")
# For as long as somebody else's program may stand in $LATEST unpublished before it counts as left behind.
_TURN = timedelta(seconds=60)
_passing = faults.passing("Lambda")
_GONE = "ResourceNotFoundException"
# Another call was faster, or an update is under way: nothing was changed.
_LATER = frozenset({"ResourceConflictException", "PreconditionFailedException", "TooManyRequestsException"})
_REFUSED = frozenset(
    {"InvalidParameterValueException", "RequestTooLargeException", "CodeVerificationFailedException"},
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where functions run, and on whose behalf.

    `prefix` begins the names of all Lambda functions; `bucket` has the zips; `role` is the execution role's ARN;
    `distribution` is the ARN of the only CloudFront distribution that may call; `log_group` takes what they print.
    """

    prefix: str
    bucket: str
    role: str
    distribution: str
    log_group: str


class LambdaFunctions:
    """Functions.

    Programs of one function are published one after the other, since `$LATEST` is shared: each change of it is bound
    to the revision that was read, and who finds another's program there waits until it has its alias.
    """

    def __init__(
        self, client: LambdaClient, place: Place, clock: Clock, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._place = place
        self._clock = clock
        self._pause = pause

    @_passing
    def publish(self, program: Program) -> str | None:
        """Make a program callable at an origin of its own; return the origin's host, None while that takes time.

        Raises:
            FunctionRefused: AWS does not take it; the reason is AWS's own.
            StorageFull: the account's room for code is used up.
        """
        try:
            with _refusals(program):
                return self._publish(program)
        except ClientError as fault:
            if code_of(fault) in _LATER:
                return None
            raise

    @_passing
    def remove(self, app: str, function: str, digest: str) -> None:
        """Take a program away: its URL, alias and version; one that is not there is no error.

        Raises:
            Busy: a pointer's alias still shows it, or others change the function at this moment.
        """
        name = self._name(app, function)
        try:
            for version in self._versions(name, digest):
                self._require_unshown(name, version, digest)
                where = {"FunctionName": name, "Qualifier": _code_alias(digest)}
                _found(self._client.delete_function_url_config, **where)
                _found(self._client.delete_alias, FunctionName=name, Name=_code_alias(digest))
                _found(self._client.delete_function, FunctionName=name, Qualifier=version)
        except ClientError as fault:
            if code_of(fault) in _LATER:
                raise Busy(f"{name} is being changed. Try again in a moment.") from fault
            raise

    @_passing
    def point(self, alias: Alias, digest: str | None, generation: int) -> None:
        """Make an alias show a published program, None for none, unless it shows a higher generation already.

        Raises:
            Busy: others moved it each time that it was tried.
            NotFound: there is no such program.
        """
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._pause(0.1 * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311 - jitter.
            try:
                self._point(alias, digest, generation)
            except ClientError as fault:
                if code_of(fault) not in _LATER | {_GONE}:
                    raise
            else:
                return
        raise Busy(f"The alias {alias.pointer} of {alias.function} is moved by others too. Try again in a moment.")

    @_passing
    def pointed(self, alias: Alias) -> str | None:
        """Return the digest of the program that an alias shows, None if there is no such alias.

        None, too, if it shows two at once: somebody else has given it weights.
        """
        name = self._name(alias.app, alias.function)
        found = _found(self._client.get_alias, FunctionName=name, Name=_pointer_alias(alias.pointer))
        if found is None or _weights(found):
            return None
        version = _found(self._client.get_function_configuration, FunctionName=name, Qualifier=found["FunctionVersion"])
        return str(version["Description"]) if version else None

    def _name(self, app: str, function: str) -> str:
        """Names of apps and functions have no `--`, so no two have one name; long ones are named by a digest."""
        plain = f"{self._place.prefix}-{app}--{function}"
        if len(plain) <= _MAX_NAME:
            return plain
        return f"{self._place.prefix}-{hashlib.sha256(f'{app}--{function}'.encode()).hexdigest()[:20]}"

    def _publish(self, program: Program) -> str | None:
        where = {
            "FunctionName": self._name(program.app, program.function.name),
            "Qualifier": _code_alias(program.digest),
        }
        # The URL comes last, so where it is, everything else is.
        url = _found(self._client.get_function_url_config, **where)
        if url is None:
            if not self._is_published(program):
                return None
            self._allow(where)
            url = self._create_url(where)
        state = self._client.get_function_configuration(**where)
        if state["State"] == "Failed":
            raise _refusal(program, state.get("StateReason", "it cannot be started"))
        # An inactive one is prepared again by its next call.
        return None if state["State"] == "Pending" else urlsplit(url["FunctionUrl"]).hostname

    def _is_published(self, program: Program) -> bool:
        """Make version and alias unless they are there; tell whether they are."""
        name, alias = self._name(program.app, program.function.name), _code_alias(program.digest)
        if _found(self._client.get_alias, FunctionName=name, Name=alias):
            return True
        version = self._version(name, program)
        if version is None:
            return False
        self._client.create_alias(FunctionName=name, Name=alias, FunctionVersion=version)
        return True

    def _version(self, name: str, program: Program) -> str | None:
        """Bring the program into `$LATEST` and publish it; return the version's number, None while that takes time."""
        latest = _found(self._client.get_function_configuration, FunctionName=name) or self._create(name, program)
        for _ in range(_STEPS):
            if latest["State"] == "Pending" or latest.get("LastUpdateStatus") == "InProgress":
                return None
            mine = latest.get("Description") == program.digest
            if not mine and self._is_anothers_turn(name, latest):
                return None
            if mine and "Failed" in {latest["State"], latest.get("LastUpdateStatus")}:
                reason = latest.get("LastUpdateStatusReason") or latest.get("StateReason")
                raise _refusal(program, reason or "it cannot be started")
            if mine and latest["CodeSha256"] == _code_sha256(program):
                made = self._client.publish_version(
                    FunctionName=name, CodeSha256=latest["CodeSha256"], RevisionId=latest["RevisionId"]
                )
                return str(made["Version"])
            latest = self._bring_code(name, program, latest) if mine else self._take_turn(name, program, latest)
        return None

    def _create(self, name: str, program: Program) -> Mapping[str, Any]:
        return self._client.create_function(
            FunctionName=name,
            Code={"S3Bucket": self._place.bucket, "S3Key": program.key},
            PackageType="Zip",
            **self._configuration(program),
        )

    def _take_turn(self, name: str, program: Program, latest: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._client.update_function_configuration(
            FunctionName=name, RevisionId=latest["RevisionId"], **self._configuration(program)
        )

    def _bring_code(self, name: str, program: Program, latest: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._client.update_function_code(
            FunctionName=name, RevisionId=latest["RevisionId"], S3Bucket=self._place.bucket, S3Key=program.key
        )

    def _configuration(self, program: Program) -> Any:
        function = program.function
        return {
            "Description": program.digest,
            "Handler": function.handler,
            "Runtime": function.runtime,
            "MemorySize": function.memory_mb,
            "Timeout": function.timeout_s,
            "Role": self._place.role,
            "LoggingConfig": {"LogGroup": self._place.log_group},
        }

    def _is_anothers_turn(self, name: str, latest: Mapping[str, Any]) -> bool:
        """Tell whether somebody else's program stands in `$LATEST` who may still publish it."""
        digest = latest.get("Description") or ""
        if not _DIGEST.fullmatch(digest) or "Failed" in {latest["State"], latest.get("LastUpdateStatus")}:
            return False
        changed = datetime.strptime(latest["LastModified"], "%Y-%m-%dT%H:%M:%S.%f%z")
        if not timedelta() <= self._clock.now() - changed < _TURN:
            return False
        return _found(self._client.get_alias, FunctionName=name, Name=_code_alias(digest)) is None

    def _allow(self, where: Mapping[str, str]) -> None:
        """Let the distribution, and nobody else, call the alias. Both are needed since October 2025.

        https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
        """
        caller = {"Principal": "cloudfront.amazonaws.com", "SourceArn": self._place.distribution}
        wanted: Mapping[str, Mapping[str, Any]] = {
            f"{where['Qualifier']}_url": {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "AWS_IAM"},
            f"{where['Qualifier']}_function": {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
        }
        for statement, permission in wanted.items():
            try:
                call: Any = {"StatementId": statement, **caller, **permission, **where}
                self._client.add_permission(**call)
            except ClientError as fault:
                # The same code says that it is there already and that an update is under way.
                if code_of(fault) != "ResourceConflictException" or not self._is_allowed(where, statement):
                    raise

    def _is_allowed(self, where: Mapping[str, str], statement: str) -> bool:
        policy = _found(self._client.get_policy, **where)
        return policy is not None and f'"Sid":"{statement}"' in re.sub(r"\s", "", policy["Policy"])

    def _create_url(self, where: Mapping[str, str]) -> Mapping[str, Any]:
        return self._client.create_function_url_config(**where, AuthType="AWS_IAM", InvokeMode="BUFFERED")  # type: ignore[arg-type] # Spread.

    def _point(self, alias: Alias, digest: str | None, generation: int) -> None:
        name, pointer = self._name(alias.app, alias.function), _pointer_alias(alias.pointer)
        found = _found(self._client.get_alias, FunctionName=name, Name=pointer)
        if found and _generation(found) > generation:
            return
        if digest is None:
            if found:
                self._client.delete_alias(FunctionName=name, Name=pointer)
            return
        code = _found(self._client.get_alias, FunctionName=name, Name=_code_alias(digest))
        if code is None:
            raise NotFound(f"The program {digest} of {alias.function} is not there. Publish its version again.")
        shows = {"FunctionVersion": code["FunctionVersion"], "Description": f"generation {generation}"}
        if found is None:
            self._client.create_alias(FunctionName=name, Name=pointer, **shows)
        elif _weights(found) or any(found.get(fact) != value for fact, value in shows.items()):
            # An alias that has weights keeps them unless they are cleared in so many words.
            self._client.update_alias(
                FunctionName=name,
                Name=pointer,
                **shows,
                RoutingConfig={"AdditionalVersionWeights": {}},
                RevisionId=found["RevisionId"],
            )

    def _versions(self, name: str, digest: str) -> list[str]:
        """Return the numbers of the program's versions: that of its alias, else of those that a crash left without."""
        alias = _found(self._client.get_alias, FunctionName=name, Name=_code_alias(digest))
        if alias:
            return [alias["FunctionVersion"]]
        pages = self._client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        try:
            listed = [version for page in pages for version in page["Versions"]]
        except ClientError as fault:
            if code_of(fault) == _GONE:
                return []
            raise
        return [v["Version"] for v in listed if v["Version"] != "$LATEST" and v.get("Description") == digest]

    def _require_unshown(self, name: str, version: str, digest: str) -> None:
        shown = self._client.list_aliases(FunctionName=name, FunctionVersion=version)["Aliases"]
        showing = {alias["Name"] for alias in shown if alias["FunctionVersion"] == version}
        if others := sorted(showing - {_code_alias(digest)}):
            raise Busy(f"{others[0]} still shows {name} {digest}. Try again in a moment.")


def _code_alias(digest: str) -> str:
    """Return the alias of a program; pointers' names have no `_`."""
    return f"code_{digest}"


def _pointer_alias(pointer: str) -> str:
    """Return the alias of a pointer: its name, unless that is a number, which Lambda takes for a version's."""
    return f"pointer_{pointer}" if pointer.isdigit() else pointer


def _code_sha256(program: Program) -> str:
    return base64.b64encode(bytes.fromhex(program.function.sha256)).decode()


def _generation(alias: Mapping[str, Any]) -> int:
    """Return the generation that an alias shows; 0 if somebody else has described it."""
    described = _GENERATION.fullmatch(alias.get("Description") or "")
    return int(described[1]) if described else 0


def _weights(alias: Mapping[str, Any]) -> Mapping[str, float]:
    weights: Mapping[str, float] = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return weights


def _found(call: Callable[..., Any], **arguments: Any) -> Any:
    """Return what a call answers, None if what it asks for is not there."""
    try:
        return call(**arguments)
    except ClientError as fault:
        if code_of(fault) == _GONE:
            return None
        raise


@contextmanager
def _refusals(program: Program) -> Iterator[None]:
    """Say what AWS does not take in words of ours, with its reason."""
    try:
        yield
    except ClientError as fault:
        reason = fault.response["Error"].get("Message", "")
        if code_of(fault) in _REFUSED:
            raise _refusal(program, reason) from fault
        if code_of(fault) == "CodeStorageExceededException":
            raise StorageFull(f"Lambda has no room for more code: {reason} Prune versions, then try again.") from fault
        raise


def _refusal(program: Program, reason: str) -> FunctionRefused:
    name = program.function.name
    return FunctionRefused(f"Lambda does not take the function {name}: {reason.rstrip('.')}.", function=name)
