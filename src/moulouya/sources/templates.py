"""Texts of a definition with the run's data interval filled in."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from moulouya.definition.templates import NAMES, PLACE, texts, written
from moulouya.errors import SourceError

Interval = tuple[dt.datetime, dt.datetime] | None


def filled(value: Any, interval: Interval) -> Any:
    """The value with {start}, {end} and {last} replaced in every text of it.

    The interval ends before ``end``; ``last`` is the last moment in it, for APIs whose range
    includes its last day. A format follows a colon, as in {start:%Y-%m-%d}. Braces around other
    names stay as they are. Raises SourceError when there is a place and no interval.
    """
    if isinstance(value, str):
        return PLACE.sub(lambda place: _moment(place, interval), value)
    if isinstance(value, dict):
        return {name: filled(part, interval) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [filled(part, interval) for part in value]
    return value


def has_places(value: Any) -> bool:
    """Whether the data interval is asked for anywhere in the value."""
    return any(place["name"] in NAMES for text in texts(value) for place in PLACE.finditer(text))


def _moment(place: re.Match[str], interval: Interval) -> str:
    if place["name"] not in NAMES:
        return place[0]
    if interval is None:
        raise SourceError(
            f"{place[0]} in the definition needs a data interval, and this run has none",
            hint="give the dataset a `refresh` that is a cron or a period, or run it with an "
            "interval",
        )
    start, end = (moment.astimezone(dt.UTC) for moment in interval)
    last = max(start, end - dt.timedelta(microseconds=1))
    return written({"start": start, "end": end, "last": last}[place["name"]], place["format"])
