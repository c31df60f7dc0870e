"""How often each dataset is used, counted by day without a trace of who used it.

What is kept is a number for each day, dataset and kind of use. Addresses and browsers are looked
at for nothing but leaving out crawlers and those who ask not to be counted, and are not kept.
"""

from __future__ import annotations

import atexit
import datetime as dt
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KINDS = ("page", "download", "feed", "api")
# Fewer uses than this might tell of one person: they are counted, and not shown.
SMALLEST_SHOWN = 5
DAYS = 30
FLUSH_SECONDS = 10.0
REFRESH_SECONDS = 60.0
LOCKED_SECONDS = 2.0
MOST_WAITING = 100_000
ADDRESSES = (
    ("page", re.compile(r"/[a-z]{2}/datasets/([a-z][a-z0-9_]{0,62})")),
    ("download", re.compile(r"/files/([a-z][a-z0-9_]{0,62})/[^/]+/\1\.[^/]+")),
    ("download", re.compile(r"/exports/([a-z][a-z0-9_]{0,62})/[^/]+/[^/]+(?<!-metadata\.json)")),
    ("feed", re.compile(r"/feeds/([a-z][a-z0-9_]{0,62})\.[a-z]+")),
)
API = ("/api/", "/ogc/")
CRAWLERS = re.compile(
    r"bot\b|bot[/_-]|crawl|spider|slurp|archiver|externalhit|scan|monitor|uptime|lighthouse|headless",
    re.IGNORECASE,
)
CREATE = (
    "CREATE TABLE IF NOT EXISTS usage (day TEXT NOT NULL, slug TEXT NOT NULL, kind TEXT NOT NULL, "
    "uses INTEGER NOT NULL, PRIMARY KEY (day, slug, kind)) WITHOUT ROWID"
)
ADD = (
    "INSERT INTO usage VALUES (?, ?, ?, ?) "
    "ON CONFLICT (day, slug, kind) DO UPDATE SET uses = uses + excluded.uses"
)
log = structlog.get_logger("moulouya.portal")


@dataclass(frozen=True)
class Summary:
    """The uses of the last ``DAYS`` days: ``uses[slug][kind]``."""

    uses: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def of(self, slug: str, kind: str) -> int:
        """How often one dataset was used in one way."""
        return self.uses.get(slug, {}).get(kind, 0)


class Usage:
    """Counts in memory, and adds them to a small database now and then, from its own thread.

    A request only adds one to a number. Several processes share the database; while it cannot be
    written, what was counted is dropped: no page waits for a figure.
    """

    def __init__(
        self, path: Path, today: Callable[[], dt.date] = lambda: dt.datetime.now(dt.UTC).date()
    ) -> None:
        self.path = path
        self._today = today
        self._waiting: Counter[tuple[str, str, str]] = Counter()
        self._lock = threading.Lock()
        self._summary: Summary | None = None
        self._thread: threading.Thread | None = None
        self._failing = False

    def count(self, slug: str, kind: str) -> None:
        """One use of a dataset, today."""
        with self._lock:
            if len(self._waiting) < MOST_WAITING:
                self._waiting[self._today().isoformat(), slug, kind] += 1
            self._start()

    def summary(self) -> Summary:
        """The uses of the last days, at most a minute old; the first call reads the database."""
        with self._lock:
            self._start()
        if self._summary is None:
            self.refresh()
        return self._summary or Summary()

    def most_used(self, limit: int = 10) -> list[str]:
        """The datasets whose pages and files were asked for most in the last days, by slug."""
        uses = self.summary().uses
        ranked = sorted(uses, key=lambda slug: (-sum(uses[slug].values()), slug))
        return ranked[:limit]

    def months(self) -> list[tuple[str, str, str, int]]:
        """All that was counted, by month (``2026-11``), dataset and kind."""
        return self._read(
            "SELECT substr(day, 1, 7), slug, kind, sum(uses) FROM usage GROUP BY 1, 2, 3 "
            "ORDER BY 1 DESC, 2, 3"
        )

    def refresh(self) -> None:
        """Read the figures of the last days anew."""
        since = (self._today() - dt.timedelta(days=DAYS)).isoformat()
        uses: dict[str, dict[str, int]] = {}
        query = "SELECT slug, kind, sum(uses) FROM usage WHERE day > ? GROUP BY 1, 2"
        for slug, kind, number in self._read(query, since):
            uses.setdefault(slug, {})[kind] = number
        self._summary = Summary(uses)

    def flush(self) -> None:
        """Add what was counted to the database; drop it where that is not possible now."""
        with self._lock:
            counted, self._waiting = self._waiting, Counter()
        if not counted:
            return
        rows = [(*key, number) for key, number in sorted(counted.items())]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=LOCKED_SECONDS)) as con, con:
                con.execute("PRAGMA journal_mode = WAL")
                con.execute(CREATE)
                con.executemany(ADD, rows)
            self._failing = False
        except (sqlite3.Error, OSError) as error:
            if not self._failing:
                log.warning("uses are not counted for now", path=str(self.path), error=str(error))
            self._failing = True

    def _read(self, query: str, *values: str) -> list[Any]:
        if not self.path.exists():
            return []
        try:
            uri = f"{self.path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, timeout=LOCKED_SECONDS, uri=True)) as con:
                return con.execute(query, values).fetchall()
        except sqlite3.Error as error:
            log.warning("uses cannot be read", path=str(self.path), error=str(error))
            return []

    def _start(self) -> None:
        """Start the thread at the first use: after a server has forked, never before."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="usage", daemon=True)
            self._thread.start()
            atexit.register(self.flush)

    def _work(self) -> None:
        pause = threading.Event()
        rounds = 0
        while not pause.wait(FLUSH_SECONDS):
            rounds += 1
            self.flush()
            if rounds % (REFRESH_SECONDS // FLUSH_SECONDS) == 0:
                self.refresh()


class Counting:
    """Counts what was answered, whether it was made now or remembered.

    A page or feed counts when it is sent or found unchanged; a download when its first byte is
    sent, so that a download resumed and a file read piece by piece by a program count once.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count its answer."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                _count(scope, message)

        await self.app(scope, receive, counted)


def _count(scope: Scope, started: Message) -> None:
    headers = Headers(raw=started["headers"])
    status = started["status"]
    state = scope["app"].state
    served = state.current.served
    if served is None or status not in (200, 206, 304):
        return
    found = what(scope["path"], served.datasets)
    if found is None or not may_be_counted(Headers(scope=scope)):
        return
    slug, kind = found
    whole = status == 200 or (
        status == 206 and headers.get("content-range", "").startswith("bytes 0-")
    )
    if whole or (status == 304 and kind != "download"):
        state.usage.count(slug, kind)


def what(path: str, datasets: Mapping[str, object]) -> tuple[str, str] | None:
    """Which published dataset an address is about, and the kind of use; None for neither."""
    if path.startswith(API):
        slug = next((part for part in path.split("/")[2:] if part in datasets), None)
        return (slug, "api") if slug else None
    for kind, address in ADDRESSES:
        found = address.fullmatch(path)
        if found is not None:
            return (found[1], kind) if found[1] in datasets else None
    return None


def may_be_counted(asked: Headers) -> bool:
    """False for crawlers, and for browsers that ask not to be followed (DNT, GPC)."""
    if asked.get("dnt") == "1" or asked.get("sec-gpc") == "1":
        return False
    return CRAWLERS.search(asked.get("user-agent", "")[:500]) is None
