"""What passes between a source and the snapshot that is made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """What a source needs to know to fetch once.

    ``etag`` and ``last_modified`` are those of the last delivery, for a conditional request.
    """

    folder: Path
    workspace: Path
    user_agent: str
    timeout: float = 60.0
    max_bytes: int = 2 * 1024**3
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class Delivery:
    """Bytes that arrived: the files in the request's folder, and their provenance."""

    members: tuple[str, ...]
    url: str
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    source_version: str | None = None
    etag: str | None = None
    last_modified: str | None = None
