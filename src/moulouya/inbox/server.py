"""Serving the inbox with granian: over TLS, or behind a proxy that ends it."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_address
from pathlib import Path

from granian import Granian
from granian.constants import Interfaces, SSLProtocols
from starlette.applications import Starlette

from moulouya import workspace
from moulouya.definition import InboxSource
from moulouya.errors import DefinitionError, UsageError
from moulouya.inbox.app import create_app
from moulouya.settings import Settings
from moulouya.sources import uploads

GRACE_SECONDS = 30


def root_of(settings: Settings) -> Path:
    """The folder of uploads, on this host: beside the snapshots that are made of them, where the
    lake is a folder too.
    """
    return settings.inbox_root


def cap_of(settings: Settings, slug: str) -> int | None:
    """The largest upload that a dataset takes; None for one that takes none."""
    try:
        _, dataset = workspace.load_one(settings.workspace_root, slug)
    except (DefinitionError, UsageError):
        return None
    source = dataset.definition.source
    return source.max_bytes if isinstance(source, InboxSource) else None


def serve(
    settings: Settings,
    host: str = "127.0.0.1",
    port: int = 8600,
    *,
    certificate: Path | None = None,
    key: Path | None = None,
    behind_proxy: bool = False,
) -> None:
    """Serve until told to stop.

    Raises UsageError for plain http on an address that others reach: tokens would be read on the
    way. One process, because it counts how often each partner asks.
    """
    if (certificate is None) != (key is None):
        raise UsageError("--certificate and --key go together")
    if certificate is None and not behind_proxy and not _loopback(host):
        raise UsageError(
            f"the inbox on {host} needs https",
            hint="give --certificate and --key, or --behind-proxy where a proxy ends TLS",
        )
    uploads.sweep(root_of(settings))
    server = Granian(
        "moulouya.inbox",
        address=host,
        port=port,
        workers=1,
        interface=Interfaces.ASGINL,
        websockets=False,
        log_access=False,
        respawn_failed_workers=True,
        workers_kill_timeout=GRACE_SECONDS,
        ssl_cert=certificate,
        ssl_key=key,
        ssl_protocol_min=SSLProtocols.tls12,
    )
    server.serve(target_loader=partial(_application, settings, behind_proxy), wrap_loader=False)


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _application(settings: Settings, behind_proxy: bool) -> Starlette:
    """Made in the worker, so that no thread crosses a fork."""
    return create_app(root_of(settings), partial(cap_of, settings), behind_proxy=behind_proxy)
