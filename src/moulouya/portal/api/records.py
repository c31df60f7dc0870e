"""``…/records``: one question about one table, asked once for each version."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from moulouya.portal.api import conditions, cursors, found, negotiating, writing
from moulouya.portal.api.ahead import Ahead
from moulouya.portal.api.answering import FOREVER, SHORT, tagged
from moulouya.portal.api.choosing import choose
from moulouya.portal.api.faults import Refused
from moulouya.portal.api.parameters import RECORDS
from moulouya.portal.api.pieces import Piece
from moulouya.portal.api.querying import Question
from moulouya.portal.published import PublishedDataset
from moulouya.portal.reading import stored_name, tables
from moulouya.portal.records.formats import shape_of
from moulouya.portal.records.making import Slots
from moulouya.portal.records.view import Table

AT_ONCE = 4
MOST_BYTES = 64 * 1024**2
LARGEST = 2 * 1024**2
# What a link to the next page takes over, besides the cursor.
KEPT = ("where", "select", "group_by", "order_by", "limit", "bbox", "format")


class Answers:
    """The answers used last, by tag, up to ``MOST_BYTES`` of them: they never change."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[bytes, str]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def find(self, tag: str) -> tuple[bytes, str] | None:
        """A body and its header Link."""
        with self._lock:
            if tag in self._kept:
                self._kept.move_to_end(tag)
            return self._kept.get(tag)

    def keep(self, tag: str, body: bytes, link: str) -> tuple[bytes, str]:
        """Keep an answer unless it is very large; gives it back."""
        with self._lock:
            if len(body) <= LARGEST and tag not in self._kept:
                self._kept[tag] = body, link
                self._bytes += len(body)
                while self._bytes > MOST_BYTES:
                    self._bytes -= len(self._kept.popitem(last=False)[1][0])
        return body, link


_answers = Answers()
_slots = Slots(AT_ONCE)


def newest(request: Request, given: dict[str, Any]) -> Response:
    """Records of the version that the release shows."""
    _, dataset = found.dataset_of(request)
    return _answer(request, dataset, given, SHORT)


def pinned(request: Request, given: dict[str, Any]) -> Response:
    """Records of one version: the same answer for good."""
    _, dataset = found.version_of(request)
    return _answer(request, dataset, given, FOREVER)


def question(dataset: PublishedDataset, given: dict[str, Any]) -> Question:
    """What the parameters ask of a dataset; raises Refused."""
    table = Table.of(dataset)
    if given["cursor"] and given["offset"]:
        raise Refused("cursor", "offset and cursor do not go together",
                      "the link next has no offset", parameter="offset")  # fmt: skip
    where: list[Piece] = []
    texts = []
    if given["where"]:
        piece, canonical = conditions.compile_text(given["where"], table)
        where.append(piece)
        texts.append(canonical)
    if given["bbox"]:
        where.append(_within(table, given["bbox"]))
        texts.append(f"bbox {given['bbox']}")
    choice = choose(table, given["select"], given["group_by"], given["order_by"])
    text = "\n".join((*texts, *choice.canonical))
    after = None
    if given["cursor"]:
        after = cursors.read(given["cursor"], dataset.number, text, dataset.rows)
    return Question(
        table, dataset.sha256, choice, _all_of(where), text, given["limit"], given["offset"],
        after, given["total"],
    )  # fmt: skip


def _within(table: Table, bbox: str) -> Piece:
    """The condition that a record touches a box."""
    if not shape_of(table):
        raise Refused("types", "this table has no shapes and no longitude and latitude",
                      parameter="bbox")  # fmt: skip
    text = f"S_INTERSECTS({conditions.PLACE}, BBOX({bbox}))"
    return conditions.compile_text(text, table, "bbox")[0]


def _all_of(pieces: list[Piece]) -> Piece | None:
    if not pieces:
        return None
    bound = tuple(value for piece in pieces for value in piece.bound)
    return Piece(" AND ".join(f"({one.sql})" for one in pieces), bound, "boolean", 0)


def _answer(
    request: Request, dataset: PublishedDataset, given: dict[str, Any], cache: str
) -> Response:
    form = negotiating.format_of(given["format"], request.headers.get("accept", ""))
    asked = question(dataset, given)
    public_url = request.app.state.public_url
    told = (
        writing.WRITING, dataset.sha256, asked.text, asked.limit, asked.offset, asked.after,
        asked.total, form, given["format"], public_url,
    )  # fmt: skip
    tag = hashlib.sha256(repr(told).encode()).hexdigest()[:32]

    def make() -> tuple[bytes, str]:
        kept = _answers.find(tag)
        if kept is not None:
            return kept
        around = _around(dataset, given, public_url)
        page = _written_ahead(request, dataset, asked, form, around)
        if page is None:
            with _slots, tables(found.catalogue_of(request), [dataset]) as con:
                page = writing.write(con, stored_name(dataset), asked, form, around)
        link = f'<{around.link(page.next)}>; rel="next"' if page.next else ""
        return _answers.keep(tag, page.body, link)

    return tagged(request, tag, writing.MEDIA_TYPES[form], make, cache)


def _written_ahead(
    request: Request, dataset: PublishedDataset, asked: Question, form: str, around: writing.Around
) -> writing.Page | None:
    """A page as it lies in the table, cut out of a file; None where it needs DuckDB."""
    if form not in writing.TEXTUAL or not asked.plain:
        return None
    ahead: Ahead = request.app.state.ahead
    lines = ahead.cut(found.catalogue_of(request), dataset, asked)
    return writing.write_lines(asked, *lines, form, around) if lines is not None else None


def _around(dataset: PublishedDataset, given: dict[str, Any], public_url: str) -> writing.Around:
    here = f"{public_url}/api/v1/datasets/{dataset.slug}/versions/{dataset.number}/records"
    kept = [
        (name, str(given[name]))
        for name in KEPT
        if given[name] and not (name == "limit" and given[name] == RECORDS)
    ]
    head = {
        "dataset": dataset.slug,
        "version": dataset.number,
        "licence": dataset.record["licence"]["spdx"],
        "attribution": found.attribution(dataset),
    }
    return writing.Around(
        head,
        lambda cursor: f"{here}?{urlencode([*kept, ('cursor', cursor)])}",
        found.units(dataset),
    )
