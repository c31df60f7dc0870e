"""Serving the portal over HTTP with granian, until SIGTERM or SIGINT."""

from __future__ import annotations

from functools import partial

from granian import Granian
from granian.constants import Interfaces
from starlette.applications import Starlette

from moulouya.portal.app import create_app
from moulouya.settings import Settings

GRACE_SECONDS = 10


def serve(settings: Settings, host: str = "127.0.0.1", port: int = 8500, workers: int = 1) -> None:
    """Serve until told to stop; requests under way may end within ``GRACE_SECONDS``.

    A worker that dies is started again.
    """
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


def _application(settings: Settings) -> Starlette:
    """Made in each worker, so that no thread or connection crosses a fork."""
    return create_app(settings)
