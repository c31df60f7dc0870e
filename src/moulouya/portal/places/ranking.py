"""Places of a level in the order of one figure, or of its progress between two years."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from moulouya.portal.languages import Language
from moulouya.portal.places.asking import (
    Unanswerable,
    figures_asked,
    indicator_asked,
    one_of,
    refuse,
)
from moulouya.portal.places.compare import level_asked, level_choices
from moulouya.portal.places.comparison import Progress, head, progress, ranks
from moulouya.portal.places.index import Place
from moulouya.portal.places.indicators import Figures, Indicator
from moulouya.portal.places.numbers import Array
from moulouya.portal.places.pages import headline
from moulouya.portal.places.sheets import exact, sheet
from moulouya.portal.places.strips import Bar, bars
from moulouya.portal.places.telling import change_words, value_words, when
from moulouya.portal.rendering import render

BY = ("value", "progress")


@dataclass(frozen=True)
class Ranked:
    """A place in its rank; rank 0 for a place without the figure."""

    rank: int
    place: Place
    value: str
    before: str
    change: str
    progress: Progress | None
    bar: Bar | None


def ranking(request: Request) -> Response:
    """``/{lang}/places/ranking?indicator=…&level=…&within=…&by=value|progress``."""
    return _asked(request, as_sheet=False)


def sheet_of_ranking(request: Request) -> Response:
    """``/{lang}/places/ranking.csv?…``: the same order to take away."""
    return _asked(request, as_sheet=True)


def _asked(request: Request, as_sheet: bool) -> Response:
    try:
        catalogue, figures, spoken = figures_asked(request)
        level, within, shown = level_asked(request, figures.places, spoken)
        text = request.query_params.get("indicator", "")
        indicator = (
            indicator_asked(figures, text, spoken)
            if text
            else next(iter(headline(figures, shown)), None)
        )
        by = one_of(request.query_params.get("by", "value"), BY, spoken)
    except Unanswerable as error:
        return refuse(request, error)
    if indicator is None or indicator.earlier is None:
        by = "value"
    ordered = order(figures, indicator, shown, by, spoken) if indicator is not None else []
    if as_sheet and indicator is not None:
        return _sheet(request, figures, indicator, ordered, spoken)
    themes: dict[str, list[Indicator]] = {name: [] for name in catalogue.region["themes"]}
    for one in figures.indicators:
        themes[one.themes[0]].append(one)
    state = [("indicator", indicator.id if indicator else ""), ("level", level)]
    state += [("within", within.code)] if within is not None else []
    variables = {
        "places": figures.places,
        "levels": figures.places.described.levels,
        "themes": {name: several for name, several in themes.items() if several},
        "indicator": indicator,
        "head": head(catalogue, indicator, spoken) if indicator else None,
        "since": when(indicator.earlier) if indicator and indicator.earlier else "",
        "level": level,
        "within": within,
        "by": by,
        "ranked": [one for one in ordered if one.rank],
        "unknown": [one.place for one in ordered if not one.rank],
        "choices": level_choices(figures.places),
        "state": urlencode(state),
    }
    return render(request, "places/ranking.html", variables)


def order(
    figures: Figures, indicator: Indicator, shown: Sequence[Place], by: str, spoken: Language
) -> list[Ranked]:
    """Places in the order of a figure or of its progress, those without it last."""
    columns = [figures.places.position[place.code] for place in shown]
    now, then = figures.values[indicator.row, columns], figures.before[indicator.row, columns]
    changes = figures.changes(indicator)[columns]
    ruling: Array = np.round(changes, 1) if by == "progress" else now
    ranked = ranks(ruling, indicator.better)
    known = [number for number in np.argsort(ranked, kind="stable") if ranked[number]]
    drawn = dict(
        zip(known, bars([float(ruling[one]) for one in known], spoken.dir == "rtl"), strict=True)
    )
    unknown = [number for number in range(len(shown)) if not ranked[number]]
    return [
        Ranked(
            int(ranked[number]),
            shown[number],
            value_words(float(now[number]), indicator.about, spoken),
            value_words(float(then[number]), indicator.earlier or indicator.about, spoken),
            change_words(float(changes[number]), indicator, spoken),
            progress(float(changes[number]), indicator.better),
            drawn.get(number),
        )
        for number in [*known, *unknown]
    ]


def _sheet(
    request: Request,
    figures: Figures,
    indicator: Indicator,
    ordered: Sequence[Ranked],
    spoken: Language,
) -> Response:
    changes = figures.changes(indicator)
    position = figures.places.position
    header = [
        spoken.text("Rank"), spoken.text("Code"), spoken.text("Place"),
        f"{indicator.about.titles[spoken.code]} {when(indicator.about)}".strip(),
        spoken.text("Value then"), spoken.text("Change"),
    ]  # fmt: skip
    lines = [
        [
            one.rank or None, one.place.code, one.place.names[spoken.code],
            exact(float(figures.values[indicator.row, position[one.place.code]]), indicator.about),
            exact(float(figures.before[indicator.row, position[one.place.code]]), indicator.about),
            None
            if np.isnan(changes[position[one.place.code]])
            else round(float(changes[position[one.place.code]]), 1),
        ]
        for one in ordered
    ]  # fmt: skip
    return sheet(request, f"ranking-{indicator.id}", header, lines)
