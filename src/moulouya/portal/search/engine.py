"""The search of the release being served: made in the background, changed where it changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt
import structlog
from tantivy import Searcher

from moulouya.portal.places.index import places_of
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.search.documents import Surroundings, fields
from moulouya.portal.search.facets import Table
from moulouya.portal.search.folding import words
from moulouya.portal.search.fulltext import FullText, Hits, search
from moulouya.portal.search.query import Asked
from moulouya.portal.search.synonyms import synonyms
from moulouya.portal.search.values import Kept, values
from moulouya.portal.search.vocabulary import Vocabulary, named_in, said_in

PATIENCE = 2.0
# Seconds after which an index that could not be made is tried again.
AGAIN = 60.0
AT_A_TIME = 200
log = structlog.get_logger("moulouya.portal")


@dataclass(frozen=True)
class Snapshot:
    """The index of one release; ``rows[key]`` is a document's place in the release, or -1.

    ``vocabulary`` follows a moment after the metadata, the values of columns last: then it is
    ``complete``.
    """

    catalogue: Catalogue
    searcher: Searcher
    rows: npt.NDArray[np.int64]
    vocabulary: Vocabulary | None
    complete: bool

    def find(self, asked: Asked) -> Hits:
        """What fits a query, by places in the release instead of keys."""
        same = self.vocabulary.exactly(asked.typed) if self.vocabulary is not None else []
        also = [said for place in same for said in _other_names(place.names)]
        hits = search(self.searcher, asked, also)
        return Hits(self.rows[hits.keys], hits.scores, hits.bent)


@dataclass(frozen=True)
class _Entry:
    dataset: PublishedDataset
    key: int
    valued: bool


class Search:
    """Follows the releases: whoever asks for one that is not indexed yet sets it going."""

    def __init__(self, file: Path | None) -> None:
        """``file``: where the values of columns are kept between restarts; None for nowhere."""
        self._kept = Kept(file)
        self._index = FullText()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="search")
        self._lock = threading.Lock()
        self._wanted: Catalogue | None = None
        self._first: Future[None] | None = None
        self._last: Future[None] | None = None
        self._snapshot: Snapshot | None = None
        self._begun = 0.0
        self._table: tuple[Catalogue, Table] | None = None
        # The rest belongs to the thread.
        self._keys = count()
        self._entries: dict[str, _Entry] = {}
        self._around: Surroundings | None = None

    def prepare(self, catalogue: Catalogue) -> None:
        """Begin with a release, unless it was begun; again, some time after that failed."""
        with self._lock:
            new = self._wanted is not catalogue
            if new or (self._failed() and time.monotonic() - self._begun > AGAIN):
                self._wanted, self._begun = catalogue, time.monotonic()
                self._first = self._thread.submit(self._metadata, catalogue)
                self._last = self._thread.submit(self._values, catalogue)
                self._first.add_done_callback(_logged)
                self._last.add_done_callback(_logged)

    def ready(self, catalogue: Catalogue, seconds: float | None = PATIENCE) -> Snapshot | None:
        """The index of a release, at least of its metadata; None when it takes too long."""
        self.prepare(catalogue)
        return self._after(catalogue, self._first, seconds)

    def completed(self, catalogue: Catalogue, seconds: float | None = None) -> Snapshot | None:
        """The index of a release with all values, for whoever can wait for it."""
        self.prepare(catalogue)
        return self._after(catalogue, self._last, seconds)

    def trouble(self, catalogue: Catalogue) -> str:
        """Why a release is not indexed, or not all of it; empty while nothing is wrong."""
        error = self._failed() if self._wanted is catalogue else None
        return f"{type(error).__name__}: {error}" if error is not None else ""

    def _failed(self) -> BaseException | None:
        """What ended the work on the release that is wanted."""
        for work in (self._first, self._last):
            error = work.exception() if work is not None and work.done() else None
            if error is not None:
                return error
        return None

    def table(self, catalogue: Catalogue) -> Table:
        """What lists of a release are sorted and filtered by."""
        known = self._table
        if known is None or known[0] is not catalogue:
            known = self._table = (catalogue, Table(catalogue))
        return known[1]

    def _after(
        self, catalogue: Catalogue, work: Future[None] | None, seconds: float | None
    ) -> Snapshot | None:
        if work is not None and not work.done():
            wait([work], timeout=seconds)
        found = self._snapshot
        return found if found is not None and found.catalogue is catalogue else None

    def _metadata(self, catalogue: Catalogue) -> None:
        """Index what changed since the release before, with the values that are known."""
        self.table(catalogue)
        places = _names_of_places(catalogue)
        around = Surroundings(
            catalogue.region["themes"],
            catalogue.region.get("publishers", {}),
            places,
            catalogue.region["place"]["code"],
        )
        synonyms("")  # Read before the first query rather than in it.
        same = around == self._around
        new = [
            dataset for dataset in catalogue.datasets.values() if not same or not self._has(dataset)
        ]
        old = [
            entry.key
            for slug, entry in self._entries.items()
            if not same or catalogue.datasets.get(slug) is not entry.dataset
        ]
        known = self._kept.find(dataset.sha256 for dataset in new)
        keys = {dataset.slug: next(self._keys) for dataset in new}
        added = ((keys[one.slug], fields(one, around, known.get(one.sha256, ()))) for one in new)
        searcher = self._index.change(added, old)
        kept = {} if not same else self._entries
        self._entries = {
            slug: _Entry(dataset, keys[slug], dataset.sha256 in known)
            if slug in keys
            else kept[slug]
            for slug, dataset in catalogue.datasets.items()
        }
        self._around = around
        complete = all(entry.valued for entry in self._entries.values())
        self._snapshot = Snapshot(catalogue, searcher, self._rows(), None, complete)
        vocabulary = Vocabulary(named_in(catalogue, places), said_in(catalogue))
        self._snapshot = replace(self._snapshot, vocabulary=vocabulary)

    def _values(self, catalogue: Catalogue) -> None:
        """Read the values that are not known yet, and index them with their datasets."""
        found, around = self._snapshot, self._around
        if found is None or found.catalogue is not catalogue or around is None:
            return
        unread = [entry for entry in self._entries.values() if not entry.valued]
        for first in range(0, len(unread), AT_A_TIME):
            some = unread[first : first + AT_A_TIME]
            read = {one.dataset.slug: values(catalogue, one.dataset) for one in some}
            self._kept.keep({one.dataset.sha256: read[one.dataset.slug] for one in some})
            added = [(one.key, fields(one.dataset, around, read[one.dataset.slug])) for one in some]
            searcher = self._index.change(added, [one.key for one in some])
            for one in some:
                self._entries[one.dataset.slug] = replace(one, valued=True)
            found = replace(found, searcher=searcher)
            self._snapshot = found
            if self._wanted is not catalogue:
                return
        self._kept.forget_but({one.dataset.sha256 for one in self._entries.values()})
        self._snapshot = replace(found, complete=True)

    def _has(self, dataset: PublishedDataset) -> bool:
        entry = self._entries.get(dataset.slug)
        return entry is not None and entry.dataset is dataset

    def _rows(self) -> npt.NDArray[np.int64]:
        keys = [entry.key for entry in self._entries.values()]
        rows = np.full(max(keys, default=0) + 1, -1, np.int64)
        rows[keys] = np.arange(len(keys))
        return rows


def _logged(work: Future[None]) -> None:
    error = work.exception()
    if error is not None:
        log.error("search is out of order", exc_info=error)


def _names_of_places(catalogue: Catalogue) -> dict[str, Mapping[str, str]]:
    places = places_of(catalogue)
    return {place.code: place.names for place in places} if places is not None else {}


def _other_names(names: Mapping[str, str]) -> list[tuple[str, ...]]:
    return [tuple(said) for said in map(words, dict.fromkeys(names.values())) if said]
