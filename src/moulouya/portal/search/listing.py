"""One page of a list: the datasets that fit, the facets with their counts, the ways onward."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from moulouya.portal.freshness import Look
from moulouya.portal.published import Catalogue
from moulouya.portal.search.engine import Search, Snapshot
from moulouya.portal.search.facets import FACETS, Floats, Ints, Mask, Table
from moulouya.portal.search.folding import fold, words
from moulouya.portal.search.fulltext import ONE_SLIP_FROM, known, resembling, written
from moulouya.portal.search.query import Asked, parse
from moulouya.portal.search.vocabulary import Named, Vocabulary
from moulouya.portal.search.wanted import Wanted

A_PAGE = 20
MOST_PLACES = 4


@dataclass(frozen=True)
class Found:
    """What a list shows.

    ``counts``: for each facet, how many datasets each value would give beside what is chosen of
    the other facets. ``meant``: the query with unknown words replaced by known ones. ``whole`` is
    False while only titles could be looked at; then ``broken`` tells whether that will pass.
    """

    slugs: list[str]
    total: int
    page: int
    pages: int
    counts: Mapping[str, Mapping[str, int]]
    places: list[Named]
    meant: str
    bent: bool
    whole: bool
    broken: bool


def find(
    search: Search,
    catalogue: Catalogue,
    wanted: Wanted,
    language: str,
    looks: Mapping[str, Look],
    now: dt.datetime,
    places: slice | None = None,
) -> Found:
    """The datasets that fit a query and the chosen values, and what a page says of them.

    ``places``: which of them to show instead of those of the page.
    """
    table = search.table(catalogue)
    asked = parse(wanted.query)
    rows, scores = np.arange(table.size), np.zeros(table.size)
    snapshot: Snapshot | None = None
    bent, whole = False, True
    if wanted.query:
        snapshot = search.ready(catalogue)
        whole = snapshot is not None and snapshot.complete
        rows, scores, bent = _hits(snapshot, catalogue, asked)
    among = np.zeros(table.size, bool)
    among[rows] = True
    masks, counts = _narrowed(table, wanted, among, table.late(looks, now))
    kept = among & np.logical_and.reduce([*masks.values(), np.ones(table.size, bool)])
    fitting = kept[rows]
    rows = table.best(rows[fitting], scores[fitting], language)
    rows = table.sort(rows, wanted.order, language)
    pages = max(1, -(-rows.size // A_PAGE))
    page = min(wanted.page, pages)
    shown = rows[places or slice((page - 1) * A_PAGE, page * A_PAGE)]
    vocabulary = snapshot.vocabulary if snapshot is not None else None
    return Found(
        slugs=[table.slugs[row] for row in shown],
        total=int(rows.size),
        page=page,
        pages=pages,
        counts=counts,
        places=_places(snapshot, asked),
        meant=_meant(snapshot, vocabulary, asked) if bent or not among.any() else "",
        bent=bent,
        whole=whole,
        broken=not whole and bool(search.trouble(catalogue)),
    )


def _places(snapshot: Snapshot | None, asked: Asked) -> list[Named]:
    """The places that a query names, but for those that it wants to be absent.

    Without any, those whose name a word that stands nowhere as it is may have been meant for.
    """
    if snapshot is None or snapshot.vocabulary is None:
        return []
    vocabulary, searcher = snapshot.vocabulary, snapshot.searcher
    unwanted = {one.code for said in asked.absent for one in vocabulary.within(said)}
    named = vocabulary.within(words(asked.typed))
    if not named:
        strange = [word for word in asked.words if len(word) >= ONE_SLIP_FROM]
        named = [
            place
            for word in strange
            if not written(searcher, word)
            for place in vocabulary.nearly(word)
        ]
    return [one for one in named if one.code not in unwanted][:MOST_PLACES]


def _hits(
    snapshot: Snapshot | None, catalogue: Catalogue, asked: Asked
) -> tuple[Ints, Floats, bool]:
    if not asked.anything:
        return np.zeros(0, np.int64), np.zeros(0), False
    if snapshot is None:
        rows = _by_title(catalogue, asked)
        return rows, np.zeros(rows.size), False
    hits = snapshot.find(asked)
    return hits.keys, hits.scores, hits.bent


def _narrowed(
    table: Table, wanted: Wanted, among: Mask, late: Mask
) -> tuple[dict[str, Mask], dict[str, dict[str, int]]]:
    """The rows that each facet with a choice leaves, and every facet's counts."""
    dimensions = table.dimensions(late)
    masks = {
        name: dimensions[name].mask(values, table.size) for name, values in wanted.chosen.items()
    }
    counts = {}
    for name in FACETS:
        rest = among.copy()
        for other, mask in masks.items():
            if other != name:
                rest &= mask
        counted = dimensions[name].counts(rest)
        missing = {value: 0 for value in wanted.chosen.get(name, ()) if value not in counted}
        counts[name] = {**counted, **missing}
    return masks, counts


def _by_title(catalogue: Catalogue, asked: Asked) -> Ints:
    """Datasets whose titles hold every word: while the index of a release is being made."""
    said = [*asked.words, *(" ".join(phrase) for phrase in asked.phrases)]
    without = [" ".join(words) for words in asked.absent]
    titles = [
        " ".join(fold(title) for title in dataset.definition["title"].values())
        for dataset in catalogue.datasets.values()
    ]
    rows = [
        row
        for row, title in enumerate(titles)
        if all(one in title for one in said) and not any(one in title for one in without)
    ]
    return np.array(rows, np.int64)


def _meant(snapshot: Snapshot | None, vocabulary: Vocabulary | None, asked: Asked) -> str:
    """The query with known words for the unknown; empty where that is no help."""
    if snapshot is None or vocabulary is None:
        return ""
    said = []
    for word in asked.words:
        better: str | None = word
        if not known(snapshot.searcher, word):
            better = vocabulary.meant(word, resembling(snapshot.searcher, word))
        if better is not None:
            said.append(better)
    return " ".join(said) if said and tuple(said) != asked.words else ""
