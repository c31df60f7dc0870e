"""The parameters of OGC API: declared once for the handlers and for the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from moulouya.portal.api import cql
from moulouya.portal.api.declared import LONGEST_ADDRESS
from moulouya.portal.api.faults import Refused, unknown
from moulouya.portal.ogc import bounds
from moulouya.region import LANGUAGES

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
LIMIT, MOST = 10, 10_000
FURTHEST = 10**15
MOST_WORDS, LONGEST_WORD = 50, 200
_WHOLE = re.compile(r"[0-9]{1,400}", re.ASCII)


@dataclass(frozen=True)
class Parameter:
    """A query parameter; a list of values is one text with commas between them."""

    name: str
    says: str
    schema: Mapping[str, Any]

    @property
    def openapi(self) -> dict[str, Any]:
        """The parameter as OpenAPI 3.0 has it."""
        return {
            "name": self.name,
            "in": "query",
            "required": False,
            "description": self.says,
            # Written out, though it is what OpenAPI takes for granted: clients look for it.
            "style": "form",
            "explode": False,
            "schema": dict(self.schema),
        }


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
                  {"type": "array", "items": {"type": "number"},
                   "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}]}),
        Parameter("bbox-crs", "the reference system of the box",
                  {"type": "string", "enum": [CRS84], "default": CRS84}),
        Parameter("crs", "the reference system of the answer",
                  {"type": "string", "enum": [CRS84], "default": CRS84}),
        Parameter("datetime", "only what falls on a day or time (RFC 3339) or into an interval, "
                  "start/end, of which one side may be open (..)",
                  {"type": "string", "pattern": bounds.TIME}),
        Parameter("q", "words to search for, in any of the languages: with commas between them any "
                  "will do, with spaces they stand side by side",
                  {"type": "array", "maxItems": MOST_WORDS,
                   "items": {"type": "string", "pattern": "^[^,]*$", "maxLength": LONGEST_WORD}}),
        Parameter("ids", "only records with these ids", TEXTS),
        Parameter("type", "only records about resources of these types", TEXTS),
        Parameter("externalIds", "only records with these identifiers, which may begin with a "
                  "scheme and a colon", TEXTS),
        Parameter("sortby", "what to sort by: names of sortables, with a minus the other way round",
                  TEXTS),
        Parameter("filter", "a condition in CQL2 Text over the queryables; a pattern, if there is "
                  "one, tells simple conditions, and more is understood",
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
        found[name] = text
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
    return [one for one in map(str.strip, texts[name].split(",")) if one]


def words(texts: Mapping[str, str]) -> list[str] | None:
    """What ``q`` has between commas; None where it is not given. Raises Refused for too much."""
    found = listed(texts, "q")
    if found is not None and (
        texts["q"].count(",") >= MOST_WORDS or any(len(one) > LONGEST_WORD for one in found)
    ):
        detail = f"q has at most {MOST_WORDS} terms of at most {LONGEST_WORD} characters"
        raise Refused("parameter", detail, parameter="q")
    return found


def order(texts: Mapping[str, str], known: Collection[str]) -> list[tuple[str, bool]]:
    """What ``sortby`` names of the sortables, each with whether it goes downwards."""
    found = []
    for term in texts["sortby"].split(",") if "sortby" in texts else ():
        # A plus that was not encoded is a space.
        name = term.strip().lstrip("+-").strip()
        if name not in known:
            raise unknown("parameter", "sortable", name, list(known), "sortby")
        found.append((name, term.strip().startswith("-")))
    return found
