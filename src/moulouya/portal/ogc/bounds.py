"""The box and the time that a request asks for, as ``bbox`` and ``datetime`` write them.

Whatever the OpenAPI document lets a client write is understood: corners and ends in either order,
longitudes beyond 180 (maps that go on around the earth send them), the year 0000.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from moulouya.portal.api.faults import Refused

Box = tuple[float, float, float, float]
NUMBER = re.compile(r"[+-]?([0-9]{1,400}([.][0-9]{0,400})?|[.][0-9]{1,400})([eE][+-]?[0-9]{1,3})?")
# Days as there are in the calendar, the 29th of February only in leap years: for the OpenAPI
# document, whose patterns have no other way of saying it, and for the reader below.
_DAY = (
    "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    "|02-(0[1-9]|1[0-9]|2[0-8]))"
    "|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)"
)
_CLOCK = "[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)([.][0-9]+)?"
MOMENT = f"{_DAY}({_CLOCK}([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?)?"
_SIDE = f"({MOMENT}|[.][.])?"
TIME = f"^({MOMENT}|{_SIDE}/{_SIDE})$"
INSTANT = re.compile(MOMENT, re.ASCII)
_FIRST = dt.datetime.min.replace(tzinfo=dt.UTC)
_LAST = dt.datetime.max.replace(tzinfo=dt.UTC)


def boxes(texts: Mapping[str, str]) -> list[Box]:
    """The box as one or, across the antimeridian, two; empty where none is given."""
    if "bbox" not in texts:
        return []
    parts = [one.strip() for one in texts["bbox"].split(",")]
    if len(parts) not in (4, 6) or not all(NUMBER.fullmatch(one) for one in parts):
        raise _no_box("bbox has four numbers, or six with heights")
    numbers = [float(one) for one in parts]
    if not all(map(math.isfinite, numbers)):
        raise _no_box("these numbers are too large")
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    west, east = _around(numbers[0], numbers[2])
    south, north = (max(-90.0, min(90.0, one)) for one in sorted((numbers[1], numbers[3])))
    if west <= east:
        return [(west, south, east, north)]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]


def _around(west: float, east: float) -> tuple[float, float]:
    """Both longitudes between -180 and 180; all of them where the box goes around the earth."""
    if -180 <= west <= 180 and -180 <= east <= 180:
        return west, east
    if east - west >= 360:
        return -180.0, 180.0
    return _turned(west), _turned(east)


def _turned(longitude: float) -> float:
    if -180 <= longitude <= 180:
        return longitude
    return math.fmod(math.fmod(longitude + 180, 360) + 360, 360) - 180


def _no_box(detail: str) -> Refused:
    return Refused("parameter", f"bbox: {detail}", "write bbox=west,south,east,north",
                   parameter="bbox")  # fmt: skip


@dataclass(frozen=True)
class Period:
    """From one moment to another (UTC), both included; None where it is open."""

    start: dt.datetime | None
    end: dt.datetime | None

    def meets(self, other: Period) -> bool:
        """True where two periods have a moment in common."""
        begins = self.start is None or other.end is None or self.start <= other.end
        ends = self.end is None or other.start is None or other.start <= self.end
        return begins and ends


def period(texts: Mapping[str, str]) -> Period | None:
    """What ``datetime`` says; None where it is not given."""
    if "datetime" not in texts:
        return None
    sides = texts["datetime"].strip().split("/")
    if len(sides) > 2 or sides == [""]:
        raise _no_time(texts["datetime"])
    found = [None if side in ("", "..") and len(sides) == 2 else span(side) for side in sides]
    first, last = found[0], found[-1]
    if first and last and (first.start or _FIRST) > (last.end or _LAST):
        first, last = last, first
    return Period(first.start if first else None, last.end if last else None)


def span(text: str) -> Period:
    """A moment, or a whole day, as a period; raises Refused.

    What lies before the year 1 or after 9999 is the first or the last moment that there is.
    """
    if not INSTANT.fullmatch(text):
        raise _no_time(text)
    if text.startswith("0000"):
        return Period(_FIRST, _FIRST)
    if len(text) == 10:
        day = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
        # Reckoned within the day: the last one has no next.
        return Period(day, day.replace(hour=23, minute=59, second=59, microsecond=999_999))
    # A leap second is the one before it.
    moment = dt.datetime.fromisoformat(f"{text[:16]}{text[16:].replace(':60', ':59', 1)}".upper())
    moment = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment
    try:
        moment = moment.astimezone(dt.UTC)
    except OverflowError:
        moment = _FIRST if moment.year == 1 else _LAST
    return Period(moment, moment)


def _no_time(text: str) -> Refused:
    return Refused(
        "parameter", f"datetime: {text[:60]!r} is no day, no time and no interval",
        "write 2024-09-01, 2024-09-01T08:00:00Z, 2024-09-01/2024-09-30 or 2024-09-01/..",
        parameter="datetime",
    )  # fmt: skip
