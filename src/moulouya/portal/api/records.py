"""``…/records``: one question about one table, asked once for each version."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from moulouya.portal.api import conditions, cursors, found, negotiating, writing
from moulouya.portal.api.ahead import Ahead
from moulouya.portal.api.answering import FOREVER, SHORT, tagged
from moulouya.portal.api.choosing import Choice, choose
from moulouya.portal.api.faults import Refused
from moulouya.portal.api.parameters import RECORDS
from moulouya.portal.api.pieces import Piece, all_of
from moulouya.portal.api.querying import Question
from moulouya.portal.kept import Kept
from moulouya.portal.published import PublishedDataset
from moulouya.portal.reading import stored_name, tables
from moulouya.portal.records.formats import shape_of
from moulouya.portal.records.making import Slots
from moulouya.portal.records.view import Table

AT_ONCE = 4
MOST_BYTES = 64 * 1024**2
LARGEST = 2 * 1024**2
SAYING = ("where", "bbox", "select", "group_by", "order_by")
MOST_UNDERSTOOD, LONGEST_KEPT = 1024, 1000
# What a link to the next page takes over, besides the cursor.
KEPT = ("where", "select", "group_by", "order_by", "limit", "bbox", "format")


# A body and its header Link, by tag.
_answers: Kept[tuple[bytes, str]] = Kept(MOST_BYTES, lambda one: len(one[0]), LARGEST)
_slots = Slots(AT_ONCE)


def newest(request: Request, given: dict[str, Any]) -> Response:
    """Records of the version that the release shows."""
    _, dataset = found.dataset_of(request)
    return _answer(request, dataset, given, SHORT)


def pinned(request: Request, given: dict[str, Any]) -> Response:
    """Records of one version: the same answer for good."""
    _, dataset = found.version_of(request)
    return _answer(request, dataset, given, FOREVER)


@dataclass(frozen=True)
class Said:
    """What the parameters but those of the page say, understood."""

    table: Table
    choice: Choice
    where: Piece | None
    text: str


_understood: Kept[Said] = Kept(MOST_UNDERSTOOD)


def question(dataset: PublishedDataset, given: dict[str, Any]) -> Question:
    """What the parameters ask of a dataset; raises Refused."""
    if given["cursor"] and given["offset"]:
        raise Refused("cursor", "offset and cursor do not go together",
                      "the link next has no offset", parameter="offset")  # fmt: skip
    said = _said(dataset, *(given[name] for name in SAYING))
    after = None
    if given["cursor"]:
        after = cursors.read(given["cursor"], dataset.number, said.text, dataset.rows)
    return Question(
        said.table, dataset.sha256, said.choice, said.where, said.text, given["limit"],
        given["offset"], after, given["total"],
    )  # fmt: skip


def _said(dataset: PublishedDataset, *texts: str) -> Said:
    """What the parameters ``SAYING`` say; understood once, as pages of one question follow."""
    key = (dataset.slug, dataset.number, dataset.sha256, *texts)
    kept = _understood.find(key)
    if kept is not None:
        return kept
    where, bbox, *chosen = texts
    table = Table.of(dataset)
    pieces: list[Piece] = []
    canonical = []
    if where:
        piece, text = conditions.compile_text(where, table)
        pieces.append(piece)
        canonical.append(text)
    if bbox:
        pieces.append(_within(table, bbox))
        canonical.append(f"bbox {bbox}")
    choice = choose(table, *chosen)
    text = "\n".join((*canonical, *choice.canonical))
    said = Said(table, choice, all_of(pieces) if pieces else None, text)
    return _understood.keep(key, said) if sum(map(len, texts)) <= LONGEST_KEPT else said


def _within(table: Table, bbox: str) -> Piece:
    """The condition that a record touches a box."""
    if not shape_of(table):
        raise Refused("types", "this table has no shapes and no longitude and latitude",
                      parameter="bbox")  # fmt: skip
    text = f"S_INTERSECTS({conditions.PLACE}, BBOX({bbox}))"
    return conditions.compile_text(text, table, "bbox")[0]


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
        link = f'<{page.next}>; rel="next"' if page.next else ""
        return _answers.keep(tag, (page.body, link))

    return tagged(request, tag, writing.MEDIA_TYPES[form], make, cache)


def _written_ahead(
    request: Request, dataset: PublishedDataset, asked: Question, form: str, around: writing.Around
) -> writing.Page | None:
    """A page as it lies in the table, cut out of a file; None where it needs DuckDB."""
    if form not in writing.TEXTUAL:
        return None
    ahead: Ahead = request.app.state.ahead
    cut = ahead.cut(found.catalogue_of(request), dataset, asked)
    return writing.write_cut(asked, cut, form, around) if cut is not None else None


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
        lambda cursor: f"{here}?{urlencode([*kept, ('cursor', cursor)])}" if cursor else None,
        found.units(dataset),
    )
