"""The pages that lead to datasets: home, the list with its search, one theme."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from moulouya.portal.answers import SHORT
from moulouya.portal.asked import asked
from moulouya.portal.languages import language, preferred
from moulouya.portal.places.mentioned import mentioned, rows_about
from moulouya.portal.presentation import Card, card
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.records import bulk
from moulouya.portal.rendering import has_places, offered, render
from moulouya.portal.search import front, labels, opensearch, suggest
from moulouya.portal.search.listing import Found, find
from moulouya.portal.search.wanted import Wanted
from moulouya.portal.standards import schema_org
from moulouya.portal.standards.asking import voice_of


def root(request: Request) -> Response:
    """``/``: to the catalogue in the language that the browser prefers."""
    codes = offered(request.app.state.current.catalogue())
    code = preferred(request.headers.get("accept-language", ""), codes)
    headers = {"Vary": "Accept-Language", "Cache-Control": "public, max-age=60"}
    return RedirectResponse(f"/{code}/", 302, headers)


def to_home(request: Request) -> Response:
    """``/{lang}``: home has a slash at its end."""
    _, code = asked(request)
    return RedirectResponse(f"/{code}/", 301)


def home(request: Request) -> Response:
    """``/{lang}/``: what this catalogue is, search, themes, and what is new, used and late."""
    catalogue, code = asked(request)
    state = request.app.state
    now = dt.datetime.now(dt.UTC)
    looks = state.looks.known(catalogue)
    table = state.search.table(catalogue)
    variables = front.gather(catalogue, table, state.usage, looks, language(code), now)
    variables["linked"] = schema_org.of_catalogue(voice_of(request), language(code))
    return render(request, "home.html", {**variables, "bulk": bulk.contents(catalogue)})


def datasets(request: Request) -> Response:
    """``/{lang}/datasets``: search, facets and the list."""
    catalogue, code = asked(request)
    wanted = Wanted.of(request.query_params)
    found = _found(request, catalogue, wanted, code)
    path, spoken = f"/{code}/datasets", language(code)
    places = mentioned(catalogue, [place.code for place in found.places], spoken)
    listed = [catalogue.datasets[slug] for slug in found.slugs]
    variables = {
        **_list(request, catalogue, wanted, found, path),
        "mentioned": places,
        "about": rows_about(catalogue, listed, places, spoken),
        "facets": labels.facets(catalogue, found, wanted, path, spoken),
        "chips": labels.chips(catalogue, wanted, path, spoken),
        "clear": Wanted(query=wanted.query, sort=wanted.sort).href(path),
    }
    return render(request, "datasets.html", variables, cache=SHORT if found.whole else "no-store")


def theme(request: Request) -> Response:
    """``/{lang}/themes/<theme>``: the datasets of one theme, the newest first."""
    catalogue, code = asked(request)
    name = request.path_params["theme"]
    if name not in catalogue.region["themes"]:
        raise HTTPException(404)
    asking = Wanted.of(request.query_params)
    within = Wanted(chosen={"theme": (name,)}, sort=asking.sort, page=asking.page)
    found = _found(request, catalogue, within, code)
    shown = Wanted(sort=asking.sort, page=asking.page)
    said = catalogue.region["themes"][name]
    of_theme = [one for one in catalogue.datasets.values() if name in one.themes]
    variables = {
        **_list(request, catalogue, shown, found, f"/{code}/themes/{name}"),
        "theme": name,
        "bulk": bulk.contents(catalogue, name),
        "figures": has_places(catalogue),
        "title": said["title"][code],
        "description": (said.get("description") or {}).get(code, ""),
        "total_rows": sum(one.rows for one in of_theme),
        "changed": max((one.created for one in of_theme), default=None),
        "example": next((one for one in of_theme if one.theme == name), None),
    }
    return render(request, "theme.html", variables)


def _found(request: Request, catalogue: Catalogue, wanted: Wanted, code: str) -> Found:
    state = request.app.state
    now = dt.datetime.now(dt.UTC)
    return find(state.search, catalogue, wanted, code, state.looks.known(catalogue), now)


def _list(
    request: Request, catalogue: Catalogue, wanted: Wanted, found: Found, path: str
) -> dict[str, Any]:
    """What every list shows: its cards, its orders and the pages around it."""
    spoken = language(request.path_params["lang"])
    shown = (catalogue.datasets[slug] for slug in found.slugs)
    orders = [name for name in labels.SORTS if wanted.query or name != "relevance"]
    meant = wanted.changed(query=found.meant)
    return {
        "wanted": wanted,
        "found": found,
        "cards": _cards(request, catalogue, shown),
        "orders": [
            (spoken.text(labels.SORTS[name]), wanted.changed(sort=name).href(path),
             name == wanted.order)
            for name in orders
        ],
        "meant": (found.meant, meant.href(path)) if found.meant else None,
        "previous": wanted.changed(page=found.page - 1).href(path) if found.page > 1 else "",
        "next": wanted.changed(page=found.page + 1).href(path) if found.page < found.pages else "",
        "numbered": [
            (number, wanted.changed(page=number).href(path))
            for number in _near(found.page, found.pages)
        ],
    }  # fmt: skip


def _near(page: int, pages: int) -> list[int]:
    """Numbers of pages to lead to: the first, the last and those beside this one; 0 for a gap."""
    wanted = sorted({1, pages, *range(max(1, page - 1), min(pages, page + 1) + 1)})
    found: list[int] = []
    for number in wanted:
        if found and number > found[-1] + 1:
            found.append(0)
        found.append(number)
    return found


def _cards(request: Request, catalogue: Catalogue, shown: Iterable[PublishedDataset]) -> list[Card]:
    looks = request.app.state.looks.known(catalogue)
    now = dt.datetime.now(dt.UTC)
    spoken = language(request.path_params["lang"])
    return [card(dataset, looks, spoken, now) for dataset in shown]


ROUTES = [
    Route("/", root),
    Route("/{lang}", to_home),
    Route("/{lang}/", home),
    Route("/{lang}/datasets", datasets),
    Route("/{lang}/themes/{theme}", theme),
    Route("/{lang}/suggest", suggest.suggest),
    Route("/{lang}/opensearch.xml", opensearch.description),
]
