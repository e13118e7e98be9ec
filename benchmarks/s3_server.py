"""A control plane whose files are in S3: `pullprod serve` with `S3Store` in the place of the directory.

python s3_server.py DATA PORT S3_URL BUCKET: prints an admin token once it answers.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pullprod_control_plane import bootstrap
from pullprod_control_plane.adapters.aws import clients
from pullprod_control_plane.adapters.aws.s3_store import CLIENT, S3Store
from pullprod_control_plane.adapters.local.edge_server import EdgeServer
from pullprod_control_plane.application import tokens
from pullprod_control_plane.entrypoints.local import serve, server
from pullprod_control_plane.settings import LocalSettings


@dataclass(frozen=True)
class Fetched:
    """An object of the bucket as the local edge serves it, from a copy."""

    path: Path
    size: int
    sha256: str
    content_type: str
    cache_control: str


class Bucket:
    """Lets the local edge serve what is in S3; only probes ask it here."""

    def __init__(self, client: Any, name: str, place: Path) -> None:
        self._client, self._name, self._place = client, name, place

    def served(self, key: str) -> Fetched | None:
        """Return an object, or None if it is not there."""
        try:
            found = self._client.get_object(Bucket=self._name, Key=key)
        except self._client.exceptions.NoSuchKey:
            return None
        body = found["Body"].read()
        with tempfile.NamedTemporaryFile(dir=self._place, delete=False) as file:
            file.write(body)
        return Fetched(Path(file.name), len(body), found["ETag"], found["ContentType"], found.get("CacheControl", ""))


def main() -> None:
    """Serve until terminated."""
    data, port, url, bucket = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    system = bootstrap.local(LocalSettings(data, port))
    os.environ["AWS_ENDPOINT_URL_S3"] = url
    client: Any = clients.Client("s3", **{**CLIENT, "s3": {"addressing_style": "path"}})
    client.meta.region_name  # noqa: B018 - boto3 is loaded, as it is where others have published before.
    ports: Any = replace(system.control.ports, store=S3Store(client, bucket, clients.credentials))
    (data / "fetched").mkdir(exist_ok=True)
    edge = EdgeServer(ports.edge.get, Bucket(client, bucket, data / "fetched").served, ports.functions)
    system = replace(system, control=replace(system.control, ports=ports), edge=edge)
    server.run(system, serve._bind(port), lambda: print(tokens.first_admin(ports) or "", flush=True))  # noqa: SLF001


if __name__ == "__main__":
    main()
