"""A dataset of an Opendatasoft portal: one export (Explore v2.1), or pages of records (v1.0)."""

from __future__ import annotations

from typing import Any

from moulouya import web
from moulouya.definition import OpendatasoftSource
from moulouya.definition.sources.portals import EXPORTS
from moulouya.errors import SourceError
from moulouya.sources.answers import refuse_mismatch
from moulouya.sources.delivery import Delivery, Request
from moulouya.sources.paging import Call, Page, answered, collect, delivery

FIRST_VERSION_SIZE = 1000
FIRST_VERSION_LIMIT = 10_000


def fetch(source: OpendatasoftSource, request: Request) -> Delivery | None:
    """Take the export, conditionally, or every page of records; None when nothing is new.

    Raises SourceError, also for a dataset with more records than version 1.0 hands out.
    """
    with web.client(source, request) as client:
        if source.version == "2.1":
            return _export(client, source, request)
        return _records(client, source, request)


def _export(client: web.Client, source: OpendatasoftSource, request: Request) -> Delivery | None:
    name = EXPORTS[source.format]
    base = str(source.url).rstrip("/")
    url = f"{base}/api/explore/v2.1/catalog/datasets/{source.dataset}/exports/{name}"
    params: dict[str, Any] = {"where": source.where, "select": source.select}
    if source.format == "csv":
        # The portals' own default is a semicolon: what is declared is asked for.
        params["delimiter"] = source.dialect.delimiter
    call = Call(url, {key: value for key, value in params.items() if value is not None})
    path = request.folder / f"{source.dataset}.{name}"
    conditional = request.state.get("asked") == call.identity
    response = client.download(url, path, params=call.params, conditional=conditional)
    if response is None:
        return None
    refuse_mismatch(path, source, response.url)
    return answered(path, response, call)


def _records(client: web.Client, source: OpendatasoftSource, request: Request) -> Delivery:
    url = f"{str(source.url).rstrip('/')}/api/records/1.0/search/"
    params: dict[str, Any] = {"dataset": source.dataset, "rows": FIRST_VERSION_SIZE, "start": 0}
    if source.where is not None:
        params["q"] = source.where

    def follow(page: Page) -> Call | None:
        if page.total is not None and page.total > FIRST_VERSION_LIMIT:
            raise SourceError(
                f"{source.dataset} has {page.total} records, and version 1.0 hands out no more "
                f"than {FIRST_VERSION_LIMIT}",
                hint="set source.version to 2.1, which exports all of them",
            )
        if page.complete or page.count == 0:
            return None
        return Call(url, {**params, "start": page.seen})

    pages = collect(
        client,
        request,
        first=Call(url, params),
        follow=follow,
        records=lambda document: _part(url, document, "records", list),
        total=lambda document: _part(url, document, "nhits", int),
        key=lambda record: record.get("recordid"),
        confirm=True,
    )
    return delivery(pages, state={"records": pages.records})


def _part(url: str, document: Any, name: str, kind: type) -> Any:
    found = document.get(name) if isinstance(document, dict) else None
    if isinstance(found, kind):
        return found
    said = document.get("error", document) if isinstance(document, dict) else document
    raise SourceError(
        f"{url} answered without {name!r}: {str(said)[:300]}",
        hint="check source.dataset and source.where",
    )
