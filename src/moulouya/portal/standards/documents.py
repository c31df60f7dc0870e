"""The addresses of the documents in JSON about datasets: for machine learning, tables, lineage."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moulouya.portal import downloads
from moulouya.portal.answers import answer
from moulouya.portal.standards import croissant, csvw, datapackage, openlineage
from moulouya.portal.standards.asking import OPEN, dataset_of, version_of, voice_of
from moulouya.portal.standards.representations import CSVW, JSONLD

JSON = "application/json"


def croissant_file(request: Request) -> Response:
    """``/datasets/<slug>/croissant.json`` and ``…/versions/<n>/croissant.json``."""
    voice = voice_of(request)
    found = version_of(request, voice.catalogue)
    return _answer(request, croissant.croissant(voice, found), JSONLD)


def package_file(request: Request) -> Response:
    """``/datasets/<slug>/datapackage.json`` and ``…/versions/<n>/datapackage.json``."""
    voice = voice_of(request)
    found = version_of(request, voice.catalogue)
    return _answer(request, datapackage.of_version(voice, found), JSON)


def catalogue_package(request: Request) -> Response:
    """``/datapackage.json``: every table of the catalogue."""
    said = b"".join(datapackage.of_catalogue(voice_of(request)))
    return answer(request, said, JSON, headers=OPEN)


def lineage_file(request: Request) -> Response:
    """``/datasets/<slug>/versions/<n>/openlineage.json``: the run that made a version."""
    voice = voice_of(request)
    found = version_of(request, voice.catalogue)
    return _answer(request, openlineage.event(voice, found), JSON)


def csv_metadata(request: Request) -> Response:
    """``/exports/<slug>/<version>/<slug>.csv-metadata.json``: beside the CSV, where W3C looks."""
    voice = voice_of(request)
    slug, version = request.path_params["slug"], request.path_params["number"]
    if version == "latest":
        found = dataset_of(request, voice.catalogue)
        return downloads.redirect(f"/exports/{slug}/{found.number}/{slug}.csv-metadata.json")
    found = version_of(request, voice.catalogue)
    if request.path_params["name"] != slug:
        raise HTTPException(404)
    return _answer(request, csvw.csvw(voice, found), CSVW)


def _answer(request: Request, said: dict[str, Any], media_type: str) -> Response:
    body = orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return answer(request, body, media_type, headers=OPEN)


ROUTES = [
    Route("/datapackage.json", catalogue_package),
    Route("/datasets/{slug}/croissant.json", croissant_file),
    Route("/datasets/{slug}/versions/{number}/croissant.json", croissant_file),
    Route("/datasets/{slug}/datapackage.json", package_file),
    Route("/datasets/{slug}/versions/{number}/datapackage.json", package_file),
    Route("/datasets/{slug}/versions/{number}/openlineage.json", lineage_file),
    Route("/exports/{slug}/{number}/{name}.csv-metadata.json", csv_metadata),
]
