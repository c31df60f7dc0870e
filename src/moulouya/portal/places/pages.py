"""The list of places and the page of one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from moulouya.portal.headers import EMBEDDABLE
from moulouya.portal.languages import Language
from moulouya.portal.places.asking import (
    LONGEST,
    Unanswerable,
    figures_asked,
    one_of,
    place_named,
    refuse,
    search,
)
from moulouya.portal.places.comparison import compared_with, head, key_figures, ranks, rows, table
from moulouya.portal.places.index import Place, Places
from moulouya.portal.places.indicators import Figures, Indicator
from moulouya.portal.places.locator import locator
from moulouya.portal.places.sheets import exact, sheet
from moulouya.portal.places.telling import change_words, unit_of, value_words, when
from moulouya.portal.published import Catalogue
from moulouya.portal.rendering import render

MOST_TILES = 8
MOST_COLUMNS = 6
BY_NAME = "name"


@dataclass(frozen=True)
class Tile:
    """A headline figure of a place."""

    title: str
    value: str
    unit: str
    when: str
    change: str
    since: str


@dataclass(frozen=True)
class Branch:
    """A place of the list with the smallest places in it."""

    place: Place
    inside: tuple[Place, ...]


def index(request: Request) -> Response:
    """``/{lang}/places?q=…``: find a place by name or code, or go down the tree."""
    _, figures, _ = figures_asked(request)
    places = figures.places
    query = request.query_params.get("q", "").strip()[:LONGEST]
    smallest = places.levels[-1]
    parts = places.described.within(smallest)
    variables = {
        "figures": figures,
        "places": places,
        "levels": places.described.levels,
        "query": query,
        "found": search(places, query)[:200] if query else [],
        "wide": [
            one
            for level in places.levels[: _depth(places, parts)]
            for one in places.of_level(level)
        ],
        "branches": [
            Branch(place, places.inside(place.code, smallest))
            for place in places.of_level(parts or smallest)
        ],
        "smallest": smallest,
    }  # fmt: skip
    return render(request, "places/index.html", variables)


def _depth(places: Places, level: str | None) -> int:
    return places.levels.index(level) if level in places.levels else 0


def place(request: Request) -> Response:
    """``/{lang}/places/<code>?theme=…&sort=…``: one place and its figures."""
    try:
        catalogue, figures, spoken = figures_asked(request)
        found = place_named(figures.places, request.path_params["code"], spoken, status=404)
        wanted = request.query_params.get("theme", "")
        themes = _themes(catalogue, figures, found)
        if wanted:
            one_of(wanted, themes, spoken)
        children = _children(request, catalogue, figures, found, spoken)
    except Unanswerable as error:
        return refuse(request, error)
    places = figures.places
    groups = []
    for theme, several in themes.items():
        if not wanted or theme == wanted:
            shown = list(several) if wanted else key_figures(several, figures, [found])
            groups.append((theme, len(several), rows(catalogue, figures, found, shown, spoken)))
    peered, peers = places.peers(found)
    variables = {
        "place": found,
        "places": places,
        "levels": places.described.levels,
        "above": places.ancestors(found.code)[::-1],
        "against": compared_with(figures, found),
        "tiles": _tiles(catalogue, figures, found, spoken),
        "themes": {theme: len(several) for theme, several in themes.items()},
        "wanted": wanted,
        "groups": groups,
        "peered": peered,
        "peers": peers,
        "between": [
            one for one in places.children(found.code) if one.level != places.levels[-1]
        ] if children and children["level"] == places.levels[-1] else [],
        "children": children,
        "map": locator(catalogue, places, found, spoken),
    }  # fmt: skip
    return render(request, "places/place.html", variables)


def embedded(request: Request) -> Response:
    """``/{lang}/embed/places/<code>``: the headline figures of a place, for another site."""
    try:
        catalogue, figures, spoken = figures_asked(request)
        found = place_named(figures.places, request.path_params["code"], spoken, status=404)
    except Unanswerable as error:
        return refuse(request, error)
    shown = headline(figures, [found])[:MOST_TILES]
    sources = (catalogue.datasets[one.about.slug].record["publisher"] for one in shown)
    variables = {
        "place": found,
        "level": figures.places.described.levels[found.level].title.model_dump()[spoken.code],
        "tiles": _tiles(catalogue, figures, found, spoken),
        "sources": list(dict.fromkeys(source["name"][spoken.code] for source in sources)),
        "map": locator(catalogue, figures.places, found, spoken),
        "full": f"/{spoken.code}/places/{quote(found.code)}",
    }
    return render(request, "places/embedded.html", variables, headers=EMBEDDABLE)


def sheet_of_place(request: Request) -> Response:
    """``/{lang}/places/<code>/indicators.csv``: every figure of a place."""
    try:
        catalogue, figures, spoken = figures_asked(request)
        found = place_named(figures.places, request.path_params["code"], spoken, status=404)
    except Unanswerable as error:
        return refuse(request, error)
    position = figures.places.position
    against = compared_with(figures, found)
    own = position[found.code]
    _, peers = figures.places.peers(found)
    among = [position[one.code] for one in peers]
    header = [
        "indicator", spoken.text("Figure"), spoken.text("Unit"), spoken.text("Year"),
        found.names[spoken.code], *(one.names[spoken.code] for one in against),
        spoken.text("Rank"), spoken.text("Out of"), spoken.text("Year before"),
        spoken.text("Value then"), spoken.text("Change"), spoken.text("Dataset"),
        spoken.text("Version"),
    ]  # fmt: skip
    lines = []
    for one in figures.indicators:
        values = figures.values[one.row]
        if np.isnan(values[own]):
            continue
        ranked = ranks(values[among], one.better)
        change = float(figures.changes(one)[own])
        unit = one.about.unit if one.about.unit in "%‰" else unit_of(catalogue, one.about, spoken)
        lines.append([
            one.id, one.about.titles[spoken.code], unit, when(one.about),
            *(exact(float(values[position[code]]), one.about)
              for code in (found.code, *(other.code for other in against))),
            int(ranked[among.index(own)]), int(np.count_nonzero(ranked)),
            when(one.earlier) if one.earlier else "",
            exact(float(figures.before[one.row, own]), one.about),
            None if np.isnan(change) else round(change, 1),
            one.about.slug, catalogue.datasets[one.about.slug].number,
        ])  # fmt: skip
    return sheet(request, f"{found.code}-{spoken.code}", header, lines)


def _themes(
    catalogue: Catalogue, figures: Figures, found: Place
) -> dict[str, tuple[Indicator, ...]]:
    """The themes of which a place has figures, each figure under its dataset's own theme."""
    own = ~np.isnan(figures.values[:, figures.places.position[found.code]])
    grouped: dict[str, list[Indicator]] = {theme: [] for theme in catalogue.region["themes"]}
    for indicator in figures.indicators:
        if own[indicator.row]:
            grouped[indicator.themes[0]].append(indicator)
    return {theme: tuple(several) for theme, several in grouped.items() if several}


def _tiles(catalogue: Catalogue, figures: Figures, found: Place, spoken: Language) -> list[Tile]:
    tiles = []
    for indicator in headline(figures, [found])[:MOST_TILES]:
        value = figures.value(indicator, found.code)
        change = float(figures.changes(indicator)[figures.places.position[found.code]])
        tiles.append(
            Tile(
                indicator.about.titles[spoken.code],
                value_words(value, indicator.about, spoken),
                unit_of(catalogue, indicator.about, spoken),
                when(indicator.about),
                change_words(change, indicator, spoken),
                when(indicator.earlier) if indicator.earlier else "",
            )
        )
    return tiles


def headline(figures: Figures, shown: Sequence[Place]) -> list[Indicator]:
    """The figures that region.yml names to open a page, as far as one of the places has them.

    Without any, those that say most.
    """
    columns = [figures.places.position[one.code] for one in shown]
    named = [figures.by_id.get(one) for one in figures.places.described.headline]
    known = [
        one
        for one in named
        if one is not None and not np.isnan(figures.values[one.row, columns]).all()
    ]
    return known or key_figures(figures.indicators, figures, shown)


def _inside(figures: Figures, found: Place) -> tuple[Place, ...]:
    """The places that are ranked within a place; otherwise the smallest ones in it."""
    places = figures.places
    for level in reversed(places.levels):
        if places.described.within(level) == found.level and places.inside(found.code, level):
            return places.inside(found.code, level)
    return places.inside(found.code, places.levels[-1])


def _children(
    request: Request, catalogue: Catalogue, figures: Figures, found: Place, spoken: Language
) -> dict[str, object] | None:
    """The places in a place, on its headline figures, in the order that the address asks for."""
    inside = list(_inside(figures, found))
    if not inside:
        return None
    chosen = headline(figures, inside)[:MOST_COLUMNS]
    sort = request.query_params.get("sort", BY_NAME)
    down = one_of(request.query_params.get("order", "asc"), ("asc", "desc"), spoken) == "desc"
    by_id = {one.id: one for one in chosen}
    one_of(sort, {BY_NAME: None, **by_id}, spoken)
    if sort == BY_NAME:
        inside.sort(key=lambda one: one.names[spoken.code], reverse=down)
    else:
        inside.sort(key=lambda one: _sorting(figures, by_id[sort], one, down))
    lines = table(catalogue, figures, inside, chosen, spoken)
    return {
        "level": inside[0].level,
        "places": inside,
        "heads": [head(catalogue, one, spoken) for one in chosen],
        "lines": lines,
        "sort": sort,
        "order": "desc" if down else "asc",
        "by_name": BY_NAME,
    }


def _sorting(figures: Figures, by: Indicator, one: Place, down: bool) -> tuple[bool, float]:
    value = figures.value(by, one.code)
    return value is None, 0.0 if value is None else (-value if down else value)
