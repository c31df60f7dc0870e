"""The pages that people read: the list of datasets, one theme, one dataset."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moulouya.portal import absence, dataset_page
from moulouya.portal.languages import language, preferred
from moulouya.portal.presentation import Card, card
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.rendering import offered, render
from moulouya.portal.search import find


def home(request: Request) -> Response:
    """``/``: to the catalogue in the language that the browser prefers."""
    codes = offered(request.app.state.current.catalogue())
    code = preferred(request.headers.get("accept-language", ""), codes)
    headers = {"Vary": "Accept-Language", "Cache-Control": "public, max-age=60"}
    return RedirectResponse(f"/{code}/", 302, headers)


def index(request: Request) -> Response:
    """``/{lang}/``: what this catalogue is, search, and every dataset by theme."""
    catalogue, code = _asked(request)
    return render(request, "index.html", _list(request, catalogue, code, front=True))


def datasets(request: Request) -> Response:
    """``/{lang}/datasets``: search and the list alone."""
    catalogue, code = _asked(request)
    return render(request, "index.html", _list(request, catalogue, code, front=False))


def theme(request: Request) -> Response:
    """``/{lang}/themes/<theme>``: the datasets of one theme."""
    catalogue, code = _asked(request)
    name = request.path_params["theme"]
    if name not in catalogue.region["themes"]:
        raise HTTPException(404)
    shown = [dataset for dataset in catalogue.datasets.values() if name in dataset.themes]
    variables = {
        "theme": name,
        "title": catalogue.region["themes"][name]["title"][code],
        "cards": _cards(request, catalogue, shown, code),
        "example": next((dataset for dataset in shown if dataset.theme == name), None),
    }
    return render(request, "theme.html", variables)


def dataset(request: Request) -> Response:
    """``/{lang}/datasets/<slug>``: everything about one dataset."""
    catalogue, code = _asked(request)
    state = request.app.state
    slug = request.path_params["slug"]
    found = catalogue.datasets.get(slug)
    if found is None:
        raise absence.of_dataset(state.current.lake, catalogue, slug) or HTTPException(404)
    variables = dataset_page.gather(
        state.current.lake,
        catalogue,
        found,
        state.looks.known(catalogue),
        language(code),
        dt.datetime.now(dt.UTC),
        state.public_url,
    )
    return render(request, "dataset.html", variables)


def to_index(request: Request) -> Response:
    """``/{lang}``: the index has a slash at its end."""
    _, code = _asked(request)
    return RedirectResponse(f"/{code}/", 301)


def _asked(request: Request) -> tuple[Catalogue, str]:
    """The release being served and the language of the address."""
    catalogue: Catalogue | None = request.app.state.current.catalogue()
    code: str = request.path_params["lang"]
    if code not in offered(catalogue):
        raise HTTPException(404)
    if catalogue is None:
        raise HTTPException(503)
    return catalogue, code


def _cards(
    request: Request, catalogue: Catalogue, shown: Iterable[PublishedDataset], code: str
) -> list[Card]:
    looks = request.app.state.looks.known(catalogue)
    now = dt.datetime.now(dt.UTC)
    return [card(dataset, looks, language(code), now) for dataset in shown]


def _list(request: Request, catalogue: Catalogue, code: str, front: bool) -> dict[str, Any]:
    """Datasets that fit the search and the theme filter: by theme, or by fit for a search."""
    query = request.query_params.get("q", "").strip()[:200]
    wanted = request.query_params.get("theme", "")
    themes = catalogue.region["themes"]
    hits = find(catalogue, query)
    counts = {name: sum(name in dataset.themes for dataset in hits) for name in themes}
    shown = [dataset for dataset in hits if not wanted or wanted in dataset.themes]
    cards = _cards(request, catalogue, shown, code)
    groups = [(name, [card for card in cards if card.theme == name]) for name in themes]
    return {
        "front": front,
        "query": query,
        "wanted": wanted,
        "counts": {name: number for name, number in counts.items() if number or name == wanted},
        "hits": len(hits),
        "cards": cards,
        "groups": [(name, group) for name, group in groups if group],
        "rows": sum(dataset.rows for dataset in catalogue.datasets.values()),
        "late": [card for card in cards if card.time.late_since],
    }
