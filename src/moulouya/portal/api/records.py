"""``…/records``: one question about one table, asked once for each version."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
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
# Rows that are read in less time than a thread takes to be woken.
MOST_AT_ONCE = 200
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
    asking = Asking.of(request, dataset, given)

    def make() -> tuple[bytes, str]:
        kept = _answers.find(asking.tag)
        if kept is not None:
            return kept
        catalogue = found.catalogue_of(request)
        cut = None
        if asking.form in writing.TEXTUAL:
            cut = _ahead(request).cut(catalogue, dataset, asking.asked)
        if cut is not None:
            return asking.written(cut)
        with _slots, tables(catalogue, [dataset]) as con:
            page = writing.write(
                con, stored_name(dataset), asking.asked, asking.form, asking.around
            )
        return asking.kept(page)

    return tagged(request, asking.tag, writing.MEDIA_TYPES[asking.form], make, cache)


def at_once(request: Request, given: dict[str, Any]) -> Response | None:
    """What `newest` answers, where that is known or is cut from an open file: too quickly for
    handing it to a thread to be worth it. None for every other question. Raises Refused.
    """
    served = request.app.state.current.served
    dataset = served.datasets.get(request.path_params["slug"]) if served is not None else None
    if dataset is None or given["limit"] > MOST_AT_ONCE:
        return None
    asking = Asking.of(request, dataset, given)
    made = _answers.find(asking.tag)
    if made is None and asking.form in writing.TEXTUAL:
        cut = _ahead(request).cut_at_once(dataset, asking.asked)
        made = None if cut is None else asking.written(cut)
    if made is None:
        return None
    answer = made
    return tagged(request, asking.tag, writing.MEDIA_TYPES[asking.form], lambda: answer, SHORT)


def _ahead(request: Request) -> Ahead:
    ahead: Ahead = request.app.state.ahead
    return ahead


@dataclass(frozen=True)
class Asking:
    """A question in the words of a client, with the form and the address of its answer."""

    dataset: PublishedDataset
    given: dict[str, Any]
    form: str
    asked: Question
    public_url: str

    @classmethod
    def of(cls, request: Request, dataset: PublishedDataset, given: dict[str, Any]) -> Asking:
        """What a request asks of a dataset; raises Refused."""
        form = negotiating.format_of(given["format"], request.headers.get("accept", ""))
        return cls(dataset, given, form, question(dataset, given), request.app.state.public_url)

    @cached_property
    def tag(self) -> str:
        """All that the answer depends on, in one word."""
        asked = self.asked
        told = (
            writing.WRITING, self.dataset.sha256, asked.text, asked.limit, asked.offset,
            asked.after, asked.total, self.form, self.given["format"], self.public_url,
        )  # fmt: skip
        return hashlib.sha256(repr(told).encode()).hexdigest()[:32]

    @cached_property
    def around(self) -> writing.Around:
        """What stands around the records."""
        return _around(self.dataset, self.given, self.public_url)

    def written(self, cut: writing.Cut) -> tuple[bytes, str]:
        """The answer of rows that are known."""
        return self.kept(writing.write_cut(self.asked, cut, self.form, self.around))

    def kept(self, page: writing.Page) -> tuple[bytes, str]:
        """Body and header Link of a page, for the next who asks the same too."""
        link = f'<{page.next}>; rel="next"' if page.next else ""
        return _answers.keep(self.tag, (page.body, link))


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
