"""`pullprod serve`: a control plane with its edge on this machine."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

import click


@click.command(name="serve")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("pullprod-data"),
    show_default=True,
    help="Directory that holds everything; created if absent.",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8787, show_default=True, help="Loopback port.")
@click.option(
    "--issuer",
    "issuers",
    multiple=True,
    metavar="URL",
    help="OIDC issuer of workflow runs (repeatable); GitHub's own if none is given.",
)
@click.option("--new-admin-token", is_flag=True, help="Print another admin token: the others are lost, or revoked.")
def command(data: Path, port: int, issuers: tuple[str, ...], new_admin_token: bool) -> None:  # noqa: FBT001 - click's.
    """Serve the API and every version and pointer on this machine, until interrupted."""
    # Only this command needs the server's libraries, so only this command loads them.
    from ... import bootstrap  # noqa: PLC0415
    from ...application import tokens  # noqa: PLC0415
    from ...domain.errors import PullprodError  # noqa: PLC0415
    from ...domain.trust import GITHUB_ISSUER  # noqa: PLC0415
    from ...settings import LocalSettings  # noqa: PLC0415
    from . import server  # noqa: PLC0415

    settings = LocalSettings(data.resolve(), port, issuers or (GITHUB_ISSUER,))
    sockets = _bind(port)

    def announce() -> None:
        click.echo(f"pullprod listens on {settings.api_url}")
        ports = system.control.ports
        if token := tokens.first_admin(ports) or (tokens.another_admin(ports) if new_admin_token else None):
            click.echo(f"admin token: {token}")
            click.echo("It is not shown again. In another terminal:", err=True)
            click.echo(f"export PULLPROD_URL={settings.api_url} PULLPROD_TOKEN=pp_…", err=True)

    try:
        system = bootstrap.local(settings)
        server.run(system, sockets, announce)
    except PullprodError as refused:
        raise click.ClickException(refused.detail) from refused
    except OSError as fault:
        raise click.ClickException(f"{data} cannot be used: {fault}. Name a directory that can be written.") from fault


def _bind(port: int) -> list[socket.socket]:
    """Take the port on both loopback addresses; IPv6 is optional, since not every machine has it."""
    try:
        sockets = [_listener(socket.AF_INET, "127.0.0.1", port)]
    except OSError as fault:
        raise click.ClickException(f"Port {port} cannot be used: {fault}. Name another with --port.") from fault
    with suppress(OSError):
        sockets.append(_listener(socket.AF_INET6, "::1", port))
    return sockets


def _listener(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only for sockets that name their protocol.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
    except OSError:
        listener.close()
        raise
    return listener
