"""The documents of OGC API as pages: the same contents, in the language of the address."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any
from urllib.parse import quote

import duckdb
import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from moulouya.errors import LakeError
from moulouya.portal.api.faults import Refused
from moulouya.portal.languages import N_
from moulouya.portal.ogc import parameters
from moulouya.portal.ogc.answering import Document, Handler, Known, refusal, status_of
from moulouya.portal.ogc.asking import BASE, HTML, Asked, asked
from moulouya.portal.reading import TooSlow
from moulouya.portal.records.making import Busy
from moulouya.portal.records.values import ViewError
from moulouya.portal.rendering import render

MOST_ROWS = 100
LONGEST = 500
Cell = tuple[str, str]


@dataclass(frozen=True)
class Shown:
    """What a page has: where it lies, entries or a table, single facts, and links for programs."""

    title: str
    lead: str = ""
    above: Sequence[Cell] = ()
    entries: Sequence[tuple[str, str, str]] = ()
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()
    ways: Sequence[Cell] = ()
    facts: Sequence[Cell] = ()
    links: Sequence[tuple[str, str, str]] = ()


def as_page(known: Known, handler: Handler) -> Callable[[Request], Response]:
    """A route's function below ``/<language>/ogc``."""

    @wraps(handler)
    def answered(request: Request) -> Response:
        try:
            texts = parameters.given(request, known(request))
            if "limit" in texts:
                texts["limit"] = str(min(parameters.limit(texts), MOST_ROWS))
            this = asked(request, texts)
            found = handler(this)
        except (Refused, ViewError, Busy, TooSlow, LakeError, duckdb.Error) as error:
            refused = refusal(error, request)
            raise HTTPException(status_of(refused), refused.detail) from error
        body = found.body if isinstance(found, Document) else orjson.loads(found.make())
        return render(request, "ogc/document.html", {"shown": shown(this, body)})

    return answered


def shown(asked: Asked, body: Mapping[str, Any]) -> Shown:
    """A document as a page."""
    below = str(asked.request.scope["path"]).partition(BASE)[2].strip("/")
    page = _told(asked, body, below)
    return replace(page, above=_above(asked, below), links=_links(asked, body))


def _told(asked: Asked, body: Mapping[str, Any], below: str) -> Shown:
    text = asked.language.text
    if "openapi" in body:
        return Shown(
            body["info"]["title"],
            entries=[
                (path, "", one["get"]["summary"]) for path, one in body["paths"].items()
            ],
        )  # fmt: skip
    if "collections" in body:
        entries = [
            (one["title"], _page(asked, f"/collections/{one['id']}"), one["description"])
            for one in body["collections"]
        ]
        return Shown(text(N_("Collections")), entries=entries)
    if "features" in body:
        return _features(asked, body, below)
    if body.get("type") == "Feature":
        told = {**body["properties"], "geometry": body["geometry"], "time": body.get("time")}
        title = str(body["properties"].get("title") or body["id"])
        return Shown(title, facts=_facts(told))
    if "$schema" in body:
        heads = [text(N_("Name")), text(N_("Title")), text(N_("Type"))]
        members = body["properties"]
        # A feature in GeoJSON has what the table has one level further down.
        columns = members.get("properties", {}).get("properties") or members
        rows = [
            [(name, ""), (one.get("title", ""), ""),
             (_text(one.get("format") or one.get("type")), "")]
            for name, one in columns.items()
        ]  # fmt: skip
        return Shown(body["title"], heads=heads, rows=rows)
    if "title" not in body:
        return Shown(text(N_("What it keeps to")),
                     entries=[(one, "", "") for one in body["conformsTo"]])  # fmt: skip
    told = {name: one for name, one in body.items() if name not in ("title", "description")}
    return Shown(body["title"], body["description"], entries=_onward(asked, body),
                 facts=_facts(told))  # fmt: skip


def _features(asked: Asked, body: Mapping[str, Any], below: str) -> Shown:
    """A page of features as a table, one of records as a list."""
    text = asked.language.text
    words = {"prev": text(N_("Previous page")), "next": text(N_("Next page"))}
    ways = [
        (words[one["rel"]], _here(asked, one["href"]))
        for one in body["links"]
        if one["rel"] in words
    ]
    name = below.split("/")[1]
    path = f"/collections/{name}/items"
    dataset = asked.catalogue.datasets.get(name)
    if dataset is None:
        entries = [
            (one["properties"]["title"], _page(asked, f"{path}/{one['id']}"),
             one["properties"]["description"])
            for one in body["features"]
        ]  # fmt: skip
        return Shown(text(N_("Datasets")), entries=entries, ways=ways)
    code, columns = asked.language.code, dataset.definition["columns"]
    names = list(body["features"][0]["properties"]) if body["features"] else []
    heads = [text(N_("Identifier")), *(columns[one]["title"][code] for one in names)]
    rows = [
        [
            (str(one["id"]), _page(asked, f"{path}/{quote(str(one['id']), safe='')}")),
            *((_text(one["properties"][each]), "") for each in names),
        ]
        for one in body["features"]
    ]
    return Shown(dataset.definition["title"][code], heads=heads, rows=rows, ways=ways)


def _onward(asked: Asked, body: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The links of the landing page and of a collection that lead to other pages."""
    found: dict[str, str] = {}
    for one in body["links"]:
        own = one["rel"] not in ("self", "alternate")
        if own and one.get("type") != HTML and one["href"].startswith(f"{asked.site}{BASE}/"):
            there = _here(asked, one["href"])
            found.setdefault(there, one.get("title") or one["rel"].rpartition("/")[2])
    return [(title, there, "") for there, title in found.items()]


def _above(asked: Asked, below: str) -> list[Cell]:
    """The way from the beginning down to the page."""
    if not below:
        return []
    found = [("OGC API", _page(asked, ""))]
    parts = below.split("/")[:-1]
    for depth, name in enumerate(parts[:3], start=1):
        found.append((name, _page(asked, "/" + "/".join(parts[:depth]))))
    return found


def _page(asked: Asked, path: str) -> str:
    return f"/{asked.language.code}{BASE}{path}"


def _here(asked: Asked, href: str) -> str:
    """The page of a document."""
    return _page(asked, href.removeprefix(f"{asked.site}{BASE}"))


def _facts(told: Mapping[str, Any]) -> list[Cell]:
    hidden = ("links", "conformsTo")
    return [
        (name, _text(one)) for name, one in told.items() if one is not None and name not in hidden
    ]


def _text(value: Any) -> str:
    """A value as a reader sees it; what has parts, as JSON."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    written = value if isinstance(value, str) else orjson.dumps(value).decode()
    return written if len(written) <= LONGEST else f"{written[:LONGEST]}…"


def _links(asked: Asked, body: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The links for programs, that to the document itself among them."""
    words = {"self": "JSON"}
    return [
        (one.get("title") or words.get(one["rel"]) or one["rel"].rpartition("/")[2],
         one["href"], one.get("type", ""))
        for one in body.get("links", [])
        if one.get("type") != HTML and one["rel"] not in ("alternate", "prev", "next")
    ]  # fmt: skip
