"""What passes between a source and the snapshot that is made of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Request:
    """What a source needs to know to fetch once.

    ``folder`` is empty and takes the files; ``etag`` and ``last_modified`` are those of the last
    delivery, for a conditional request; ``state`` is what the last delivery left to go on from;
    ``interval`` is the data interval of the run, in UTC; ``slug`` is the dataset's.
    ``private_hosts`` are the hosts (name, or name:port) that may have an address of a private
    network; ``state_folder`` is where processes of one machine share what they know of a host;
    ``inbox`` is the folder of uploads.
    """

    folder: Path
    workspace: Path
    user_agent: str
    timeout: float = 60.0
    max_bytes: int = 2 * 1024**3
    etag: str | None = None
    last_modified: str | None = None
    state: dict[str, Any] = field(default_factory=dict)
    interval: tuple[dt.datetime, dt.datetime] | None = None
    slug: str = ""
    private_hosts: tuple[str, ...] = ()
    state_folder: Path | None = None
    inbox: Path | None = None


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Delivery:
    """Bytes that arrived: the files in the request's folder, and their provenance.

    ``state`` is kept with the snapshot and given to the next fetch. ``settle`` is called once the
    bytes are durable in the lake: only then may a source acknowledge or take away what it gave;
    it may be called again after a crash, never before.
    """

    members: tuple[str, ...]
    url: str
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    source_version: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    state: dict[str, Any] = field(default_factory=dict)
    settle: Callable[[], None] = _nothing
