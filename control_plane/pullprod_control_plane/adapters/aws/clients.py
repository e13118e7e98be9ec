"""boto3's clients, built when they are first asked for something: importing boto3 takes longer than most calls."""

from __future__ import annotations

import logging
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials


class Client:
    """The client of a service; `config` holds what `botocore.config.Config` takes.

    Region, credentials and endpoints come from the environment, as they do for every AWS tool.
    """

    def __init__(self, service: str, **config: Any) -> None:
        self._service: Any = service  # boto3-stubs has an overload for each name.
        self._config = config

    @cached_property
    def _client(self) -> Any:
        # Whatever the process's own level is: at DEBUG botocore writes down what it signs, with the signature.
        logging.getLogger("botocore").setLevel(logging.INFO)
        from botocore.config import Config  # noqa: PLC0415 - see above.

        defaults = {"connect_timeout": 3, "read_timeout": 10, "retries": {"mode": "standard", "total_max_attempts": 4}}
        return session().client(self._service, config=Config(**{**defaults, **self._config}))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def credentials() -> ReadOnlyCredentials:
    """Return what the clients sign with at this moment; it is renewed from time to time."""
    return session().get_credentials().get_frozen_credentials()  # type: ignore[no-any-return]


@cache
def session() -> Any:
    """Return boto3's session that all clients here are of."""
    import boto3  # noqa: PLC0415 - see above.
    from botocore.session import get_session  # noqa: PLC0415

    core = get_session()
    # Nobody reads a time that AWS answers. Parsed, the times of a listing take as long as all the rest of it.
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    return boto3.Session(botocore_session=core)
