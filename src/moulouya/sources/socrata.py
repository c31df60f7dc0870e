"""A dataset of a Socrata portal (SODA), paged by its row id."""

from __future__ import annotations

from typing import Any

from moulouya import web
from moulouya.definition import SocrataSource
from moulouya.errors import SourceError
from moulouya.sources.delivery import Delivery, Request
from moulouya.sources.paging import Call, Page, collect, delivery, glance


def fetch(source: SocrataSource, request: Request) -> Delivery:
    """Pull every row in the order of its id, counted by the portal before and after.

    The application token is a header of the definition: ``X-App-Token: env:NAME``. Raises
    SourceError, also when the rows keep changing.
    """
    url = f"{str(source.url).rstrip('/')}/resource/{source.dataset}.json"
    asked = {"$where": source.where} if source.where else {}
    first = {"$order": ":id", **asked, "$limit": source.page_size, "$offset": 0}
    if source.select:
        first["$select"] = source.select
    with web.client(source, request) as client:

        def count() -> int:
            call = Call(url, {"$select": "count(*)", **asked})
            rows = _rows(url, glance(client, request, call)[1])
            said = next(iter(rows[0].values()), None) if len(rows) == 1 else None
            if not isinstance(said, int | str) or not str(said).isdecimal():
                raise SourceError(f"{url} does not say how many rows there are, but {rows}"[:300])
            return int(said)

        def follow(page: Page) -> Call | None:
            if page.complete or page.count == 0:
                return None
            return Call(url, {**page.call.params, "$offset": page.seen})

        pages = collect(
            client,
            request,
            first=Call(url, first),
            follow=follow,
            records=lambda document: _rows(url, document),
            count=count,
            confirm=True,
        )
    return delivery(
        pages,
        source_version=pages.response.headers.get("x-soda2-truth-last-modified"),
        state={"records": pages.records},
    )


def _rows(url: str, document: Any) -> list[Any]:
    if isinstance(document, list):
        return document
    said = document.get("message", document) if isinstance(document, dict) else document
    raise SourceError(
        f"{url} answered with an error: {str(said)[:300]}",
        hint="check source.where and source.select",
    )
