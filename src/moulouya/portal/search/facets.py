"""What a list of datasets is narrowed and sorted by, as arrays: a row is a dataset."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from moulouya.errors import LakeError
from moulouya.portal.freshness import Look, freshness
from moulouya.portal.presentation import FORMATS
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.records.formats import special
from moulouya.portal.search.folding import fold
from moulouya.scoring import OVERALL, TABLE

FACETS = ("theme", "publisher", "place", "goal", "format", "licence", "fresh", "quality")
SORTS = ("relevance", "newest", "name", "rows")
# The lower ends of the quality bands, by the name of each in an address.
BANDS = {"high": 90.0, "fair": 75.0, "low": 0.0}
LATE, FRESH = "late", "fresh"
_FAR = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
log = structlog.get_logger("moulouya.portal")


@dataclass(frozen=True)
class Dimension:
    """One facet: pairs of a row and the number of a value that it has."""

    values: tuple[str, ...]
    rows: Ints
    numbers: Ints

    def mask(self, chosen: Collection[str], size: int) -> Mask:
        """Rows that have any of the chosen values."""
        picked = np.array([value in chosen for value in self.values], bool)
        found = np.zeros(size, bool)
        if picked.size:
            found[self.rows[picked[self.numbers]]] = True
        return found

    def counts(self, among: Mask) -> dict[str, int]:
        """How many of some rows have each value, the most frequent first."""
        numbers = np.bincount(self.numbers[among[self.rows]], minlength=len(self.values))
        order = np.argsort(-numbers, kind="stable")
        return {self.values[place]: int(numbers[place]) for place in order if numbers[place]}


class Table:
    """A release as lists see it."""

    def __init__(self, catalogue: Catalogue) -> None:
        datasets = list(catalogue.datasets.values())
        self.slugs = [dataset.slug for dataset in datasets]
        self.size = len(datasets)
        self.themes = catalogue.region["themes"]
        self._created = _floats(dataset.created.timestamp() for dataset in datasets)
        self._rows = np.array([dataset.rows for dataset in datasets], np.int64)
        # With a moment beyond all time, the end of the patience with each dataset is told.
        due = [freshness(dataset, None, _FAR) for dataset in datasets]
        self._looked = _floats(one.looked.timestamp() for one in due)
        self._patience = _floats(
            (one.late_since - one.looked).total_seconds() if one.late_since else np.inf
            for one in due
        )
        self._names = {
            language: _ranks([fold(one.definition["title"][language]) for one in datasets])
            for language in catalogue.languages
        }
        self._ends = _ranks([_end(one) for one in datasets])
        scores = _scores(catalogue)
        here = catalogue.region["place"]["code"]
        self._dimensions = {
            "theme": _dimension(one.themes for one in datasets),
            "publisher": _dimension([one.definition.get("publisher")] for one in datasets),
            "place": _dimension([one.definition.get("spatial") or here] for one in datasets),
            "goal": _dimension(_goals(one) for one in datasets),
            "format": _dimension(_formats(one) for one in datasets),
            "licence": _dimension([one.record["licence"]["spdx"]] for one in datasets),
            "quality": _dimension([_band(scores.get(one.slug))] for one in datasets),
        }
        self._good: tuple[Mapping[str, Look], Floats] | None = None

    def late(self, looks: Mapping[str, Look], now: dt.datetime) -> Mask:
        """Rows whose patience is over, as `freshness` says it for one dataset."""
        known = self._good
        if known is None or known[0] is not looks:
            known = self._good = (looks, self._last_good(looks))
        looked = np.maximum(self._looked, known[1])
        return np.asarray(looked + self._patience < now.timestamp())

    def dimensions(self, late: Mask) -> dict[str, Dimension]:
        """Every facet, in the order of the page."""
        fresh = Dimension((LATE, FRESH), np.arange(self.size), np.where(late, 0, 1))
        found = {**self._dimensions, "fresh": fresh}
        return {name: found[name] for name in FACETS}

    def sort(self, rows: Ints, by: str, language: str) -> Ints:
        """Some rows in order; equal ones, and with ``relevance`` all, stay as they were."""
        if by == "newest":
            return rows[np.lexsort((self._names[language][rows], -self._created[rows]))]
        if by == "rows":
            return rows[np.lexsort((self._names[language][rows], -self._rows[rows]))]
        if by == "name":
            return rows[np.argsort(self._names[language][rows], kind="stable")]
        return rows

    def best(self, rows: Ints, scores: Floats, language: str) -> Ints:
        """Hits by their scores; of equal ones the latest period first, then by name."""
        order = (self._names[language][rows], -self._ends[rows], -np.round(scores, 3))
        return rows[np.lexsort(order)]

    def _last_good(self, looks: Mapping[str, Look]) -> Floats:
        good = np.full(self.size, -np.inf)
        for row, slug in enumerate(self.slugs):
            look = looks.get(slug)
            if look is not None and look.good is not None:
                good[row] = look.good.timestamp()
        return good


def _dimension(listed: Iterable[Iterable[str | None]]) -> Dimension:
    numbers: dict[str, int] = {}
    pairs = [
        (row, numbers.setdefault(value, len(numbers)))
        for row, values in enumerate(listed)
        for value in dict.fromkeys(values)
        if value
    ]
    array = np.array(pairs, np.int64).reshape(-1, 2)
    return Dimension(tuple(numbers), array[:, 0], array[:, 1])


def _goals(dataset: PublishedDataset) -> list[str]:
    return [target.partition(".")[0] for target in dataset.definition.get("sdg") or ()]


def _formats(dataset: PublishedDataset) -> list[str]:
    kept = [
        label
        for suffix, (label, _) in FORMATS.items()
        if f"{dataset.slug}{suffix}" in dataset.files
    ]
    return [*special(dataset), *kept]


def _end(dataset: PublishedDataset) -> str:
    """The last day that a dataset tells of, as ISO 8601, which sorts as text; empty for none."""
    temporal = dataset.definition.get("temporal") or {}
    return str(temporal.get("end") or temporal.get("start") or "")


def _band(score: float | None) -> str | None:
    if score is None:
        return None
    return next(name for name, least in BANDS.items() if score >= least)


def _scores(catalogue: Catalogue) -> dict[str, float]:
    """The overall score of each dataset's version, as the release says."""
    file = catalogue.files.get(TABLE)
    if file is None:
        return {}
    try:
        path = catalogue.sound(catalogue.folder, file)
        columns = ["slug", "version", "dimension", "score"]
        rows = pq.read_table(path, columns=columns, filters=[("dimension", "=", OVERALL)])
    except (LakeError, OSError, pa.ArrowException) as error:
        log.warning("scores not readable", release=catalogue.number, reason=str(error))
        return {}
    return {
        row["slug"]: row["score"]
        for row in rows.to_pylist()
        if row["score"] is not None
        and row["slug"] in catalogue.datasets
        and catalogue.datasets[row["slug"]].number == row["version"]
    }


def _ranks(keys: Sequence[str]) -> Ints:
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    return np.fromiter((places[key] for key in keys), np.int64, len(keys))


def _floats(values: Iterable[float]) -> Floats:
    return np.fromiter(values, np.float64)
