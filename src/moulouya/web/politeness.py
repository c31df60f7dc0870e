"""At most so many requests a second to one host, counted across the processes of a machine."""

from __future__ import annotations

import hashlib
import math
import sqlite3
import time
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import structlog

from moulouya.web.limits import Deadline

if TYPE_CHECKING:
    from pyrate_limiter import AbstractBucket

log = structlog.get_logger()
KEPT = 86_400_000  # milliseconds that a request is remembered, for sources with a slower pace
_in_memory: dict[tuple[str, int], AbstractBucket] = {}


class Politeness:
    """Spaces the requests of a source to each host."""

    def __init__(self, requests_per_second: float, folder: Path | None) -> None:
        self._interval = math.ceil(1000 / requests_per_second)
        self._folder = folder
        self._buckets: dict[tuple[str, int], AbstractBucket] = {}

    def wait(self, host: str, deadline: Deadline, pause: float = 0.0) -> None:
        """Wait for this host's turn (``pause``: seconds it asks for between two requests)."""
        from pyrate_limiter import RateItem

        interval = max(self._interval, math.ceil(1000 * pause))
        bucket = self._bucket(host, interval)
        while True:
            now = time.time_ns() // 1_000_000
            item = RateItem("request", now)
            if bucket.put(item):
                bucket.leak(now - KEPT)
                return
            wait = bucket.waiting(item)
            assert isinstance(wait, int)  # these buckets are not the asynchronous ones
            if wait > 2 * interval:
                bucket.flush()  # the clock was set back: what is remembered lies in the future
                continue
            deadline.check()
            Event().wait(min(max(wait, 1) / 1000, deadline.left()))

    def close(self) -> None:
        """Let go of the shared files."""
        for bucket in self._buckets.values():
            bucket.close()
        self._buckets.clear()

    def _bucket(self, host: str, interval: int) -> AbstractBucket:
        known = self._buckets.get((host, interval))
        if known is None:
            known = self._buckets[host, interval] = self._open(host, interval)
        return known

    def _open(self, host: str, interval: int) -> AbstractBucket:
        from pyrate_limiter import InMemoryBucket, Rate, SQLiteBucket

        rates = [Rate(1, interval)]
        if self._folder is not None:
            name = hashlib.sha256(host.encode()).hexdigest()[:16]
            try:
                folder = self._folder / "http"
                folder.mkdir(parents=True, exist_ok=True)
                return SQLiteBucket.init_from_file(
                    rates,
                    table=f"host_{name}",
                    db_path=str(folder / "requests.sqlite"),
                    use_file_lock=True,
                )
            except (OSError, sqlite3.Error) as error:
                log.warning("requests are not counted across processes", reason=str(error))
        return _in_memory.setdefault((host, interval), InMemoryBucket(rates))
