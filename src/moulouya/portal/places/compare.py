"""Several places side by side, and the figures of a theme for a level."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moulouya.portal.languages import Language
from moulouya.portal.places.asking import (
    Unanswerable,
    figures_asked,
    one_of,
    place_named,
    refuse,
)
from moulouya.portal.places.comparison import compared_with, key_figures, table
from moulouya.portal.places.index import Place, Places
from moulouya.portal.places.indicators import Figures, Indicator, indicators_of_theme
from moulouya.portal.places.pages import headline
from moulouya.portal.places.sheets import exact, sheet
from moulouya.portal.places.telling import unit_of, when
from moulouya.portal.published import Catalogue
from moulouya.portal.rendering import render

MOST = 6
FEWEST = 2
# Of an example: the places that fit beside each other on a desk.
SHOWN = 4
MOST_EXAMPLES = 9
MOST_FIELDS = 40


def compare(request: Request) -> Response:
    """``/{lang}/places/compare?code=…&code=…&theme=…``: up to six places side by side."""
    try:
        catalogue, figures, spoken = figures_asked(request)
        chosen = _chosen(request, figures.places, spoken)
        theme = _theme(request, catalogue, spoken)
    except Unanswerable as error:
        return refuse(request, error)
    codes = [place.code for place in chosen]
    if chosen and codes != request.query_params.getlist("code"):
        asked = [("code", code) for code in codes] + ([("theme", theme)] if theme else [])
        return RedirectResponse(f"{request.url.path}?{urlencode(asked)}", 303)
    groups = _groups(catalogue, figures, chosen, theme, spoken) if chosen else []
    variables = {
        "places": figures.places,
        "levels": figures.places.described.levels,
        "chosen": chosen,
        "fields": [*chosen, *[None] * (MOST - len(chosen))],
        "open": max(FEWEST, len(chosen)),
        "theme": theme,
        "groups": groups,
        "state": urlencode([("code", code) for code in codes]),
        "examples": _examples(figures),
    }
    return render(request, "places/compare.html", variables)


def sheet_of_comparison(request: Request) -> Response:
    """``/{lang}/places/compare.csv?code=…``: the same table to take away, with every figure."""
    try:
        catalogue, figures, spoken = figures_asked(request)
        chosen = _chosen(request, figures.places, spoken)
        theme = _theme(request, catalogue, spoken)
    except Unanswerable as error:
        return refuse(request, error)
    shown = indicators_of_theme(catalogue, theme) if theme else figures.indicators
    return table_sheet(request, catalogue, figures, chosen, shown, spoken, "comparison")


def theme_figures(request: Request) -> Response:
    """``/{lang}/themes/<theme>/figures?level=…&within=…``: a theme for those who decide."""
    return _of_theme(request, as_sheet=False)


def sheet_of_theme(request: Request) -> Response:
    """``/{lang}/themes/<theme>/figures.csv?…``: the same places with every figure of the theme."""
    return _of_theme(request, as_sheet=True)


def _of_theme(request: Request, as_sheet: bool) -> Response:
    try:
        catalogue, figures, spoken = figures_asked(request)
        theme = request.path_params["theme"]
        if theme not in catalogue.region["themes"]:
            raise HTTPException(404)
        level, within, shown = level_asked(request, figures.places, spoken)
    except Unanswerable as error:
        return refuse(request, error)
    indicators = indicators_of_theme(catalogue, theme)
    around = [within, *compared_with(figures, within)] if within else []
    columns = [*around[::-1], *shown]
    few = key_figures(indicators, figures, shown)
    whole = request.query_params.get("all") == "1"
    if as_sheet:
        return table_sheet(request, catalogue, figures, columns, indicators, spoken, theme)
    picked = list(indicators) if whole else few
    variables = {
        "theme": theme,
        "title": catalogue.region["themes"][theme]["title"][spoken.code],
        "places": figures.places,
        "levels": figures.places.described.levels,
        "level": level,
        "within": within,
        "columns": columns,
        "lines": table(catalogue, figures, columns, picked, spoken, marked=shown),
        "whole": whole,
        "more": len(indicators) - len(few),
        "choices": level_choices(figures.places),
        "state": urlencode([("level", level), *([("within", within.code)] if within else [])]),
    }
    return render(request, "places/theme.html", variables)


def table_sheet(
    request: Request,
    catalogue: Catalogue,
    figures: Figures,
    columns: Sequence[Place],
    indicators: Sequence[Indicator],
    spoken: Language,
    name: str,
) -> Response:
    """A table of places as CSV: a row for each figure, a column for each place."""
    position = figures.places.position
    header = [
        "indicator", spoken.text("Figure"), spoken.text("Unit"), spoken.text("Year"),
        *(f"{place.names[spoken.code]} ({place.code})" for place in columns),
        spoken.text("Dataset"), spoken.text("Version"),
    ]  # fmt: skip
    lines = [
        [
            one.id, one.about.titles[spoken.code],
            unit_of(catalogue, one.about, spoken) or one.about.unit, when(one.about),
            *(exact(float(figures.values[one.row, position[place.code]]), one.about)
              for place in columns),
            one.about.slug, catalogue.datasets[one.about.slug].number,
        ]
        for one in indicators
    ]  # fmt: skip
    return sheet(request, f"{name}-{spoken.code}", header, lines)


def level_asked(
    request: Request, places: Places, spoken: Language
) -> tuple[str, Place | None, tuple[Place, ...]]:
    """The level and the area of an address, and the places of that level in it.

    Without a level, the widest that has more than one place.
    """
    several = [level for level in places.levels if len(places.of_level(level)) > 1]
    default = several[0] if several else places.levels[-1]
    level = one_of(request.query_params.get("level") or default, places.levels, spoken)
    text = request.query_params.get("within", "")
    if not text:
        within = places.by_code[places.home] if places.home else None
        if within is not None and not places.inside(within.code, level):
            within = None
        return (
            level,
            within,
            places.inside(within.code, level) if within else places.of_level(level),
        )
    within = place_named(places, text, spoken)
    shown = places.inside(within.code, level)
    if not shown:
        told = spoken.text(
            "%(place)s has no places of this level in it: %(level)s.",
            place=within.names[spoken.code],
            level=places.described.levels[level].plural[spoken.code],
        )
        raise Unanswerable(told)
    return level, within, shown


def level_choices(places: Places) -> list[tuple[str, Place | None]]:
    """What may be compared: every level in the region, and the smallest in each area."""
    smallest = places.levels[-1]
    home = places.by_code[places.home] if places.home else None
    choices: list[tuple[str, Place | None]] = [
        (level, None) for level in places.levels if len(places.of_level(level)) > 1
    ]
    within = places.described.within(smallest)
    if within and within in places.levels and (home is None or within != home.level):
        choices.extend((smallest, area) for area in places.of_level(within))
    return choices


def _chosen(request: Request, places: Places, spoken: Language) -> list[Place]:
    """The places of an address; empty fields are passed over, one named twice counts once."""
    given = request.query_params.getlist("code")
    texts = [text for text in given[:MOST_FIELDS] if text.strip()]
    named = {place.code: place for place in (place_named(places, one, spoken) for one in texts)}
    if len(named) > MOST or len(given) > MOST_FIELDS:
        raise Unanswerable(
            spoken.count(
                "No more than %(n)s place can be compared at once.",
                "No more than %(n)s places can be compared at once.",
                MOST,
            )
        )
    return list(named.values())


def _theme(request: Request, catalogue: Catalogue, spoken: Language) -> str:
    theme = request.query_params.get("theme", "")
    return one_of(theme, catalogue.region["themes"], spoken) if theme else ""


def _groups(
    catalogue: Catalogue,
    figures: Figures,
    chosen: Sequence[Place],
    theme: str,
    spoken: Language,
) -> list[tuple[str, int, object]]:
    """The table by theme: all figures of the theme asked for, else the key figures of each."""
    groups: list[tuple[str, int, object]] = []
    if not theme:
        opening = headline(figures, chosen)
        groups.append(("", 0, table(catalogue, figures, chosen, opening, spoken)))
    for name in catalogue.region["themes"]:
        if theme and name != theme:
            continue
        several = [one for one in figures.indicators if one.themes[0] == name]
        if theme:
            several = list(indicators_of_theme(catalogue, name))
        shown = several if theme else key_figures(several, figures, chosen)
        lines = table(catalogue, figures, chosen, shown, spoken)
        if lines:
            groups.append((name, len(several), lines))
    return groups


def _examples(figures: Figures) -> list[tuple[Place, tuple[Place, ...]]]:
    """Comparisons to begin with: the places of each area, the largest where they are many.

    Large by the first of the counts that open a page; without any, areas with few places only.
    """
    places = figures.places
    named = (figures.by_id.get(one) for one in places.described.headline)
    size = next((one for one in named if one is not None and one.counted), None)
    examples = []
    for level in places.levels[:-1]:
        parts = [one for one in places.levels if places.described.within(one) == level]
        for place in places.of_level(level) if parts else ():
            inside = list(places.inside(place.code, parts[-1]))
            if len(inside) > MOST and size is not None:
                inside.sort(key=lambda one: -(figures.value(size, one.code) or 0.0))
                inside = sorted(inside[:SHOWN], key=lambda one: places.position[one.code])
            if 1 < len(inside) <= MOST:
                examples.append((place, tuple(inside)))
    return examples[:MOST_EXAMPLES]
