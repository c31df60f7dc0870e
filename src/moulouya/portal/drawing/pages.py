"""The addresses of charts and maps: their pages, files and frames for other sites."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moulouya.errors import LakeError
from moulouya.portal import absence
from moulouya.portal.answers import FOREVER, answer
from moulouya.portal.asked import asked
from moulouya.portal.drawing import boundaries, choosing, drawn, placing, standalone
from moulouya.portal.drawing.drawn import Drawn
from moulouya.portal.drawing.figures import names_of
from moulouya.portal.drawing.shape import Column, Shape, shape
from moulouya.portal.drawing.spec import KINDS, Spec, Unfit, parse
from moulouya.portal.headers import EMBEDDABLE
from moulouya.portal.languages import N_, Language, language
from moulouya.portal.licence_names import licence_title
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.reading import TooSlow
from moulouya.portal.records.view import ViewError
from moulouya.portal.rendering import language_of, render

MOST_CHOICES = 400
Draw = Callable[["Asked"], Drawn]


@dataclass(frozen=True)
class Asked:
    """A dataset of the release in the language of the address, and the parameters."""

    catalogue: Catalogue
    dataset: PublishedDataset
    language: Language
    known: Shape
    given: list[tuple[str, str]]


@dataclass(frozen=True)
class Choice:
    """A choice of a form: a column to filter by, its values and the one that is chosen."""

    name: str
    title: str
    values: list[tuple[str, str]]
    chosen: str


def _asked(request: Request) -> Asked:
    catalogue, code = asked(request)
    slug = request.path_params["slug"]
    dataset = catalogue.datasets.get(slug)
    if dataset is None:
        lake = request.app.state.current.lake
        raise absence.of_dataset(lake, catalogue, slug) or HTTPException(404)
    spoken = language(code)
    given = request.query_params.multi_items()
    return Asked(catalogue, dataset, spoken, shape(catalogue, dataset, spoken), given)


def _chart(wanted: Asked) -> Drawn:
    home = wanted.catalogue.region["place"]["code"]
    chosen = choosing.choose(wanted.known, wanted.dataset.slug, home)
    spec = parse(wanted.known, wanted.given, chosen[0] if chosen else None)
    return drawn.chart(wanted.catalogue, wanted.dataset, spec, wanted.language)


def _map(wanted: Asked) -> Drawn:
    base = placing.best(wanted.catalogue, wanted.dataset, wanted.known, wanted.language)
    if base is None:
        raise HTTPException(404)
    spec = placing.parse(wanted.known, wanted.given, base)
    found = drawn.a_map(wanted.catalogue, wanted.dataset, spec, wanted.language)
    if found is None:
        # No row is left: the map of the same columns without conditions, empty of values.
        raise Unfit(N_("No row of this dataset fits these conditions."))
    return found


def _drawn(request: Request, draw: Draw) -> tuple[Asked, Drawn] | Response:
    """The drawing that the address asks for, or the page that says why there is none."""
    wanted = _asked(request)
    try:
        return wanted, draw(wanted)
    except Unfit as error:
        return refusal(request, 400, wanted.language.text(str(error)))
    except ViewError as error:
        return refusal(request, 400, error.told(wanted.language))
    except TooSlow:
        return refusal(request, 503, wanted.language.text("Reading the table took too long."))
    except LakeError:
        return refusal(request, 503, wanted.language.text("The table cannot be read just now."))


def refusal(request: Request, status: int, advice: str) -> Response:
    """The page that says why something cannot be drawn."""
    title = language_of(request).text("This cannot be drawn")
    variables = {"title": title, "advice": advice, "told": [], "status": status}
    return render(request, "problem.html", variables, status=status, cache="no-store")


def _variables(request: Request, wanted: Asked, made: Drawn) -> dict[str, Any]:
    code = wanted.language.code
    definition = wanted.dataset.definition
    attribution = (definition.get("attribution") or {}).get(code, "")
    return {
        "dataset": wanted.dataset,
        "dataset_title": definition["title"][code],
        "title": made.title,
        "drawn": made,
        "full": made.page,
        "source": attribution or _publisher(wanted),
        "licence": wanted.dataset.record["licence"],
        "licence_title": licence_title(wanted.dataset.record["licence"], wanted.language),
        "measures": [(one.name, one.title) for one in wanted.known.of("measure")],
        "aggregates": drawn.aggregates(wanted.language),
        "choices": _choices(wanted, made.spec),
        "kept": _kept(wanted, made.spec),
        "files": {
            form: made.page.replace("/chart?", f"/chart.{form}?").replace("/map?", f"/map.{form}?")
            for form in ("svg", "csv")
        },
    }


def _publisher(wanted: Asked) -> str:
    name = wanted.dataset.record["publisher"]["name"][wanted.language.code]
    return wanted.language.text("Source: %(name)s", name=name)


def _choices(wanted: Asked, spec: Spec) -> list[Choice]:
    """The columns of categories by which rows can be chosen."""
    known, chosen = wanted.known, dict(spec.filters)
    found = []
    for column in known.of("category"):
        if column.name in (spec.x, spec.by):
            continue
        values = _values(column)
        if 2 <= len(values) <= MOST_CHOICES:
            found.append(Choice(column.name, column.title, values, chosen.get(column.name, "")))
    place = known.place
    if place is not None and place.name != spec.x and place.name in known.key:
        names = names_of(wanted.catalogue, place.references, wanted.language)
        if 2 <= len(names) <= MOST_CHOICES:
            named = sorted(names.items(), key=lambda one: (one[0].count("."), one[1]))
            found.append(Choice(place.name, place.title, named, chosen.get(place.name, "")))
    return found


def _values(column: Column) -> list[tuple[str, str]]:
    return list(column.values.items()) or [(one, one) for one in column.shares]


def _kept(wanted: Asked, spec: Spec) -> list[tuple[str, str]]:
    """The conditions for which the form has no choice: it takes them along."""
    shown = {choice.name for choice in _choices(wanted, spec)}
    return [(name, value) for name, value in spec.filters if name not in shown]


def chart(request: Request) -> Response:
    """``/{lang}/datasets/<slug>/chart``: one chart, with a form to change it."""
    found = _drawn(request, _chart)
    if isinstance(found, Response):
        return found
    wanted, made = found
    kinds = [(name, wanted.language.text(words)) for name, words in KINDS.items()]
    axes = [(one.name, one.title) for one in wanted.known.of("place", "category", "time")]
    splits = [(one.name, one.title) for one in wanted.known.of("category")]
    return render(
        request,
        "drawing/chart.html",
        {**_variables(request, wanted, made), "kinds": kinds, "axes": axes, "splits": splits},
    )


def map_(request: Request) -> Response:
    """``/{lang}/datasets/<slug>/map``: a map, with a form to change what it shows."""
    found = _drawn(request, _map)
    if isinstance(found, Response):
        return found
    return render(request, "drawing/map.html", _variables(request, *found))


def embedded_chart(request: Request) -> Response:
    """``/{lang}/embed/<slug>/chart``: the chart alone, for a frame of another site."""
    return _embedded(request, _chart)


def embedded_map(request: Request) -> Response:
    """``/{lang}/embed/<slug>/map``: the map alone, for a frame of another site."""
    return _embedded(request, _map)


def _embedded(request: Request, draw: Draw) -> Response:
    found = _drawn(request, draw)
    if isinstance(found, Response):
        return found
    return render(request, "drawing/embedded.html", _variables(request, *found), headers=EMBEDDABLE)


def chart_file(request: Request) -> Response:
    """``/{lang}/datasets/<slug>/chart.svg`` or ``.csv``: the chart, or its table, to take away."""
    return _file(request, _chart)


def map_file(request: Request) -> Response:
    """``/{lang}/datasets/<slug>/map.svg`` or ``.csv``: the map, or its table, to take away."""
    return _file(request, _map)


def _file(request: Request, draw: Draw) -> Response:
    form = request.path_params["form"]
    if form not in ("svg", "csv"):
        raise HTTPException(404)
    found = _drawn(request, draw)
    if isinstance(found, Response):
        return found
    wanted, made = found
    name = quote(re.sub(r'[\\/:*?"<>|\s]+', "-", f"{wanted.dataset.slug}-{made.title}")[:80])
    plain = f"{wanted.dataset.slug}.{form}"
    headers = {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{name}.{form}"
    }
    if form == "csv":
        return answer(request, made.csv(), "text/csv; charset=utf-8", headers=headers)
    definition = wanted.dataset.definition
    code = wanted.language.code
    source = (definition.get("attribution") or {}).get(code) or _publisher(wanted)
    body = standalone.svg(made.svg, made.title, source, wanted.language)
    return answer(request, body, "image/svg+xml; charset=utf-8", headers=headers)


def shapes(request: Request) -> Response:
    """``/maps/<slug>/<version>.geojson``: simplified boundaries, for maps that move."""
    catalogue = request.app.state.current.catalogue()
    dataset = catalogue.datasets.get(request.path_params["slug"]) if catalogue else None
    if dataset is None or str(dataset.number) != request.path_params["version"]:
        raise HTTPException(404)
    try:
        found = boundaries.load(catalogue, dataset)
    except (LakeError, TooSlow) as error:
        raise HTTPException(503) from error
    if found is None:
        raise HTTPException(404)
    headers = {"Access-Control-Allow-Origin": "*"}
    return answer(
        request, boundaries.geojson(found), "application/geo+json", cache=FOREVER, headers=headers
    )


ROUTES = [
    Route("/maps/{slug}/{version}.geojson", shapes),
    Route("/{lang}/datasets/{slug}/chart", chart),
    Route("/{lang}/datasets/{slug}/chart.{form}", chart_file),
    Route("/{lang}/datasets/{slug}/map", map_),
    Route("/{lang}/datasets/{slug}/map.{form}", map_file),
    Route("/{lang}/embed/{slug}/chart", embedded_chart),
    Route("/{lang}/embed/{slug}/map", embedded_map),
]
