"""The addresses of places; the more particular ones before those with a code."""

from __future__ import annotations

from starlette.routing import Route

from moulouya.portal.places.compare import (
    compare,
    sheet_of_comparison,
    sheet_of_theme,
    theme_figures,
)
from moulouya.portal.places.pages import embedded, index, place, sheet_of_place
from moulouya.portal.places.ranking import ranking, sheet_of_ranking

ROUTES = [
    Route("/{lang}/places", index),
    Route("/{lang}/places/compare", compare),
    Route("/{lang}/places/compare.csv", sheet_of_comparison),
    Route("/{lang}/places/ranking", ranking),
    Route("/{lang}/places/ranking.csv", sheet_of_ranking),
    Route("/{lang}/places/{code}", place),
    Route("/{lang}/places/{code}/indicators.csv", sheet_of_place),
    Route("/{lang}/embed/places/{code}", embedded),
    Route("/{lang}/themes/{theme}/figures", theme_figures),
    Route("/{lang}/themes/{theme}/figures.csv", sheet_of_theme),
]
