"""Places beside one another: ranks, rows of a place's page, tables of several places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from moulouya.portal.languages import Language
from moulouya.portal.places.index import Place
from moulouya.portal.places.indicators import Figures, Indicator
from moulouya.portal.places.numbers import Array
from moulouya.portal.places.strips import Strip, strip
from moulouya.portal.places.telling import change_words, unit_of, value_words, when
from moulouya.portal.published import Catalogue

KEY_FIGURES = 6
Progress = Literal["good", "bad", "up", "down", "even"]
Standing = Literal["best", "worst", "most", "least"]


@dataclass(frozen=True)
class Head:
    """What an indicator is and where it comes from, in one language."""

    id: str
    title: str
    description: str
    unit: str
    when: str
    better: str | None
    dataset: str
    dataset_title: str


@dataclass(frozen=True)
class Cell:
    """One value; ``summed`` where it was added up here, ``standing`` where it stands out."""

    text: str
    summed: bool = False
    standing: Standing | None = None


@dataclass(frozen=True)
class Row:
    """One indicator of one place: beside the places around it and among its peers."""

    head: Head
    own: Cell
    around: tuple[Cell, ...]
    rank: int | None
    of: int
    change: str
    progress: Progress | None
    since: str
    strip: Strip | None


@dataclass(frozen=True)
class Line:
    """One indicator of several places."""

    head: Head
    cells: tuple[Cell, ...]


def head(catalogue: Catalogue, indicator: Indicator, spoken: Language) -> Head:
    """An indicator in a language."""
    about = indicator.about
    definition = catalogue.datasets[about.slug].definition
    return Head(
        indicator.id,
        about.titles[spoken.code],
        definition["columns"][about.column]["description"][spoken.code],
        unit_of(catalogue, about, spoken),
        when(about),
        indicator.better,
        about.slug,
        definition["title"][spoken.code],
    )


def ranks(values: Array, better: str | None) -> NDArray[np.int64]:
    """The rank of every value, 1 for the best (the most where neither way is better), 0 for none.

    Equal values share a rank, and the ranks after them are skipped: 1, 2, 2, 4.
    """
    signed = values if better == "lower" else -values
    known = np.sort(signed[~np.isnan(signed)])
    found = np.searchsorted(known, signed, side="left") + 1
    return np.where(np.isnan(values), 0, found)


def rows(
    catalogue: Catalogue,
    figures: Figures,
    place: Place,
    indicators: Sequence[Indicator],
    spoken: Language,
) -> list[Row]:
    """A place's page, the indicators that it has a value for."""
    places = figures.places
    position = places.position
    own = position[place.code]
    around = [position[one.code] for one in compared_with(figures, place)]
    _, peers = places.peers(place)
    among = [position[one.code] for one in peers]
    place_in = among.index(own)
    found: list[Row] = []
    for indicator in indicators:
        values = figures.values[indicator.row]
        if np.isnan(values[own]):
            continue
        ranked = ranks(values[among], indicator.better)
        change = float(figures.changes(indicator)[own])
        found.append(
            Row(
                head(catalogue, indicator, spoken),
                _cell(figures, indicator, own, spoken),
                tuple(_cell(figures, indicator, one, spoken) for one in around),
                int(ranked[place_in]) if np.count_nonzero(ranked) > 1 else None,
                int(np.count_nonzero(ranked)),
                change_words(change, indicator, spoken),
                progress(change, indicator.better),
                when(indicator.earlier) if indicator.earlier else "",
                strip(values[among], float(values[own]), spoken.dir == "rtl"),
            )
        )
    return found


def compared_with(figures: Figures, place: Place) -> tuple[Place, ...]:
    """The places around a place that its figures are shown against, the nearest first.

    Levels in which places are not ranked, such as a cercle, are left out.
    """
    ranked = {figures.places.described.within(level) for level in figures.places.levels}
    return tuple(one for one in figures.places.ancestors(place.code) if one.level in ranked)


def progress(change: float, better: str | None) -> Progress | None:
    """What a change means: good or bad where the dataset says which way is better."""
    if np.isnan(change):
        return None
    if round(change, 1) == 0:
        return "even"
    if better is None:
        return "up" if change > 0 else "down"
    return "good" if (change > 0) == (better == "higher") else "bad"


def table(
    catalogue: Catalogue,
    figures: Figures,
    shown: Sequence[Place],
    indicators: Iterable[Indicator],
    spoken: Language,
    marked: Sequence[Place] | None = None,
) -> list[Line]:
    """Indicators of several places, those left out that none of them has.

    Among ``marked`` (all by default) the best and the worst are marked, or most and least.
    """
    position = figures.places.position
    columns = [position[place.code] for place in shown]
    several = list(shown if marked is None else marked)
    judged = np.isin(columns, [position[place.code] for place in several])
    # A region has more of everything than its provinces: counts are judged within one level.
    mixed = len({place.level for place in several}) > 1
    found: list[Line] = []
    for indicator in indicators:
        values = figures.values[indicator.row, columns]
        if np.isnan(values).all():
            continue
        known = values[judged & ~np.isnan(values)]
        ends = None
        if len(known) > 1 and known.min() < known.max() and not (mixed and indicator.counted):
            ends = (float(known.min()), float(known.max()))
        cells = tuple(
            _cell(
                figures,
                indicator,
                one,
                spoken,
                _standing(float(value), ends, indicator.better) if rival else None,
            )
            for value, one, rival in zip(values, columns, judged, strict=True)
        )
        found.append(Line(head(catalogue, indicator, spoken), cells))
    return found


def _standing(
    value: float, ends: tuple[float, float] | None, better: str | None
) -> Standing | None:
    if ends is None or value not in ends:
        return None
    top = value == ends[1]
    if better is None:
        return "most" if top else "least"
    return "best" if top == (better == "higher") else "worst"


def _cell(
    figures: Figures,
    indicator: Indicator,
    column: int,
    spoken: Language,
    standing: Standing | None = None,
) -> Cell:
    value = float(figures.values[indicator.row, column])
    return Cell(
        value_words(value, indicator.about, spoken),
        bool(figures.summed[indicator.row, column]),
        standing,
    )


def key_figures(
    indicators: Sequence[Indicator], figures: Figures, shown: Sequence[Place] = ()
) -> list[Indicator]:
    """The few that say most: those with a better way first, then those with a year before.

    Only those that one of the places shown has a value for; any place where none is given.
    """
    columns = [figures.places.position[place.code] for place in shown]
    having = [
        one
        for one in indicators
        if not columns or not np.isnan(figures.values[one.row, columns]).all()
    ]
    weighed = sorted(having, key=lambda one: (one.better is None, one.earlier is None, one.row))
    return sorted(weighed[:KEY_FIGURES], key=lambda one: one.row)
