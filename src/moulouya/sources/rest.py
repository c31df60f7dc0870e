"""Any HTTP API that answers JSON, CSV or XML, whole or in pages."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moulouya import web
from moulouya.definition import Paging, RestSource, paths
from moulouya.errors import SourceError
from moulouya.sources.answers import Answers, refuse_mismatch
from moulouya.sources.delivery import Delivery, Request
from moulouya.sources.paging import Call, Page, answered, collect, delivery, linked
from moulouya.sources.templates import filled

JSON = ("json", "geojson")


def fetch(source: RestSource, request: Request) -> Delivery | None:
    """Ask once, conditionally, or follow the pages to the last; None when nothing is new.

    The answer of a single request keeps its ETag or date for the next one of the same address,
    parameters and body. Raises SourceError, also for a ``total`` that the rows do not reach and
    pages that keep changing.
    """
    call = Call(
        url=filled(source.url, request.interval),
        params=filled(source.params, request.interval),
        method=source.method,
        body=filled(source.body, request.interval),
    )
    with web.client(source, request) as client:
        if source.paging.style == "none":
            return _whole(client, source, request, call)
        return _paged(client, source, request, call)


def _whole(client: web.Client, source: RestSource, request: Request, call: Call) -> Delivery | None:
    answers = Answers(source)
    path = request.folder / f"answer{answers.suffix}"
    response = client.download(
        call.url,
        path,
        method=call.method,
        params=call.params,
        body=call.body,
        # An ETag is one address's: the next interval asks another one.
        conditional=source.method == "GET" and request.state.get("asked") == call.identity,
    )
    if response is None:
        return None
    refuse_mismatch(path, source, response.url)
    answers.refuse_first_page(path, response)
    if source.paging.total is not None:
        document = answers.parsed(path, response.url)
        total, rows = _total(source, document, response.url), len(answers.rows(document))
        if total != rows:
            raise SourceError(
                f"{response.url} says that it has {total} records and sent {rows}",
                hint="it answers in pages: set source.paging.style",
            )
    return answered(path, response, call)


def _paged(client: web.Client, source: RestSource, request: Request, call: Call) -> Delivery:
    answers = Answers(source)
    paging = source.paging
    key = paging.key
    pages = collect(
        client,
        request,
        first=_first(paging, call),
        follow=FOLLOWING[paging.style](client, paging),
        records=answers.rows,
        total=(lambda document: _total(source, document, call.url)) if paging.total else _unknown,
        key=(lambda row: _key(row, key)) if key else None,
        max_pages=paging.max_pages,
        suffix=answers.suffix,
        confirm=paging.confirm,
        ask=None
        if source.format in JSON
        else lambda call, path: _ask(client, source, answers, call, path),
    )
    return delivery(pages, state={"asked": call.identity, "records": pages.records})


def _ask(
    client: web.Client, source: RestSource, answers: Answers, call: Call, path: Path
) -> tuple[web.Response, Any]:
    """A page that is not JSON, and its rows."""
    response = client.download(
        call.url,
        path,
        method=call.method,
        params=call.params,
        headers=call.headers,
        body=call.body,
    )
    assert response is not None, "only a conditional request is answered by 304"
    refuse_mismatch(path, source, response.url)
    return response, answers.parsed(path, response.url)


def _unknown(document: Any) -> None:
    return None


def _total(source: RestSource, document: Any, url: str) -> int:
    path = source.paging.total
    assert path is not None, "asked only where a total is declared"
    said = paths.value(document, path)
    if isinstance(said, str) and said.isascii() and said.isdecimal():
        return int(said)
    if isinstance(said, bool) or not isinstance(said, int):
        raise SourceError(
            f"{web.shown(url)} has no number of records at {path!r} but {said!r}",
            hint="correct source.paging.total, or leave it out where the API only estimates",
        )
    return said


def _key(row: Any, path: str) -> Any:
    values = paths.found(row, path)
    if not values or values[0] is None:
        raise SourceError(
            f"a record has nothing at {path!r}", hint="correct source.paging.key in the definition"
        )
    return values


def _first(paging: Paging, call: Call) -> Call:
    given: dict[str, Any] = {}
    if paging.size_parameter is not None:
        given[paging.size_parameter] = paging.size
    if paging.style == "page":
        given[paging.parameter or "page"] = 1 if paging.first is None else paging.first
    if paging.style == "offset":
        given[paging.parameter or "offset"] = paging.first or 0
    return _with(paging, call, given)


def _with(paging: Paging, call: Call, given: dict[str, Any]) -> Call:
    """The call with paging parameters in its query or its JSON body."""
    if paging.place == "body":
        body = {**copy.deepcopy(call.body), **given}
        return Call(call.url, call.params, call.headers, call.method, body)
    return Call(call.url, {**call.params, **given}, call.headers, call.method, call.body)


Follow = Callable[[Page], Call | None]


def _by_page(client: web.Client, paging: Paging) -> Follow:
    first = 1 if paging.first is None else paging.first

    def follow(page: Page) -> Call | None:
        if _last(paging, page):
            return None
        return _with(paging, page.call, {paging.parameter or "page": first + page.number})

    return follow


def _by_offset(client: web.Client, paging: Paging) -> Follow:
    def follow(page: Page) -> Call | None:
        if _last(paging, page):
            return None
        # As many as came, not as many as were asked for: a server may cap its pages.
        offset = (paging.first or 0) + page.seen
        return _with(paging, page.call, {paging.parameter or "offset": offset})

    return follow


def _by_cursor(client: web.Client, paging: Paging) -> Follow:
    path = paging.next
    assert path is not None, "the model demands it of a cursor"

    def follow(page: Page) -> Call | None:
        cursor = paths.value(page.document, path)
        if not cursor or page.complete:  # also 0, with which some APIs say that no more follows
            return None
        if isinstance(cursor, dict):
            raise SourceError(
                f"{page.response.url} has no cursor at {path!r} but an object",
                hint="correct source.paging.next in the definition",
            )
        return _with(paging, page.call, {paging.parameter or "cursor": cursor})

    return follow


def _by_link(client: web.Client, paging: Paging) -> Follow:
    def follow(page: Page) -> Call | None:
        link = (
            page.response.link("next")
            if paging.next is None
            else paths.value(page.document, paging.next)
        )
        if link in (None, "", False):
            return None
        if not isinstance(link, str):
            raise SourceError(
                f"{page.response.url} has no link at {paging.next!r} but {link!r}",
                hint="correct source.paging.next in the definition",
            )
        return linked(client, page, link)

    return follow


FOLLOWING: dict[str, Callable[[web.Client, Paging], Follow]] = {
    "page": _by_page,
    "offset": _by_offset,
    "cursor": _by_cursor,
    "next_link": _by_link,
}


def _last(paging: Paging, page: Page) -> bool:
    """Whether no page comes after this one, of those that are numbered."""
    if page.total is not None:
        return page.complete or page.count == 0
    return page.count == 0 or (paging.until == "short" and page.count < paging.size)
