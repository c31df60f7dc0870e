"""What a client has to be told by whoever fetches."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Protocol


class Request(Protocol):
    """The part of a source's request that concerns HTTP; see `moulouya.sources.Request`."""

    @property
    def user_agent(self) -> str:
        """Who asks, with an address to write to."""

    @property
    def timeout(self) -> float:
        """Seconds without a byte after which a read stops."""

    @property
    def max_bytes(self) -> int:
        """The largest body, where the source does not say."""

    @property
    def etag(self) -> str | None:
        """The ETag of the last delivery."""

    @property
    def last_modified(self) -> str | None:
        """The date of the last delivery."""

    @property
    def private_hosts(self) -> Collection[str]:
        """Hosts that may have an address of a private network."""

    @property
    def state_folder(self) -> Path | None:
        """Where processes of one machine share how often a host was asked."""
