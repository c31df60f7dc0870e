"""Indicators of the World Bank: answers of the form ``[about, rows]``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from moulouya import web
from moulouya.definition import WorldBankSource
from moulouya.errors import SourceError
from moulouya.sources.delivery import Delivery, Request
from moulouya.sources.paging import Call, Drift, Page, Pages, collect, delivery, glance


def fetch(source: WorldBankSource, request: Request) -> Delivery | None:
    """Pull every indicator, one after the other, for all countries at once.

    None when the bank says of every indicator that neither its date of update nor its number of
    rows changed. Raises SourceError, also for messages that the bank sends with status 200 and
    for an indicator without any row, which is most often one that was withdrawn.
    """
    with web.client(source, request) as client:
        if _nothing_new(client, source, request):
            return None
        pulls: list[Pages] = []
        listing: dict[str, list[Any]] = {}
        for indicator in source.indicators:
            start = 1 + sum(len(pages.members) for pages in pulls)
            pages, updated = _indicator(client, source, request, indicator, start)
            pulls.append(pages)
            listing[indicator] = [updated, pages.records]
    members = tuple(member for pages in pulls for member in pages.members)
    versions = sorted({str(updated) for updated, _ in listing.values() if updated})
    return delivery(
        replace(pulls[0], members=members),
        source_version=versions[-1] if versions else None,
        state={"asked": _asked(source), "listing": listing},
    )


def _indicator(
    client: web.Client, source: WorldBankSource, request: Request, indicator: str, start: int
) -> tuple[Pages, str | None]:
    updated: list[Any] = []

    def rows(document: Any) -> list[Any]:
        about, found = _parts(indicator, document)
        updated.append(about.get("lastupdated"))
        if len(updated) > 1 and updated[-1] != updated[-2]:
            raise Drift(f"{indicator} was updated on {updated[-1]}, before {updated[-2]}")
        return found

    def follow(page: Page) -> Call | None:
        about, _ = _parts(indicator, page.document)
        if page.number >= _number(indicator, about, "pages"):
            return None
        return replace(page.call, params={**page.call.params, "page": page.number + 1})

    pages = collect(
        client,
        request,
        first=_call(source, indicator, source.page_size),
        follow=follow,
        records=rows,
        total=lambda document: _number(indicator, _parts(indicator, document)[0], "total"),
        key=_key,
        start=start,
    )
    if pages.records == 0:
        raise SourceError(
            f"the World Bank has no row of {indicator} for {', '.join(source.countries)}",
            hint="check source.indicators, source.countries and source.date",
        )
    return pages, updated[-1]


def _nothing_new(client: web.Client, source: WorldBankSource, request: Request) -> bool:
    listing = request.state.get("listing", {})
    if request.state.get("asked") != _asked(source) or set(listing) != set(source.indicators):
        return False
    for indicator in source.indicators:
        _, document = glance(client, request, _call(source, indicator, 1))
        about, _ = _parts(indicator, document)
        updated = about.get("lastupdated")
        if updated is None or listing[indicator] != [updated, _number(indicator, about, "total")]:
            return False
    return True


def _call(source: WorldBankSource, indicator: str, size: int) -> Call:
    countries = ";".join(source.countries)
    params: dict[str, Any] = {"format": "json", "per_page": size, "page": 1}
    if source.date is not None:
        params["date"] = source.date
    base = str(source.url).rstrip("/")
    return Call(f"{base}/country/{countries}/indicator/{indicator}", params)


def _asked(source: WorldBankSource) -> str:
    return _call(source, ";".join(source.indicators), source.page_size).identity


def _parts(indicator: str, document: Any) -> tuple[dict[str, Any], list[Any]]:
    """What the bank says about the rows, and the rows."""
    about = document[0] if isinstance(document, list) and document else None
    if isinstance(about, dict) and "message" in about:
        said = "; ".join(
            f"{each.get('key', '')}: {each.get('value', '')}".strip(": ")
            for each in about["message"]
            if isinstance(each, dict)
        )
        raise SourceError(
            f"the World Bank refuses {indicator}: {said or about['message']}",
            hint="check source.indicators and source.countries",
        )
    rows = document[1] if isinstance(document, list) and len(document) == 2 else ()
    if not isinstance(about, dict) or not (rows is None or isinstance(rows, list)):
        raise SourceError(f"the answer for {indicator} is not of the form [about, rows]")
    return about, rows or []


def _number(indicator: str, about: dict[str, Any], name: str) -> int:
    said = about.get(name)
    try:
        return int(said)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise SourceError(
            f"the answer for {indicator} has no number {name!r} but {said!r}"
        ) from error


def _key(row: Any) -> Any:
    country = row.get("country") or {}
    return [
        (row.get("indicator") or {}).get("id"),
        country.get("id"),
        row.get("countryiso3code"),
        row.get("date"),
    ]
