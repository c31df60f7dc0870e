"""Answers of OGC API: JSON, or the way to the page of the same; mistakes as problem details.

The problems have the members of RFC 9457 and those of the exceptions of OGC API Features 1.0.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import quote, urlencode

import duckdb
import orjson
import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moulouya.errors import LakeError
from moulouya.portal.answers import answer
from moulouya.portal.api.answering import ALLOWED, NARROWER, preflight, tagged
from moulouya.portal.api.faults import RETRY_SECONDS, Refused
from moulouya.portal.ogc import parameters
from moulouya.portal.ogc.asking import BASE, GEOJSON, Asked, asked, wants_page
from moulouya.portal.reading import TooSlow
from moulouya.portal.records.making import Busy
from moulouya.portal.records.values import ViewError

# Answers differ by headers that pages kept in memory are not told apart by.
CACHE = "public, max-age=60"
VARY = "Accept, Accept-Encoding, Accept-Language"


@dataclass(frozen=True)
class Document:
    """An answer as an object of JSON."""

    body: dict[str, Any]
    media: str


@dataclass(frozen=True)
class Stream:
    """An answer that is known by its tag before it is made."""

    tag: str
    make: Callable[[], bytes]
    media: str


Handler = Callable[[Asked], Document | Stream]
Known = Callable[[Request], Collection[str]]
log = structlog.get_logger("moulouya.portal")


def as_json(known: Known, handler: Handler) -> Callable[[Request], Response]:
    """A route's function below ``/ogc``; ``known`` names the parameters that it takes."""

    @wraps(handler)
    def answered(request: Request) -> Response:
        if request.method == "OPTIONS":
            return preflight()
        try:
            texts = parameters.given(request, known(request))
            this = asked(request, texts)
            page = wants_page(request, texts)
            # Browsers are told of a mistake by the page.
            if page and "f" not in texts:
                return _to_page(this)
            found = handler(this)
            if page:
                return _to_page(this)
            if isinstance(found, Stream):
                made = tagged(request, found.tag, found.media, lambda: (found.make(), ""), CACHE)
                made.headers.update({"Vary": VARY, **_system(found.media)})
                return made
            headers = {
                **ALLOWED,
                **_system(found.media),
                "Content-Language": this.language.code,
                "Vary": VARY,
            }
            body = orjson.dumps(found.body)
            return answer(request, body, found.media, cache=CACHE, headers=headers)
        except (Refused, ViewError, Busy, TooSlow, LakeError, duckdb.Error) as error:
            return problem(refusal(error, request))

    return answered


def _system(media: str) -> dict[str, str]:
    """The header that names the reference system of coordinates."""
    return {"Content-Crs": f"<{parameters.CRS84}>"} if media == GEOJSON else {}


def _to_page(this: Asked) -> Response:
    """The way to the page of a document, which has the language in its path."""
    query = {name: text for name, text in this.given.items() if name not in ("f", "lang")}
    below = str(this.request.scope["path"]).removeprefix(BASE).rstrip("/")
    there = f"/{this.language.code}{BASE}{quote(below)}{'?' if query else ''}{urlencode(query)}"
    return RedirectResponse(there, 303, {**ALLOWED, "Cache-Control": CACHE, "Vary": VARY})


def refusal(error: Exception, request: Request) -> Refused:
    """Any of the errors of a request as a refusal."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, ViewError):
        return Refused("parameter", str(error), parameter=error.parameter)
    if isinstance(error, Busy):
        return Refused("busy", "too many questions are being answered at once",
                       "try again in a few seconds")  # fmt: skip
    if isinstance(error, TooSlow):
        return Refused("too-slow", f"it was {error}", NARROWER)
    if isinstance(error, duckdb.OutOfRangeException | duckdb.ConversionException):
        return Refused("values", "a number grew too large for its type")
    log.error("features not read", path=request.url.path, reason=str(error))
    return Refused("unavailable", "the table cannot be read at the moment")


def status_of(refused: Refused) -> int:
    """The status of a refusal: 400 for whatever is wrong with a request, as OGC API wants."""
    return refused.status if refused.status in (404, 410) or refused.status >= 500 else 400


def problem(refused: Refused) -> Response:
    """A refusal as an answer."""
    status = status_of(refused)
    body = {
        **refused.to_json(),
        "status": status,
        "code": refused.kind,
        "description": refused.detail,
    }
    headers = {**ALLOWED, "Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = str(RETRY_SECONDS)
    return Response(orjson.dumps(body), status, headers, "application/problem+json")
