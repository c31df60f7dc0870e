"""The addresses of the API, as they are declared, with what answers each; and its pages."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import Route

from moulouya.portal.api import datasets, openapi, page, records, vocabularies
from moulouya.portal.api.answering import Handler, guarded
from moulouya.portal.api.operations import OPERATIONS

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
ROUTES: list[Route] = [
    Route("/openapi.json", openapi.document, methods=["GET", "OPTIONS"]),
    Route("/api/v1/sql/openapi.json", openapi.statements, methods=["GET", "OPTIONS"]),
    *(
        Route(one.path, guarded(one, HANDLERS[one.name]), methods=["GET", "OPTIONS"])
        for one in OPERATIONS
    ),
]
PAGES: list[Route] = page.ROUTES
