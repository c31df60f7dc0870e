"""Serving the portal over HTTP with granian, until SIGTERM or SIGINT."""

from __future__ import annotations

import gc
import socket
from functools import partial

from granian import Granian
from granian.constants import Interfaces
from starlette.applications import Starlette

from moulouya.errors import UsageError
from moulouya.portal.app import create_app
from moulouya.settings import Settings

GRACE_SECONDS = 10
# Objects that come into being before Python looks for cycles among the new ones: about a page's.
BETWEEN_COLLECTIONS = 10_000


def serve(settings: Settings, host: str = "127.0.0.1", port: int = 8500, workers: int = 1) -> None:
    """Serve until told to stop; requests under way may end within ``GRACE_SECONDS``.

    A worker that dies is started again. Raises UsageError where the address is taken: two servers
    would share it otherwise, and each answer some of the requests.
    """
    _require_free(host, port)
    server = Granian(
        "moulouya.portal",
        address=host,
        port=port,
        workers=workers,
        interface=Interfaces.ASGINL,
        websockets=False,
        log_access=False,
        respawn_failed_workers=True,
        workers_kill_timeout=GRACE_SECONDS,
    )
    server.serve(target_loader=partial(_application, settings), wrap_loader=False)


def _require_free(host: str, port: int) -> None:
    """Raise UsageError where the address cannot be listened on; what was just left is free."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise UsageError(
            f"{host} port {port} cannot be served on: {error.strerror}",
            hint="end what listens there, or name another one with --port",
        ) from error


def _application(settings: Settings) -> Starlette:
    """Made in each worker, so that no thread or connection crosses a fork."""
    app = create_app(settings)
    app.state.sql.begin(app.state.current.served)
    # What was loaded so far stays. Looking through it for garbage took as long as many pages.
    gc.collect()
    gc.freeze()
    gc.set_threshold(BETWEEN_COLLECTIONS, *gc.get_threshold()[1:])
    return app
