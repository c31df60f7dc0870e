"""Any HTTP API, in pages or not; files behind an address; Overpass."""

from __future__ import annotations

import re
from typing import Any, Literal, Self

from pydantic import (
    Field,
    HttpUrl,
    PositiveInt,
    field_validator,
    model_validator,
)

from moulouya.definition import paths, templates
from moulouya.definition.formats import Format
from moulouya.definition.sources.shared import (
    QueryValue,
    WebSource,
)
from moulouya.region import Model


class HttpSource(WebSource):
    """A file behind an http or https address, fetched conditionally (ETag, Last-Modified)."""

    kind: Literal["http"]
    url: HttpUrl
    scraped: bool = Field(
        False, description="true: a page for people, taken only where robots.txt allows it"
    )


class Paging(Model):
    """How an API hands out its pages."""

    style: Literal["none", "page", "offset", "cursor", "next_link"] = "none"
    parameter: str | None = Field(
        None, description="query parameter of page number, offset or cursor; default: its style"
    )
    place: Literal["query", "body"] = Field(
        "query", description="body: the parameters go into the JSON of a POST"
    )
    first: int | None = Field(
        None, ge=0, description="number of the first page (default 1) or first offset (default 0)"
    )
    size_parameter: str | None = Field(None, description="query parameter of the page size")
    size: PositiveInt = Field(1000, description="records a page")
    until: Literal["empty", "short"] = Field(
        "empty",
        description="the last page, where no total is known: one without records, or one with "
        "fewer than size",
    )
    next: str | None = Field(
        None, description="path in the answer to the cursor or next link; a link header is known"
    )
    total: str | None = Field(None, description="path in the answer to the number of all records")
    key: str | None = Field(
        None, description="path in a record to what identifies it, so that none comes twice"
    )
    confirm: bool = Field(
        True,
        description="pages are read until two readings in a row agree, because rows that come "
        "and go between two pages may leave no other trace; false: one reading is enough",
    )
    max_pages: PositiveInt = Field(10_000, description="more pages fail the run")

    @field_validator("next", "total", "key")
    @classmethod
    def _is_path(cls, value: str | None) -> str | None:
        if value is not None:
            paths.parsed(value)
        return value

    @model_validator(mode="after")
    def _says_where_to_go_on(self) -> Self:
        if self.style == "cursor" and self.next is None:
            raise ValueError("style cursor needs `next`, the path to the cursor in the answer")
        if self.next is not None and self.style not in ("cursor", "next_link"):
            raise ValueError(f"`next` says nothing for the style {self.style}")
        if self.until == "short" and self.size_parameter is None:
            raise ValueError("until: short needs `size_parameter`, or the size is not agreed")
        return self


PAGED_FORMATS = ("json", "geojson", "ndjson", "csv", "xml")


class RestSource(WebSource):
    """Any HTTP API that answers JSON, CSV or XML, in pages or not."""

    kind: Literal["rest"]
    url: str = Field(
        pattern=r"^https?://\S+$",
        description="may hold {start}, {end} and {last} like a parameter",
    )
    method: Literal["GET", "POST"] = "GET"
    params: dict[str, QueryValue] = Field(
        default={},
        description="query parameters; {start:%Y-%m-%d} and {end:…} are the data interval's, "
        "{last:…} is the last moment in it, for APIs whose range includes its last day",
    )
    body: dict[str, Any] | str | None = Field(
        None, description="of a POST: JSON, or text as it is; may hold {start} like a parameter"
    )
    paging: Paging = Field(default_factory=Paging)
    format: Format = "json"

    @field_validator("url", "params")
    @classmethod
    def _known_places(cls, value: Any) -> Any:
        return templates.check(value)

    @field_validator("body")
    @classmethod
    def _known_places_in_body(cls, value: Any) -> Any:
        return templates.check(value, foreign_braces=True)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.body is not None and self.method != "POST":
            raise ValueError("a `body` is sent by `method: POST`")
        if self.paging.place == "body" and not isinstance(self.body, dict):
            raise ValueError("paging.place: body needs a `body` that is JSON")
        if self.paging.style == "none":
            return self
        if self.format not in PAGED_FORMATS:
            raise ValueError(f"{self.format} does not come in pages: {', '.join(PAGED_FORMATS)} do")
        if self.format in ("json", "geojson"):
            paths.parsed(self.records or "")
        in_answer = [self.paging.next, self.paging.total]
        if self.format in ("csv", "xml", "ndjson") and any(in_answer):
            raise ValueError(f"a {self.format} answer has no path to a cursor, link or total")
        if self.format == "xml" and (self.paging.key or not self.records):
            raise ValueError("pages of XML need `records`, and know no `key`")
        if self.compression != "none" or self.archive is not None:
            raise ValueError("pages that are compressed or archives cannot be counted")
        return self


class OverpassSource(WebSource):
    """OpenStreetMap objects that an Overpass query finds."""

    kind: Literal["overpass"]
    url: HttpUrl = Field(HttpUrl("https://overpass-api.de/api/interpreter"))
    query: str = Field(
        min_length=1,
        description="Overpass QL; [out:json] and [timeout:…] are put before it",
    )
    timeout: PositiveInt = Field(180, le=3600, description="seconds that the server may take")
    format: Literal["json"] = "json"
    records: str | None = "elements"

    @field_validator("query")
    @classmethod
    def _answers_json(cls, value: str) -> str:
        said = re.match(r"\s*(?:\[[^\]]*\]\s*)*?\[\s*out\s*:\s*(\w+)", value)
        if said is not None and said[1] != "json":
            raise ValueError(f"[out:{said[1]}] is not read: leave it out, or write [out:json]")
        return value
