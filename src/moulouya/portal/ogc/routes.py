"""The addresses of OGC API: JSON below ``/ogc``, the same as pages below ``/<language>/ogc``."""

from __future__ import annotations

from collections.abc import Collection

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from moulouya.portal import absence, downloads
from moulouya.portal.ogc import catalogue, describing, items, openapi, pages, parameters, schemas
from moulouya.portal.ogc.answering import Document, Handler, Known, Stream, as_json
from moulouya.portal.ogc.asking import BASE, Asked
from moulouya.portal.ogc.layers import CATALOG, Layer, layer_of
from moulouya.portal.ogc.saying import PROPERTIES


def _layer(request: Request) -> Layer | None:
    """The dataset of the address, None for the catalogue; 404 or 410 for any other."""
    name = request.path_params["collection"]
    if name == CATALOG:
        return None
    served = downloads.served(request.app.state.current)
    dataset = served.datasets.get(name)
    if dataset is None:
        gone = absence.of_dataset(request.app.state.current.lake, served, name)
        raise gone or HTTPException(404, "there is no such collection")
    layer = layer_of(dataset)
    if layer is None:
        raise HTTPException(404, "nothing of this dataset lies on a map")
    return layer


def _everywhere(request: Request) -> Collection[str]:
    if "collection" in request.path_params:
        _layer(request)
    return parameters.EVERYWHERE


def _of_item(request: Request) -> Collection[str]:
    _layer(request)
    return parameters.ITEM


def _of_items(request: Request) -> Collection[str]:
    layer = _layer(request)
    if layer is None:
        return [*parameters.RECORDS, *parameters.UNTOLD, *PROPERTIES]
    return [*parameters.RESERVED, *schemas.parameters_of(layer)]


def _collection(asked: Asked) -> Document:
    return describing.collection(asked, _layer(asked.request))


def _items(asked: Asked) -> Document | Stream:
    layer = _layer(asked.request)
    return catalogue.page(asked) if layer is None else items.page(asked, layer)


def _item(asked: Asked) -> Document | Stream:
    layer, name = _layer(asked.request), asked.request.path_params["item"]
    return catalogue.one(asked, name) if layer is None else items.one(asked, layer, name)


def _schema(asked: Asked) -> Document:
    layer, name = _layer(asked.request), asked.request.url.path.rpartition("/")[2]
    if layer is None:
        return schemas.of_records(asked, name)
    return schemas.of_features(asked, layer, name)


def _feature_schema(asked: Asked) -> Document:
    layer = _layer(asked.request)
    if layer is None:
        raise HTTPException(404, "records have no such schema")
    return schemas.of_a_feature(asked, layer)


_ONE = "/collections/{collection}"
_HANDLERS: tuple[tuple[str, Known, Handler], ...] = (
    ("", _everywhere, describing.landing),
    ("/conformance", _everywhere, describing.conformance),
    ("/api", _everywhere, openapi.document),
    ("/collections", _everywhere, describing.collections),
    (_ONE, _everywhere, _collection),
    (f"{_ONE}/queryables", _everywhere, _schema),
    (f"{_ONE}/sortables", _everywhere, _schema),
    (f"{_ONE}/schema", _everywhere, _schema),
    (f"{_ONE}/schemas/feature", _everywhere, _feature_schema),
    (f"{_ONE}/items", _of_items, _items),
    (f"{_ONE}/items/{{item:path}}", _of_item, _item),
)
_PAGES = [Route(path or "/", pages.as_page(known, handler)) for path, known, handler in _HANDLERS]


def _page(request: Request) -> Response:
    """``/<language>/ogc…``: the page of a document, which has the document's parameters."""
    below = {**request.scope, "path": f"/{request.path_params.get('rest', '')}"}
    for route in _PAGES:
        matched, found = route.matches(below)
        if matched is Match.FULL:
            request.path_params.update(found["path_params"])
            answered: Response = route.endpoint(request)
            return answered
    raise HTTPException(404)


ROUTES: list[Route] = [
    Route(f"{BASE}/", as_json(_everywhere, describing.landing), methods=["GET", "OPTIONS"]),
    *(
        Route(f"{BASE}{path}", as_json(known, handler), methods=["GET", "OPTIONS"])
        for path, known, handler in _HANDLERS
    ),
    Route(f"/{{lang}}{BASE}", _page),
    Route(f"/{{lang}}{BASE}/{{rest:path}}", _page),
]
