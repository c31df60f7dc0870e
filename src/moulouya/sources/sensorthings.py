"""Entities of an OGC SensorThings service, page by page."""

from __future__ import annotations

from itertools import count
from typing import Any

from moulouya import web
from moulouya.definition import SensorThingsSource
from moulouya.errors import SourceError
from moulouya.sources.delivery import Delivery, Request
from moulouya.sources.paging import Call, Page, collect, delivery, glance, linked
from moulouya.sources.templates import filled

MORE = "@iot.nextLink"


def fetch(source: SensorThingsSource, request: Request) -> Delivery:
    """Pull every entity that the path and filters lead to, in the order of the ids.

    Pages follow @iot.nextLink within the origin, and are held against @iot.count (OGC 18-088,
    section 9.3.3.5 and 9.3.3.1); a service that does not count is read until two readings agree.
    Raises SourceError, also for an expanded collection that was cut off, and when there is no
    entity.
    """
    url = f"{str(source.url).rstrip('/')}/{source.entities.strip('/')}"
    params = {"$orderby": "id", **filled(source.params, request.interval), "$count": "true"}
    with web.client(source, request) as client:
        _, sample = glance(client, request, Call(url, {**params, "$top": 1}))
        _entities(url, sample)

        def follow(page: Page) -> Call | None:
            link = page.document.get(MORE)
            return None if not link else linked(client, page, str(link))

        anonymous = count()  # entities whose id $select leaves out are all different ones
        pages = collect(
            client,
            request,
            first=Call(url, {**params, "$top": source.page_size}),
            follow=follow,
            records=lambda document: _entities(url, document),
            total=_total,
            key=lambda entity: entity.get("@iot.id", ("no id", next(anonymous))),
            confirm=_total(sample) is None,
        )
    if pages.records == 0:
        raise SourceError(
            f"{url} has no entities" + (" for this filter" if "$filter" in params else ""),
            hint="sensors may be silent; check source.entities and source.params",
        )
    return delivery(pages, state={"records": pages.records})


def _entities(url: str, document: Any) -> list[Any]:
    entities = document.get("value") if isinstance(document, dict) else None
    if not isinstance(entities, list):
        raise SourceError(
            f"{url} answered no list of entities",
            hint="source.entities leads to a collection, such as Datastreams(1)/Observations",
        )
    for entity in entities:
        if not isinstance(entity, dict):
            raise SourceError(f"{url} answered {type(entity).__name__} where an entity belongs")
        cut = _cut_off(entity)
        if cut is not None:
            raise SourceError(
                f"{url} sends only the first {cut} of an entity",
                hint=f"ask for {cut} themselves, and $expand what they belong to",
            )
    return entities


def _cut_off(value: Any) -> str | None:
    """The name of an expanded collection inside an entity that goes on elsewhere."""
    if isinstance(value, list):
        return next(filter(None, map(_cut_off, value)), None)
    if not isinstance(value, dict):
        return None
    for name, inside in value.items():
        if name.endswith(MORE) and inside:
            return str(name.removesuffix(MORE))
        found = _cut_off(inside)
        if found is not None:
            return found
    return None


def _total(document: Any) -> int | None:
    total = document.get("@iot.count")
    return total if isinstance(total, int) else None
