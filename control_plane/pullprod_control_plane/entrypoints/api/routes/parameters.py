"""Parameters that several calls have."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from .. import taken

_LONGEST_NAME = 63

AppName = Annotated[str, Path(description="The app's name", max_length=_LONGEST_NAME)]
PointerName = Annotated[str, Path(description="The pointer's name", max_length=_LONGEST_NAME)]
VersionId = Annotated[str, Path(description="A version's id", max_length=_LONGEST_NAME)]
VersionRef = Annotated[taken.Reference, Path(description="A version id, commit prefix, branch:x, pointer:x or tag:x")]
Limit = Annotated[int, Query(ge=1, le=1_000)]
Cursor = Annotated[str | None, Query(max_length=2_000)]
TokenId = Annotated[str, Path(description="The token's id", max_length=_LONGEST_NAME)]
IfMatch = Annotated[str | None, Header(alias="If-Match", description='The generation that you saw: "7"', max_length=63)]
AppIfMatch = Annotated[
    str | None, Header(alias="If-Match", description='The revision that you read: "7"', max_length=63)
]
