"""Which of two deliveries of a dataset is the newer one, whatever the order in which they come.

Data intervals decide; between deliveries that have none, the sequence in which they were kept. The
time at which a delivery came counts in one case only: where one of the two has an interval and the
other has not. It is not believed where it contradicts the sequence, so that a clock that was wrong
does not hold up what comes after.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moulouya.ledger import stamp
from moulouya.snapshots import Interval, Snapshot
from moulouya.storage.files import checked_json, read_json
from moulouya.storage.lake import Lake
from moulouya.versions import Version


@dataclass(frozen=True)
class Place:
    """Where a delivery stands: its number, when it came, and the data interval it is about."""

    snapshot: int
    retrieved: dt.datetime
    interval: Interval | None

    @property
    def until(self) -> dt.datetime | None:
        """The end of the data interval, where there is one."""
        return self.interval[1] if self.interval else None


def interval_of(record: Mapping[str, Any] | None) -> Interval | None:
    """The data interval as a record keeps it, or None."""
    if not record or not record.get("start"):
        return None
    start, end = (dt.datetime.fromisoformat(record[name]) for name in ("start", "end"))
    return start, end


def of_delivery(snapshot: Snapshot, interval: Interval | None = None) -> Place:
    """Where a delivery stands; ``interval`` is that of the run that asked for it again."""
    retrieved = dt.datetime.fromisoformat(snapshot.retrieved)
    return Place(snapshot.number, retrieved, interval or interval_of(snapshot.interval))


def of_version(lake: Lake, version: Version) -> Place | None:
    """Where a version stands; what a later delivery confirmed is as new as that one.

    None for a derived version, which is as new as its inputs.
    """
    if not version.record["snapshots"]:
        return None
    last = version.record["snapshots"][-1]
    retrieved = dt.datetime.fromisoformat(last["retrieved"])
    place = Place(last["number"], retrieved, interval_of(version.record["interval"]))
    noted = _noted(lake, version)
    if noted is None:
        return place
    intervals = [one for one in (place.interval, noted.interval) if one is not None]
    newest = max(intervals, key=lambda one: one[1], default=None)
    return Place(max(place.snapshot, noted.snapshot), noted.retrieved, newest)


def confirm(lake: Lake, standing: Version, place: Place) -> None:
    """Note that a newer delivery says the same as the standing version.

    Without it, a late delivery from between the two would replace what the newer one confirmed.
    """
    known = of_version(lake, standing)
    if known is None or is_older(place, known):
        return
    if place.snapshot <= known.snapshot and place.interval in (None, known.interval):
        return
    start, end = place.interval or (None, None)
    record = {
        "format": 1,
        "version": standing.number,
        "snapshot": max(place.snapshot, known.snapshot),
        "retrieved": stamp(place.retrieved),
        "interval": {"start": stamp(start), "end": stamp(end)} if start and end else None,
    }
    lake.write(lake.versions(standing.slug) / "confirmed.json", checked_json(record))


def _noted(lake: Lake, version: Version) -> Place | None:
    path = lake.versions(version.slug) / "confirmed.json"
    record = read_json(path) if path.exists() else {}
    if record.get("version") != version.number:
        return None
    retrieved = dt.datetime.fromisoformat(record["retrieved"])
    return Place(record["snapshot"], retrieved, interval_of(record["interval"]))


def is_older(place: Place, standing: Place) -> bool:
    """Whether a delivery is about an earlier time than another one."""
    if place.until is not None and standing.until is not None:
        return place.until < standing.until
    if place.until is not None and standing.retrieved <= place.retrieved:
        return place.until < standing.retrieved
    return place.snapshot < standing.snapshot


def late_interval(lake: Lake, standing: Version, place: Place) -> str | None:
    """Why a delivery about an earlier time does not replace the standing version, or None."""
    known = of_version(lake, standing)
    if known is None or place.interval is None or not is_older(place, known):
        return None
    stands = (
        f"of the interval {_told(known.interval)}"
        if known.interval
        else f"of a delivery that came at {stamp(known.retrieved)}"
    )
    return (
        f"version {standing.number} stands, {stands}, which is newer than "
        f"{_told(place.interval)}; to publish the older data all the same: moulouya run "
        f"{standing.slug} --interval {_told(place.interval)} --restate"
    )


def late_delivery(lake: Lake, standing: Version, number: int) -> str | None:
    """Why a delivery that was kept before the standing version's is not published, or None.

    So it is with a run that is tried again after a newer one has published.
    """
    known = of_version(lake, standing)
    if known is None or number >= known.snapshot:
        return None
    return (
        f"version {standing.number} stands, made of delivery {known.snapshot}, which came after "
        f"this run's delivery {number}; to ask the source anew: moulouya run {standing.slug}"
    )


def late_inputs(
    standing: Version, read: Mapping[str, int], published: Mapping[str, Version]
) -> str | None:
    """Why what was made of older inputs is not published, or None.

    An input that went back to an older version, as after a withdrawal, is no reason.
    """
    for slug, number in read.items():
        newer = standing.record["inputs"].get(slug, number)
        if number < newer and slug in published and number < published[slug].number:
            return (
                f"version {standing.number} stands, made of version {newer} of {slug}, which is "
                f"newer than the version {number} that this run read; to make it anew: moulouya "
                f"run {standing.slug}"
            )
    return None


def _told(interval: Interval) -> str:
    return f"{stamp(interval[0])}/{stamp(interval[1])}"
