"""The indicators of a release: one figure each, for every place, without repetition.

Two columns of the same name, unit and title in two years are one indicator with a change. Two
columns with the same unit, year and values are one figure that two datasets repeat: it is shown
once. Counts are added up over the smallest places where an area has no row of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moulouya.portal.places.columns import Better, Numbers
from moulouya.portal.places.drafts import series_of, without_repetition
from moulouya.portal.places.index import Places, places_of
from moulouya.portal.places.numbers import Array, Line, lines_of
from moulouya.portal.published import Catalogue

POINTS = frozenset({"%", "‰", "percentage points"})


@dataclass(frozen=True)
class Indicator:
    """One figure of every place: where it comes from and how to read it.

    ``row`` is its place in the tables of `Figures`; ``earlier`` the column it is compared with.
    """

    id: str
    row: int
    about: Numbers
    earlier: Numbers | None
    better: Better | None
    counted: bool
    themes: tuple[str, ...]
    goals: tuple[str, ...]

    @property
    def in_points(self) -> bool:
        """Whether its change is a difference in points; otherwise it is a percentage."""
        return self.about.unit in POINTS


@dataclass(frozen=True)
class Figures:
    """Every indicator of every place of a release, as tables of a row for each indicator.

    ``before`` holds the values of the year before; ``summed`` says which were added up here.
    """

    places: Places
    indicators: tuple[Indicator, ...]
    by_id: Mapping[str, Indicator]
    values: Array
    before: Array
    summed: NDArray[np.bool_]

    def value(self, indicator: Indicator, code: str) -> float | None:
        """The value of a place, None where there is none."""
        number = float(self.values[indicator.row, self.places.position[code]])
        return None if np.isnan(number) else number

    def changes(self, indicator: Indicator) -> Array:
        """The change of every place since the year before: in points, or as a percentage."""
        now, then = self.values[indicator.row], self.before[indicator.row]
        if indicator.in_points:
            return np.asarray(now - then)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = (now / then - 1) * 100
        return np.where(np.isfinite(found), found, np.nan)


@dataclass(frozen=True)
class _Made:
    """The figures of a release; ``sources``: slug, theme and hash of the datasets behind them."""

    catalogue: Catalogue
    figures: Figures | None
    sources: tuple[tuple[str, str, str], ...] = ()


_last: list[_Made] = []
_lock = threading.Lock()


def figures_of(catalogue: Catalogue) -> Figures | None:
    """The indicators of a release, made once; None where it has no register of places.

    A release that changes nothing about places has the figures of the one before.
    """
    with _lock:
        for known in _last:
            if known.catalogue is catalogue:
                return known.figures
        made = _of_release(catalogue)
        _last.insert(0, made)
        del _last[2:]
        return made.figures


def _of_release(catalogue: Catalogue) -> _Made:
    places = places_of(catalogue)
    if places is None:
        return _Made(catalogue, None)
    lines = lines_of(catalogue, places)
    behind = [catalogue.datasets[slug] for slug in lines]
    sources = tuple((one.slug, one.theme, one.sha256) for one in behind)
    for known in _last:
        same = known.figures is not None and known.figures.places is places
        if same and known.sources == sources:
            return _Made(catalogue, known.figures, sources)
    return _Made(catalogue, _make(catalogue, places, lines), sources)


def indicators_of_theme(catalogue: Catalogue, theme: str) -> tuple[Indicator, ...]:
    """The indicators of one theme, in the order of the catalogue."""
    figures = figures_of(catalogue)
    if figures is None:
        return ()
    return tuple(one for one in figures.indicators if theme in one.themes)


def indicators_of_goal(catalogue: Catalogue, goal: int) -> tuple[Indicator, ...]:
    """The indicators of the datasets that serve a Sustainable Development Goal."""
    figures = figures_of(catalogue)
    if figures is None:
        return ()
    wanted = str(goal)
    return tuple(
        one
        for one in figures.indicators
        if any(tag.partition(".")[0] == wanted for tag in one.goals)
    )


def _make(catalogue: Catalogue, places: Places, lines: Mapping[str, tuple[Line, ...]]) -> Figures:
    drafts = list(series_of(catalogue.datasets, lines))
    drafts = sorted(
        (one for one in without_repetition(drafts) if _comparable(one.line.values, places)),
        key=lambda draft: draft.order,
    )
    counts = set(places.described.counts)
    indicators = tuple(
        Indicator(
            id=f"{draft.line.about.slug}.{draft.line.about.column}",
            row=row,
            about=draft.line.about,
            earlier=draft.earlier.about if draft.earlier else None,
            better=draft.better,
            counted=draft.line.about.whole and draft.line.about.unit in counts,
            themes=draft.themes,
            goals=draft.goals,
        )
        for row, draft in enumerate(drafts)
    )
    nothing = np.full(len(places), np.nan)
    values = np.array([draft.line.values for draft in drafts]).reshape(-1, len(places))
    before = np.array(
        [draft.earlier.values if draft.earlier else nothing for draft in drafts]
    ).reshape(-1, len(places))
    counted = np.array([one.counted for one in indicators], dtype=bool)
    summed = _sum_up(places, values, counted)
    _sum_up(places, before, counted)
    by_id = {one.id: one for one in indicators}
    return Figures(places, indicators, by_id, values, before, summed)


def _comparable(values: Array, places: Places) -> bool:
    """Whether two places of one level can be compared."""
    for level in places.levels:
        several = [places.position[one.code] for one in places.of_level(level)]
        if np.count_nonzero(~np.isnan(values[several])) > 1:
            return True
    return False


def _sum_up(places: Places, values: Array, counted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill in the counts of areas of the region from its smallest places, all of them known."""
    summed = np.zeros(values.shape, dtype=bool)
    if places.home is None or not counted.any():
        return summed
    smallest = places.levels[-1]
    for place in places:
        ours = place.code == places.home or any(
            above.code == places.home for above in places.ancestors(place.code)
        )
        parts = [places.position[one.code] for one in places.inside(place.code, smallest)]
        if not ours or not parts:
            continue
        here = places.position[place.code]
        sums = values[:, parts].sum(axis=1)
        fill = counted & np.isnan(values[:, here]) & ~np.isnan(sums)
        values[fill, here] = sums[fill]
        summed[fill, here] = True
    return summed
