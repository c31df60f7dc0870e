"""Entities of an NGSI-LD context broker, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moulouya import web
from moulouya.definition import NgsiLdSource
from moulouya.errors import SourceError
from moulouya.sources.delivery import Delivery, Request
from moulouya.sources.paging import Call, Page, collect, delivery, glance
from moulouya.sources.templates import filled

CONTEXT = 'rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
TOTAL = "ngsild-results-count"


@dataclass(frozen=True)
class _Answer:
    """The entities of a page, and how many the broker says there are in all."""

    entities: list[Any]
    total: int | None


def fetch(source: NgsiLdSource, request: Request) -> Delivery:
    """Pull every entity of the type by limit and offset, as the broker gives it.

    Their number is asked for (count=true, ETSI GS CIM 009, clauses 5.5.9 and 6.3.13) and held
    against what came; a broker that does not tell it is read until two readings agree. Raises
    SourceError, also when there is no entity.
    """
    where = "temporal/entities" if source.temporal else "entities"
    url = f"{str(source.url).rstrip('/')}/{where}"
    params = {
        **filled(source.params, request.interval),
        "type": source.type,
        "count": "true",
        "limit": source.page_size,
    }
    headers = {"Accept": "application/json"}
    if source.context is not None:
        headers["Link"] = f"<{source.context}>; {CONTEXT}"
    if source.tenant is not None:
        headers["NGSILD-Tenant"] = source.tenant
    with web.client(source, request) as client:

        def ask(call: Call, path: Path) -> tuple[web.Response, _Answer]:
            response, document = client.json(
                call.url, path, params=call.params, headers=call.headers
            )
            return response, _Answer(_entities(url, document), _total(response))

        first = Call(url, {**params, "offset": 0}, headers)
        sample, _ = glance(client, request, Call(url, {**params, "offset": 0, "limit": 1}, headers))

        def follow(page: Page) -> Call | None:
            if page.complete or page.count == 0:
                return None
            return Call(url, {**params, "offset": page.seen}, headers)

        pages = collect(
            client,
            request,
            first=first,
            follow=follow,
            records=lambda answer: answer.entities,
            total=lambda answer: answer.total,
            key=lambda entity: entity.get("id"),
            confirm=_total(sample) is None,
            ask=ask,
        )
    if pages.records == 0:
        raise SourceError(
            f"{url} has no entities of type {source.type!r}",
            hint="a short type name is only known with its @context (source.context), and "
            "entities of a tenant only with source.tenant",
        )
    return delivery(pages, state={"records": pages.records})


def _entities(url: str, document: Any) -> list[Any]:
    if not isinstance(document, list) or not all(isinstance(one, dict) for one in document):
        raise SourceError(
            f"{url} answered no list of entities",
            hint="check source.url; options that change the form, such as GeoJSON, are not read",
        )
    return document


def _total(response: web.Response) -> int | None:
    value = response.headers.get(TOTAL, "")
    return int(value) if value.isascii() and value.isdecimal() else None
