"""Lambda's control plane as strict as its documentation, for what no emulator does: pending, conflicts, revisions.

https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
"""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from pullprod_control_plane.ports import Clock

Json = dict[str, Any]


def fault(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message or code}}, "Call")


_CONFIGURED = ("Description", "Handler", "Runtime", "MemorySize", "Timeout", "Role", "LoggingConfig")
_revisions = (f"r{number}" for number in itertools.count())


@dataclass
class _Made:
    """One Lambda function; `versions` are by number, `$LATEST` among them."""

    latest: Json
    code: bytes
    changed: bool = True
    published: int = 0
    versions: dict[str, tuple[Json, bytes]] = field(default_factory=dict)
    aliases: dict[str, Json] = field(default_factory=dict)
    urls: dict[str, Json] = field(default_factory=dict)
    policies: dict[str, dict[str, Json]] = field(default_factory=dict)


@dataclass
class StrictLambda:
    """A client. Creating, updating and publishing takes `slow` looks at the configuration."""

    zips: Mapping[str, bytes]
    clock: Clock
    slow: int = 0
    made: dict[str, _Made] = field(default_factory=dict)
    waits: dict[str, int] = field(default_factory=dict)

    def create_function(self, **given: Any) -> Json:
        name = given["FunctionName"]
        assert len(name) <= 64
        if name in self.made:
            raise fault("ResourceConflictException", "Function already exist")
        latest = {"State": "Pending", "LastUpdateStatus": "Successful", "Version": "$LATEST"}
        self.made[name] = _Made(latest, b"")
        try:
            self._code(name, given["Code"]["S3Key"])
        except ClientError:
            del self.made[name]
            raise
        self._touch(name, {fact: given[fact] for fact in _CONFIGURED})
        self.waits[f"{name}:$LATEST"] = self.slow
        return self._seen(name, "$LATEST", look=False)

    def update_function_configuration(self, **given: Any) -> Json:
        self._idle(given)
        self._touch(given["FunctionName"], {fact: given[fact] for fact in _CONFIGURED})
        return self._updating(given["FunctionName"])

    def update_function_code(self, **given: Any) -> Json:
        self._idle(given)
        self._code(given["FunctionName"], given["S3Key"])
        self._touch(given["FunctionName"], {})
        return self._updating(given["FunctionName"])

    def get_function_configuration(self, FunctionName: str, Qualifier: str = "$LATEST") -> Json:  # noqa: N803
        made = self._function(FunctionName)
        number = made.aliases.get(Qualifier, {}).get("FunctionVersion", Qualifier)
        if number != "$LATEST" and number not in made.versions:
            raise fault("ResourceNotFoundException")
        return self._seen(FunctionName, number, look=True)

    def publish_version(self, **given: Any) -> Json:
        made = self._idle(given)
        if given["CodeSha256"] != made.latest["CodeSha256"]:
            raise fault("InvalidParameterValueException", "CodeSha256 differs")
        if made.changed:
            made.published += 1  # A number is never used again.
            number = str(made.published)
            state = {**made.latest, "Version": number, "State": "Pending" if self.slow else "Active"}
            made.versions[number] = (state, made.code)
            made.changed = False
            self.waits[f"{given['FunctionName']}:{number}"] = self.slow
        number = max(made.versions, key=int)
        return dict(made.versions[number][0])

    def list_versions_by_function(self, FunctionName: str) -> Json:  # noqa: N803
        made = self._function(FunctionName)
        return {"Versions": [dict(made.latest), *(dict(state) for state, _ in made.versions.values())]}

    def get_paginator(self, operation: str) -> Any:
        call = getattr(self, operation)

        class Pages:
            def paginate(self, **given: Any) -> Iterator[Json]:
                yield call(**given)

        return Pages()

    def delete_function(self, FunctionName: str, Qualifier: str) -> None:  # noqa: N803
        made = self._function(FunctionName)
        if any(alias["FunctionVersion"] == Qualifier for alias in made.aliases.values()):
            raise fault("ResourceConflictException", "An alias points to it")
        if made.versions.pop(Qualifier, None) is None:
            raise fault("ResourceNotFoundException")

    def create_alias(self, **given: Any) -> Json:
        made = self._function(given["FunctionName"])
        assert not given["Name"].isdigit()
        if given["Name"] in made.aliases:
            raise fault("ResourceConflictException", "Alias already exists")
        if given["FunctionVersion"] not in made.versions:
            raise fault("ResourceNotFoundException")
        facts: Json = {key: given[key] for key in ("Name", "FunctionVersion", "Description") if key in given}
        made.aliases[given["Name"]] = {**facts, "RevisionId": next(_revisions)}
        return dict(made.aliases[given["Name"]])

    def update_alias(self, **given: Any) -> Json:
        alias = self._alias(given["FunctionName"], given["Name"])
        if given["RevisionId"] != alias["RevisionId"]:
            raise fault("PreconditionFailedException")
        weights = given["RoutingConfig"]["AdditionalVersionWeights"]
        alias |= {"FunctionVersion": given["FunctionVersion"], "Description": given["Description"]}
        alias |= {"RevisionId": next(_revisions), "RoutingConfig": {"AdditionalVersionWeights": weights}}
        return dict(alias)

    def get_alias(self, FunctionName: str, Name: str) -> Json:  # noqa: N803
        return dict(self._alias(FunctionName, Name))

    def list_aliases(self, FunctionName: str, FunctionVersion: str) -> Json:  # noqa: N803
        aliases = self._function(FunctionName).aliases.values()
        return {"Aliases": [dict(alias) for alias in aliases if alias["FunctionVersion"] == FunctionVersion]}

    def delete_alias(self, FunctionName: str, Name: str) -> None:  # noqa: N803
        made = self._function(FunctionName)
        assert Name not in made.urls, "the URL goes first"
        made.aliases.pop(Name, None)

    def create_function_url_config(self, **given: Any) -> Json:
        self._alias(given["FunctionName"], given["Qualifier"])
        made = self._function(given["FunctionName"])
        if given["Qualifier"] in made.urls:
            raise fault("ResourceConflictException")
        assert given["AuthType"] == "AWS_IAM"
        number = hashlib.sha256(f"{next(_revisions)}".encode()).hexdigest()[:32]
        made.urls[given["Qualifier"]] = {"FunctionUrl": f"https://{number}.lambda-url.eu-west-1.on.aws/"}
        return dict(made.urls[given["Qualifier"]])

    def get_function_url_config(self, FunctionName: str, Qualifier: str) -> Json:  # noqa: N803
        urls = self._function(FunctionName).urls
        if Qualifier not in urls:
            raise fault("ResourceNotFoundException")
        return dict(urls[Qualifier])

    def delete_function_url_config(self, FunctionName: str, Qualifier: str) -> None:  # noqa: N803
        if self._function(FunctionName).urls.pop(Qualifier, None) is None:
            raise fault("ResourceNotFoundException")

    def add_permission(self, **given: Any) -> None:
        self._alias(given["FunctionName"], given["Qualifier"])
        policy = self._function(given["FunctionName"]).policies.setdefault(given["Qualifier"], {})
        if given["StatementId"] in policy:
            raise fault("ResourceConflictException", "The statement id provided already exists")
        policy[given["StatementId"]] = given

    def get_policy(self, FunctionName: str, Qualifier: str) -> Json:  # noqa: N803
        policy = self._function(FunctionName).policies.get(Qualifier)
        if not policy:
            raise fault("ResourceNotFoundException")
        return {"Policy": json.dumps({"Statement": [{"Sid": sid} for sid in policy]})}

    def invoke(self, host: str) -> tuple[int, bytes]:
        """Answer as a function whose zip is one of `tests.support.zips`, at its URL."""
        for made in self.made.values():
            for alias, url in made.urls.items():
                if host in url["FunctionUrl"]:
                    body = made.versions[made.aliases[alias]["FunctionVersion"]][1]
                    names: Json = {}
                    exec(zipfile.ZipFile(io.BytesIO(body)).read("app.py"), names)  # noqa: S102 - the test's own.
                    result = names["handler"]({}, None)
                    return result["statusCode"], result["body"].encode()
        return 404, b""

    def _function(self, name: str) -> _Made:
        if name not in self.made:
            raise fault("ResourceNotFoundException")
        return self.made[name]

    def _alias(self, name: str, alias: str) -> Json:
        aliases = self._function(name).aliases
        if alias not in aliases:
            raise fault("ResourceNotFoundException")
        return aliases[alias]

    def _idle(self, given: Mapping[str, Any]) -> _Made:
        made = self._function(given["FunctionName"])
        if made.latest["State"] == "Pending" or made.latest["LastUpdateStatus"] == "InProgress":
            raise fault("ResourceConflictException", "An update is in progress")
        if given["RevisionId"] != made.latest["RevisionId"]:
            raise fault("PreconditionFailedException")
        return made

    def _updating(self, name: str) -> Json:
        self.made[name].latest["LastUpdateStatus"] = "InProgress"
        self.waits[f"{name}:$LATEST"] = self.slow
        return self._seen(name, "$LATEST", look=False)

    def _touch(self, name: str, facts: Json) -> None:
        made = self.made[name]
        stamp = self.clock.now().strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        made.latest |= {**facts, "RevisionId": next(_revisions), "LastModified": stamp}
        made.changed = True

    def _code(self, name: str, key: str) -> None:
        body = self.zips[key]
        if not zipfile.is_zipfile(io.BytesIO(body)):
            raise fault("InvalidParameterValueException", "Could not unzip uploaded file.")
        self.made[name].code = body
        self.made[name].latest["CodeSha256"] = base64.b64encode(hashlib.sha256(body).digest()).decode()

    def _seen(self, name: str, number: str, *, look: bool) -> Json:
        """Return a configuration; what takes time is done after so many looks, and has another revision then."""
        made, where = self.made[name], f"{name}:{number}"
        state = made.latest if number == "$LATEST" else made.versions[number][0]
        self.waits[where] = self.waits.get(where, 0) - look
        if self.waits[where] <= 0 and (state["State"] == "Pending" or state["LastUpdateStatus"] == "InProgress"):
            state |= {"State": "Active", "LastUpdateStatus": "Successful", "RevisionId": next(_revisions)}
        return dict(state)
