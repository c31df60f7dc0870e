"""The addresses of the API, as they are declared, with what answers each; and its pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moulouya.portal.api import datasets, openapi, page, records, vocabularies
from moulouya.portal.api.answering import Handler, Quick, guarded, quick
from moulouya.portal.api.declared import Operation
from moulouya.portal.api.operations import OPERATIONS

AT_ONCE: Mapping[str, Quick] = {"records": records.at_once}
HANDLERS: Mapping[str, Handler] = {
    "entry": vocabularies.entry,
    "datasets": datasets.listed,
    "dataset": datasets.shown,
    "columns": datasets.columns,
    "records": records.newest,
    "versions": datasets.versions,
    "version": datasets.version,
    "version_records": records.pinned,
    "changes": datasets.changes,
    "validations": datasets.validations,
    "themes": vocabularies.themes,
    "publishers": vocabularies.publishers,
    "licences": vocabularies.licences,
    "places": vocabularies.places,
    "releases": vocabularies.releases,
    "release": vocabularies.release,
}


def _function(operation: Operation) -> Callable[[Request], Response | Awaitable[Response]]:
    function = guarded(operation, HANDLERS[operation.name])
    at_once = AT_ONCE.get(operation.name)
    return function if at_once is None else quick(operation, at_once, function)


ROUTES: list[Route] = [
    Route("/openapi.json", openapi.document, methods=["GET", "OPTIONS"]),
    Route("/api/v1/sql/openapi.json", openapi.statements, methods=["GET", "OPTIONS"]),
    *(Route(one.path, _function(one), methods=["GET", "OPTIONS"]) for one in OPERATIONS),
]
PAGES: list[Route] = page.ROUTES
