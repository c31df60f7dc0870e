"""The parameters of OGC API: declared once for the handlers and for the OpenAPI document."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from moulouya.portal.api import cql
from moulouya.portal.api.declared import LONGEST_ADDRESS
from moulouya.portal.api.faults import Refused, unknown
from moulouya.portal.records.values import ViewError, sound
from moulouya.region import LANGUAGES

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
LIMIT, MOST = 10, 10_000
FURTHEST = 10**15
MOST_LISTED = 500
_WHOLE = re.compile(r"[0-9]{1,30}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]{1,40}([.][0-9]{0,40})?|[.][0-9]{1,40})([eE][+-]?[0-9]{1,3})?")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?",
    re.ASCII,
)
# The same for the OpenAPI document; how many days a month has is for the handler to know.
_DAY = "(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK = "[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?"
_WHEN = f"{_DAY}({_CLOCK}([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?)?"
_SIDE = f"({_WHEN}|[.][.])?"
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Parameter:
    """A query parameter; a list of values is one text with commas between them."""

    name: str
    says: str
    schema: Mapping[str, Any]

    @property
    def openapi(self) -> dict[str, Any]:
        """The parameter as OpenAPI 3.0 has it."""
        said: dict[str, Any] = {
            "name": self.name,
            "in": "query",
            "required": False,
            "description": self.says,
            "schema": dict(self.schema),
        }
        if self.schema["type"] == "array":
            said |= {"style": "form", "explode": False}
        return said


TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": {"type": "string"}}
WHOLE = {"type": "integer", "minimum": 0}
DECLARED = {
    one.name: one
    for one in (
        Parameter("f", "the format; without it, the header Accept decides",
                  {"type": "string", "enum": ["json", "html"]}),
        Parameter("lang", "the language; without it, the header Accept-Language decides",
                  {"type": "string", "enum": list(LANGUAGES)}),
        Parameter("limit", f"how many items at most; beyond {MOST} it is {MOST}",
                  {"type": "integer", "minimum": 1, "default": LIMIT}),
        Parameter("offset", "how many items are left out at the beginning",
                  {**WHOLE, "default": 0}),
        Parameter("bbox", "only what touches this box: west, south, east, north in degrees; of six "
                  "numbers, the third and the sixth are heights, which are passed over. West is "
                  "larger than east where the box crosses the antimeridian.",
                  {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6}),
        Parameter("bbox-crs", "the reference system of the box",
                  {"type": "string", "enum": [CRS84], "default": CRS84}),
        Parameter("crs", "the reference system of the answer",
                  {"type": "string", "enum": [CRS84], "default": CRS84}),
        Parameter("datetime", "only what falls on a day or time (RFC 3339) or into an interval, "
                  "start/end, of which one side may be open (..)",
                  {"type": "string", "pattern": f"^({_WHEN}|{_SIDE}/{_SIDE})$"}),
        Parameter("q", "words to search for, in any of the languages: with commas between them any "
                  "will do, with spaces they stand side by side", TEXTS),
        Parameter("ids", "only records with these ids", TEXTS),
        Parameter("type", "only records about resources of these types", TEXTS),
        Parameter("externalIds", "only records with these identifiers, which may begin with a "
                  "scheme and a colon", TEXTS),
        Parameter("sortby", "what to sort by: names of sortables, with a minus the other way round",
                  TEXTS),
        Parameter("filter", "a condition in CQL2 Text over the queryables",
                  {"type": "string", "maxLength": cql.LONGEST}),
        Parameter("filter-lang", "the language of the filter",
                  {"type": "string", "enum": ["cql2-text"], "default": "cql2-text"}),
        Parameter("filter-crs", "the reference system of coordinates in the filter",
                  {"type": "string", "enum": [CRS84], "default": CRS84}),
    )
}  # fmt: skip
EVERYWHERE = ("f", "lang")
ITEM = (*EVERYWHERE, "crs")
PAGED = (*ITEM, "limit", "offset", "bbox", "bbox-crs", "datetime")
FILTERED = ("filter", "filter-lang", "filter-crs")
FEATURES = (*PAGED, "sortby", *FILTERED)
# What older clients call ``offset``; whoever reads the OpenAPI document has no need of it.
UNTOLD = ("startindex",)
RESERVED = (*FEATURES, *UNTOLD)
RECORDS = (*PAGED, "q", "ids", "type", "externalIds", "sortby", *FILTERED)


def given(request: Request, known: Collection[str]) -> dict[str, str]:
    """The parameters of a request as they are written; raises Refused for any that is not known."""
    if len(request.url.query) > LONGEST_ADDRESS:
        raise Refused("too-long", f"an address has at most {LONGEST_ADDRESS} characters")
    found: dict[str, str] = {}
    for name, text in request.query_params.multi_items():
        if name not in known:
            raise unknown("parameter", "parameter", name, list(known), name[:100])
        if name in found:
            raise Refused("parameter", f"{name} is given twice", parameter=name)
        try:
            found[name] = text if name == "filter" else sound(name, text)
        except ViewError as error:
            raise Refused("parameter", str(error), parameter=name) from error
        choices = DECLARED[name].schema.get("enum") if name in DECLARED else None
        if choices is not None and text not in choices:
            raise unknown("parameter", f"{name} such as", text, choices, name)
    return found


def limit(texts: Mapping[str, str]) -> int:
    """How many items; what is too many is as many as there can be, as the standard wants."""
    return min(_whole("limit", texts.get("limit", str(LIMIT)), 1), MOST)


def offset(texts: Mapping[str, str]) -> int:
    """How many items come before the page."""
    if "offset" in texts and "startindex" in texts:
        raise Refused("parameter", "offset and startindex do not go together", parameter="offset")
    name = "startindex" if "startindex" in texts else "offset"
    return min(_whole(name, texts.get(name, "0"), 0), FURTHEST)


def _whole(name: str, text: str, least: int) -> int:
    if not _WHOLE.fullmatch(text) or int(text) < least:
        raise Refused("parameter", f"{name} is a whole number from {least} on", parameter=name)
    return int(text)


def listed(texts: Mapping[str, str], name: str) -> list[str] | None:
    """The values between commas; None where the parameter is not given."""
    if name not in texts:
        return None
    values = [one.strip() for one in texts[name].split(",")]
    if len(values) > MOST_LISTED:
        raise Refused("parameter", f"{name} has at most {MOST_LISTED} values", parameter=name)
    return [one for one in values if one]


def order(texts: Mapping[str, str], known: Collection[str]) -> list[tuple[str, bool]]:
    """What ``sortby`` names of the sortables, each with whether it goes downwards."""
    found = []
    for term in listed(texts, "sortby") or []:
        name = term.lstrip("+-").strip()
        if name not in known:
            raise unknown("parameter", "sortable", name, list(known), "sortby")
        found.append((name, term.startswith("-")))
    return found


def boxes(texts: Mapping[str, str]) -> list[Box]:
    """The box as one or, across the antimeridian, two; empty where none is given."""
    if "bbox" not in texts:
        return []
    parts = [one.strip() for one in texts["bbox"].split(",")]
    if len(parts) not in (4, 6) or not all(_NUMBER.fullmatch(one) for one in parts):
        raise _no_box("bbox has four numbers, or six with heights")
    numbers = [float(one) for one in parts]
    if not all(map(math.isfinite, numbers)):
        raise _no_box("these numbers are too large")
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    west, south, east, north = numbers
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise _no_box("longitudes go from -180 to 180 and latitudes from -90 to 90, south first")
    if west <= east:
        return [(west, south, east, north)]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]


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
    asked = Period(first.start if first else None, last.end if last else None)
    if asked.start is not None and asked.end is not None and asked.start > asked.end:
        raise Refused("parameter", "datetime: the end is before the start", parameter="datetime")
    return asked


def span(text: str) -> Period:
    """A moment, or a whole day, as a period; raises Refused."""
    if not _MOMENT.fullmatch(text):
        raise _no_time(text)
    try:
        if len(text) == 10:
            day = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
            return Period(day, day + dt.timedelta(days=1, microseconds=-1))
        moment = dt.datetime.fromisoformat(text.upper())
        moment = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment
        moment = moment.astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise _no_time(text) from error
    return Period(moment, moment)


def _no_time(text: str) -> Refused:
    return Refused(
        "parameter", f"datetime: {text[:60]!r} is no day, no time and no interval",
        "write 2024-09-01, 2024-09-01T08:00:00Z, 2024-09-01/2024-09-30 or 2024-09-01/..",
        parameter="datetime",
    )  # fmt: skip
