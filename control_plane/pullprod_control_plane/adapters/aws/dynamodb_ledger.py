"""The ledger in one DynamoDB table: partition and sort key, a revision, and the body as JSON text.

A body is one string: it is only ever read and written as a whole, and a number in it stays the number that it was.

An item is made by a put that demands its absence, and changed by an update that demands its revision. So a role that
may not update or delete the items of some partitions can still add to them: history is append-only by its policy.
Limits: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from ...domain.errors import Busy, PayloadTooLarge
from ...domain.json import canonical
from ...ports import MAX_CHANGES, Change, Check, Delete, Item, Key, Lost, Put

T = TypeVar("T")
_MAX_READ = 100  # Keys of one BatchGetItem.
_MAX_ITEM = 380_000  # 400 KB, less what keys and revision take.
_MAX_COMMIT = 3_900_000  # 4 MB, likewise.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_MAX_PARTITION = 2_048
_MAX_SORT = 1_024
_PATIENCE_S = 15.0
_FIRST_WAIT_S = 0.02
_LONGEST_WAIT_S = 1.0
# Nothing was done, and it may be done the next time. A condition that did not hold is not among them.
_TRY_AGAIN = frozenset(
    {
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingError",
        "ThrottlingException",
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)


class DynamoDBLedger:
    """Ledger. `client` is boto3's of DynamoDB, `table` the name of a table whose keys are PK and SK, both text."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def read(self, keys: Sequence[Key]) -> list[Item | None]:
        """Return the items under `keys`, in their order, None for those that do not exist."""
        wanted = [key for key in dict.fromkeys(keys) if _can_be(key.partition, key.sort)]
        found: dict[Key, Item] = {}
        for start in range(0, len(wanted), _MAX_READ):
            found.update((item.key, item) for item in self._batch(wanted[start : start + _MAX_READ]))
        return [found.get(key) for key in keys]

    def _batch(self, keys: Sequence[Key]) -> Iterator[Item]:
        """Ask again for what an answer of 16 MB had no room for, or what was throttled."""
        pauses = _pauses()
        asked = {self._table: {"Keys": [_key(key) for key in keys], "ConsistentRead": True}}
        while asked:
            answer = _patiently(lambda asked=asked: self._client.batch_get_item(RequestItems=asked))  # type: ignore[misc]
            yield from (_item(row) for row in answer["Responses"].get(self._table, ()))
            asked = answer.get("UnprocessedKeys") or {}
            if asked:
                next(pauses)

    def scan(
        self,
        partition: str,
        *,
        prefix: str = "",
        newest_first: bool = False,
        after: str | None = None,
        limit: int = 1_000,
    ) -> list[Item]:
        """Return at most `limit` items of a partition whose sort key has the prefix, in order, beyond `after`."""
        query = self._query(partition, prefix, newest_first, after)
        items: list[Item] = []
        while query is not None and len(items) < limit:
            query["Limit"] = limit - len(items)
            answer = _patiently(lambda query=query: self._client.query(**query))  # type: ignore[misc]
            items += [_item(row) for row in answer["Items"]]
            last = answer.get("LastEvaluatedKey")
            query = {**query, "ExclusiveStartKey": last} if last else None
        return items

    def _query(self, partition: str, prefix: str, newest_first: bool, after: str | None) -> dict[str, Any] | None:  # noqa: FBT001 - as scan takes it.
        """Return the query's parameters; None where nothing can be found.

        A condition on the sort key is one range or one prefix. So where to begin is the start key, which need not
        exist, and stands for the beginning where `after` lies before it.
        """
        if not _can_be(partition, prefix):
            return None
        names: dict[str, str] = {"#p": "PK"}
        values: dict[str, Any] = {":p": {"S": partition}}
        condition = "#p = :p"
        if prefix:
            names["#s"] = "SK"
            values[":s"] = {"S": prefix}
            condition += " AND begins_with(#s, :s)"
        query = {
            "TableName": self._table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
            "ScanIndexForward": not newest_first,
        }
        if after is None:
            return query
        if not after.startswith(prefix):
            beyond = _utf8(after) < _utf8(prefix) if newest_first else _utf8(after) > _utf8(prefix)
            return None if beyond else query
        # No key lies between a text that is too long for one and as much of it as a key can have.
        start = _utf8(after)[:_MAX_SORT].decode(errors="ignore")
        return {**query, "ExclusiveStartKey": _key(Key(partition, start))} if start else query

    def commit(self, changes: Sequence[Change]) -> None:
        """Make all changes, at most 100 on different keys, or none; durable when it returns.

        An answer that is lost is asked for again under the same token, for which DynamoDB does it once.

        Raises:
            Lost: an expectation did not hold.
            Busy: others kept the items, or there was no answer, for longer than 15 s; then it may have been done.
            PayloadTooLarge: the bodies are larger than the table takes.
            ValueError: there are more changes than 100, or two of one key.
        """
        if len(changes) > MAX_CHANGES or len({change.key for change in changes}) < len(changes):
            raise ValueError(f"A commit takes at most {MAX_CHANGES} changes, each on a key of its own.")
        actions = [_action(self._table, change) for change in changes]
        _check_sizes(changes)
        if not actions:
            return
        token = str(uuid.uuid4())
        pauses = _pauses()
        while not self._made(changes, actions, token):
            next(pauses)

    def _made(self, changes: Sequence[Change], actions: list[dict[str, Any]], token: str) -> bool:
        """Try once; False if it may be tried again."""
        try:
            self._client.transact_write_items(TransactItems=actions, ClientRequestToken=token)
        except Exception as fault:
            reasons = _reasons(fault)
            for change, reason in zip(changes, reasons, strict=False):
                if reason.get("Code") == "ConditionalCheckFailed":
                    raise Lost(change.key, _found(reason)) from None
            codes = {reason.get("Code", "None") for reason in reasons} - {"None"} or {_code(fault)}
            if codes <= _TRY_AGAIN or _is_connection(fault):
                return False
            raise
        return True


def _can_be(partition: str, sort: str) -> bool:
    """Tell whether DynamoDB can have such a key; it takes a question about another one for an error."""
    return len(_utf8(partition)) <= _MAX_PARTITION and len(_utf8(sort)) <= _MAX_SORT


def _key(key: Key) -> dict[str, Any]:
    return {"PK": {"S": key.partition}, "SK": {"S": key.sort}}


def _item(row: Mapping[str, Any]) -> Item:
    return Item(Key(row["PK"]["S"], row["SK"]["S"]), int(row["revision"]["N"]), json.loads(row["body"]["S"]))


def _found(reason: Mapping[str, Any]) -> Item | None:
    return _item(reason["Item"]) if reason.get("Item") else None


def _utf8(text: str) -> bytes:
    return text.encode()


def _action(table: str, change: Change) -> dict[str, Any]:
    """Return a change as DynamoDB takes it, under the condition that the item is still at the expected revision."""
    condition: dict[str, Any] = {"TableName": table, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    if change.expected:
        condition["ConditionExpression"] = "revision = :expected"
        condition["ExpressionAttributeValues"] = {":expected": {"N": str(change.expected)}}
    else:
        condition["ConditionExpression"] = "attribute_not_exists(PK)"
    if isinstance(change, Check) or (isinstance(change, Delete) and not change.expected):
        return {"ConditionCheck": {**condition, "Key": _key(change.key)}}
    if isinstance(change, Delete):
        return {"Delete": {**condition, "Key": _key(change.key)}}
    return _write(change, condition)


def _write(change: Put, condition: dict[str, Any]) -> dict[str, Any]:
    written = {"revision": {"N": str(change.expected + 1)}, "body": {"S": canonical(dict(change.body)).decode()}}
    if not change.expected:
        return {"Put": {**condition, "Item": {**_key(change.key), **written}}}
    values = {**condition["ExpressionAttributeValues"], ":revision": written["revision"], ":body": written["body"]}
    update = {
        **condition,
        "ExpressionAttributeValues": values,
        "UpdateExpression": "SET revision = :revision, body = :body",
    }
    return {"Update": {**update, "Key": _key(change.key)}}


def _check_sizes(changes: Sequence[Change]) -> None:
    sizes = [len(canonical(dict(change.body))) for change in changes if isinstance(change, Put)]
    if sizes and (max(sizes) > _MAX_ITEM or sum(sizes) > _MAX_COMMIT):
        raise PayloadTooLarge(
            f"A record of {max(sizes):,} bytes, {sum(sizes):,} together, is more than the ledger keeps: "
            f"{_MAX_ITEM:,} each, {_MAX_COMMIT:,} together. Nothing was changed.",
            limit=_MAX_ITEM,
        )


def _pauses() -> Iterator[None]:
    """Wait a little longer each time, with jitter; raise Busy when patience is at its end."""
    until, wait = time.monotonic() + _PATIENCE_S, _FIRST_WAIT_S
    while time.monotonic() < until:
        time.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 - jitter.
        wait = min(wait * 2, _LONGEST_WAIT_S)
        yield
    raise Busy(f"The ledger was kept by others, or not to be reached, for {_PATIENCE_S:.0f} s. Try again in a moment.")


def _patiently(read: Callable[[], T]) -> T:
    pauses = _pauses()
    while True:
        try:
            return read()
        except Exception as fault:
            if _code(fault) not in _TRY_AGAIN and not _is_connection(fault):
                raise
        next(pauses)


def _code(fault: Exception) -> str:
    response = getattr(fault, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _reasons(fault: Exception) -> list[Mapping[str, Any]]:
    """Return why each change was refused, in their order; nothing if the fault is no cancelled transaction."""
    response = getattr(fault, "response", None)
    return list(response.get("CancellationReasons", ())) if isinstance(response, dict) else []


def _is_connection(fault: Exception) -> bool:
    """Tell whether no answer came; what was asked for may have been done."""
    from botocore.exceptions import ConnectionError, HTTPClientError  # noqa: A004, PLC0415 - with the first call.

    return isinstance(fault, (ConnectionError, HTTPClientError))
