"""Pages of an API, pulled as one table or not at all.

An API that is written to while it is read hands out rows twice, or lets rows slip between two
pages. What gives that away (a total that moves, an id that comes twice, a page that comes again,
a reading that differs from the next) drops what was pulled and starts again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from moulouya.errors import SourceError
from moulouya.sources.delivery import Delivery, Request
from moulouya.web import shown

if TYPE_CHECKING:
    from moulouya.web import Client, Response

RESTARTS = 3


@dataclass(frozen=True)
class Call:
    """One request to an API; ``params`` are appended to the query of ``url``."""

    url: str
    params: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: Any = None

    @property
    def identity(self) -> str:
        """What tells it from another call, as a SHA-256: all of it but the headers."""
        parts = [self.method, self.url, self.params, self.body]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class Page:
    """An answer: the records in it (``count``), and in all pages up to it (``seen``).

    ``total`` is what the API says it has, where it says so.
    """

    number: int
    call: Call
    response: Response
    document: Any
    count: int
    seen: int = 0
    total: int | None = None

    @property
    def complete(self) -> bool:
        """Whether as many records came as the API says it has."""
        return self.total is not None and self.seen >= self.total


@dataclass(frozen=True)
class Pages:
    """Every page of a pull, in order; ``response`` is the first one's."""

    members: tuple[str, ...]
    response: Response
    records: int
    total: int | None
    digests: tuple[str, ...] = ()


class Drift(Exception):
    """The API changed while it was paged; says how. Callbacks of `collect` may raise it too."""


def no_total(document: Any) -> None:
    """For an API that does not say how many records it has."""
    return None


def collect(
    client: Client,
    request: Request,
    *,
    first: Call,
    follow: Callable[[Page], Call | None],
    records: Callable[[Any], list[Any]],
    total: Callable[[Any], int | None] = no_total,
    key: Callable[[Any], Any] | None = None,
    max_pages: int = 10_000,
    suffix: str = ".json",
    start: int = 1,
    count: Callable[[], int] | None = None,
    confirm: bool = False,
    ask: Callable[[Call, Path], tuple[Response, Any]] | None = None,
) -> Pages:
    """Pull all pages into ``request.folder``, as page-00001.json and so on from ``start``.

    ``follow`` gives the call after a page, or None after the last. A page without records is
    not kept, unless it is the only one. Signs of drift restart the pull: a page, call or id
    (``key`` of a record) that comes again, a total that moves or that the sum of the records is
    not. ``count`` asks an API that says its total in a request of its own: before the first page
    and after the last. With ``confirm``, pages count only once two readings in a row had the
    same records: for APIs that show no such sign. ``ask`` replaces ``client.json`` for answers
    that are not JSON.

    Raises SourceError, with ``retry``, when the API still drifts after three restarts, and at
    once when there are more than ``max_pages``.
    """
    pull = _Pull(
        request.folder, follow, records, total, key, max_pages, suffix, start, count,
        ask or (lambda call, path: _json(client, call, path)),
    )  # fmt: skip
    before: Pages | None = None
    reason = ""
    for _ in range(1 + RESTARTS + confirm):
        try:
            pages = pull.run(first)
        except Drift as drift:
            before, reason = None, str(drift)
            continue
        if not confirm or (before is not None and before.digests == pages.digests):
            return pages
        if before is not None:
            reason = "two readings in a row differ"
        before = pages
        if len(pages.digests) == 1:  # one request: nothing can slip between two
            return pages
    pull.forget()
    raise SourceError(
        f"{shown(first.url)} changes while it is paged: {reason}; {RESTARTS} restarts did not help",
        hint="try again later, or ask for a part that rests, such as data up to yesterday",
        retry=True,
    )


def glance(client: Client, request: Request, call: Call) -> tuple[Response, Any]:
    """Ask for JSON that is no part of the delivery, such as a count; raises SourceError."""
    path = request.folder / ".glance"
    try:
        return _json(client, call, path)
    finally:
        path.unlink(missing_ok=True)


def delivery(pages: Pages, **more: Any) -> Delivery:
    """The delivery of a pull: its provenance is the first answer's; ``more`` as Delivery's."""
    return Delivery(
        members=pages.members,
        url=pages.response.url,
        status=pages.response.status,
        headers=pages.response.headers,
        **more,
    )


def answered(path: Path, response: Response, call: Call) -> Delivery:
    """The delivery of one answer; ``state`` says what was asked, as its ETag is that question's."""
    return Delivery(
        members=(path.name,),
        url=response.url,
        status=response.status,
        headers=response.headers,
        etag=response.etag,
        last_modified=response.last_modified,
        state={"asked": call.identity},
    )


def linked(client: Client, page: Page, link: str) -> Call:
    """The call that a next link asks for, with the headers of the one before.

    A link may be relative (RFC 3986, section 5). One that falls back to http on the same host,
    as APIs behind a proxy write it, is asked by https. Raises SourceError for another origin.
    """
    url = urljoin(page.response.url, link)
    here, there = urlsplit(page.response.url), urlsplit(url)
    if (here.scheme, there.scheme) == ("https", "http") and here.netloc == there.netloc:
        url = there._replace(scheme="https").geturl()
    client.same_origin(url)
    return Call(url, headers=page.call.headers)


def _json(client: Client, call: Call, path: Path) -> tuple[Response, Any]:
    return client.json(
        call.url,
        path,
        method=call.method,
        params=call.params,
        headers=call.headers,
        body=call.body,
    )


@dataclass
class _Pull:
    """One pull from the first page to the last, and the files it made."""

    folder: Path
    follow: Callable[[Page], Call | None]
    records: Callable[[Any], list[Any]]
    total: Callable[[Any], int | None]
    key: Callable[[Any], Any] | None
    max_pages: int
    suffix: str
    start: int
    count: Callable[[], int] | None
    ask: Callable[[Call, Path], tuple[Response, Any]]
    members: list[str] = field(default_factory=list)
    digests: dict[str, int] = field(default_factory=dict)
    calls: set[str] = field(default_factory=set)
    # Hashes, not the ids themselves: an API of millions of records must fit into memory.
    ids: set[int] = field(default_factory=set)
    size: int | None = None

    def run(self, first: Call) -> Pages:
        self.forget()
        if self.count is not None:
            self.size = self.count()
        call: Call | None = first
        number, seen = 0, 0
        opening: Response | None = None
        order: list[str] = []
        while call is not None:
            number += 1
            if number > self.max_pages:
                self.forget()
                raise SourceError(
                    f"{shown(first.url)} has more than {self.max_pages} pages",
                    hint="ask for larger pages, or raise max_pages if there are really so many",
                    retry=True,
                )
            self._not_asked_before(call)
            name = f"page-{self.start - 1 + number:05d}{self.suffix}"
            self.members.append(name)
            response, document = self.ask(call, self.folder / name)
            opening = opening or response
            rows = self.records(document)
            seen += len(rows)
            self._same_total(self.total(document), number)
            order.append(self._not_seen_before(rows, number))
            if not rows and number > 1:
                self.members.pop()
                (self.folder / name).unlink()
            page = Page(number, call, response, document, len(rows), seen, self.size)
            call = self.follow(page)
        if self.count is not None:
            self._same_total(self.count(), number)
        if self.size is not None and self.size != seen:
            raise Drift(f"{seen} records came where it says {self.size}")
        assert opening is not None, "the first call is always made"
        return Pages(tuple(self.members), opening, seen, self.size, tuple(order))

    def forget(self) -> None:
        """Take away what was pulled so far."""
        for name in self.members:
            (self.folder / name).unlink(missing_ok=True)
        self.members.clear()
        self.digests.clear()
        self.calls.clear()
        self.ids.clear()
        self.size = None

    def _not_asked_before(self, call: Call) -> None:
        if call.identity in self.calls:
            raise Drift(f"after page {len(self.calls)} it leads back to a page it gave before")
        self.calls.add(call.identity)

    def _same_total(self, total: int | None, number: int) -> None:
        if total is None:
            return
        if self.size is not None and total != self.size:
            raise Drift(f"its total went from {self.size} to {total} by page {number}")
        self.size = total

    def _not_seen_before(self, rows: list[Any], number: int) -> str:
        """The digest of the page's records; an envelope may hold a time or a request id."""
        digest = hashlib.sha256()
        twice = None
        for row in rows:
            digest.update(json.dumps(row, sort_keys=True, default=str).encode())
            digest.update(b"\n")
            if self.key is not None and twice is None:
                twice = self._known(self.key(row))
        page = digest.hexdigest()
        if rows and page in self.digests:
            raise Drift(f"page {number} is page {self.digests[page]} again")
        if twice is not None:
            raise Drift(f"the record {twice} came twice, again on page {number}")
        self.digests[page] = number
        return page

    def _known(self, identity: Any) -> str | None:
        text = json.dumps(identity, sort_keys=True, default=str)
        if hash(text) in self.ids:
            return text
        self.ids.add(hash(text))
        return None
