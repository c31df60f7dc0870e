"""How fresh a dataset is: when it was looked at, when it will be again, and whether it is late."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import structlog
from pydantic import TypeAdapter

from moulouya import ledger
from moulouya.errors import MoulouyaError
from moulouya.portal.published import Catalogue, PublishedDataset, Record, moment
from moulouya.storage.lake import Lake

LOOK_AGAIN = 60.0
MOST_RECORDS = 5000
_DURATION: TypeAdapter[dt.timedelta] = TypeAdapter(dt.timedelta)
log = structlog.get_logger("moulouya.portal")


@dataclass(frozen=True)
class Look:
    """The runs of one dataset: the last one's end and outcome, and the last good one's end.

    ``code`` is that of the error which the last one ended with, empty without one.
    """

    ended: dt.datetime
    outcome: str
    good: dt.datetime | None
    code: str = ""


@dataclass(frozen=True)
class Freshness:
    """What the page says about time; ``late_since`` is set when the dataset is overdue.

    ``tried`` is the end of the last run, ``code`` that of its error; both may be unknown.
    """

    published: dt.datetime
    looked: dt.datetime
    every: dt.timedelta | None
    next_look: dt.datetime | None
    late_since: dt.datetime | None
    follows: bool
    outcome: str | None
    tried: dt.datetime | None = None
    code: str = ""

    @property
    def waiting(self) -> bool:
        """True when a newer delivery came but was not published."""
        return self.outcome in ("held", "failed")


def freshness(dataset: PublishedDataset, look: Look | None, now: dt.datetime) -> Freshness:
    """Compare the last good look with the refresh rule of the dataset's definition."""
    refresh = dataset.definition.get("refresh") or {}
    every = _duration(refresh.get("every"))
    limit = _duration(refresh.get("stale_after")) or (every * 3 if every else None)
    retrieved = [moment(taken["retrieved"]) for taken in dataset.record.get("snapshots", [])]
    looked = max([dataset.created, *retrieved])
    if look is not None and look.good is not None:
        looked = max(looked, look.good)
    next_look = looked + every if every else None
    late_since = looked + limit if limit and looked + limit < now else None
    return Freshness(
        published=dataset.created,
        looked=looked,
        every=every,
        next_look=next_look if next_look and next_look > now else None,
        late_since=late_since,
        follows=dataset.definition.get("source") is None,
        outcome=look.outcome if look is not None else None,
        tried=look.ended if look is not None else None,
        code=look.code if look is not None else "",
    )


def _duration(value: object) -> dt.timedelta | None:
    return _DURATION.validate_python(value) if value else None


class Looks:
    """The latest runs by slug, read from the ledger in the background once a minute."""

    def __init__(self, lake: Lake, clock: Callable[[], float] = time.monotonic) -> None:
        self._lake = lake
        self._clock = clock
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._next = 0.0
        self._looks: Mapping[str, Look] | None = None

    def known(self, catalogue: Catalogue) -> Mapping[str, Look]:
        """Looks by slug. Only the first call waits for the ledger to be read."""
        with self._lock:
            if self._clock() >= self._next:
                self._next = self._clock() + LOOK_AGAIN
                reading = self._thread.submit(self._read, set(catalogue.datasets))
                if self._looks is None:
                    reading.result()
        return self._looks or {}

    def _read(self, slugs: set[str]) -> None:
        try:
            self._looks = last_looks(ledger.records(self._lake), slugs)
        except (OSError, ValueError, KeyError, MoulouyaError) as error:
            log.warning("ledger not readable", reason=str(error))
            self._looks = self._looks or {}


def last_looks(records: Iterable[Record], slugs: set[str]) -> dict[str, Look]:
    """The last run and the last good run of each slug, from records in any order of a day."""
    ends: dict[str, tuple[dt.datetime, str, str]] = {}
    good: dict[str, dt.datetime] = {}
    day = ""
    for record in islice(records, MOST_RECORDS):
        if record["started"][:10] != day:
            if slugs <= good.keys():
                break
            day = record["started"][:10]
        slug, ended = record["slug"], moment(record["ended"])
        if slug not in ends or ended > ends[slug][0]:
            ends[slug] = (ended, record["outcome"], (record.get("error") or {}).get("code", ""))
        if record["outcome"] in ("published", "unchanged"):
            good[slug] = max(ended, good.get(slug, ended))
    return {
        slug: Look(ended, outcome, good.get(slug), code)
        for slug, (ended, outcome, code) in ends.items()
    }
