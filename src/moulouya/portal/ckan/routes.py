"""``/api/3/action/<name>``: decodes what a client sends, wraps what an action answers."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import orjson
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from moulouya.errors import LakeError
from moulouya.portal.answers import SHORT, answer
from moulouya.portal.ckan.actions import ACTIONS, STATEMENTS
from moulouya.portal.ckan.datastore import Invalid
from moulouya.portal.ckan.filters import BadQuery, BadSearch
from moulouya.portal.ckan.packages import Packages, Voice
from moulouya.portal.ckan.site import NotFound, Site
from moulouya.portal.ckan.statements import NotNow, Refused
from moulouya.portal.published import Catalogue
from moulouya.portal.reading import TooSlow
from moulouya.portal.rendering import offered
from moulouya.portal.search.folding import fold
from moulouya.portal.search.query import parse

MEDIA_TYPE = "application/json;charset=utf-8"
LARGEST_BODY = 256 * 1024
# Actions of CKAN that change something: nobody may, and clients know how to say so.
WRITES = re.compile(r"\w+_(create|update|delete|patch|upsert|purge|revise|invite|run_triggers)")
log = structlog.get_logger("moulouya.portal")


def root(request: Request) -> Response:
    """``/api`` and ``/api/3``: which version of the API this is."""
    return _answer(request, {"version": 3 if request.url.path.rstrip("/").endswith("3") else 1})


async def action(request: Request) -> Response:
    """One action, by GET with a query or by POST with JSON or a form."""
    name = request.path_params["name"]
    try:
        parameters = await _parameters(request)
    except ValueError as error:
        return _answer(request, f"Bad request: JSON Error: {error}", 400)
    if name in STATEMENTS:
        return await _asked(request, name, parameters)
    return await run_in_threadpool(_run, request, name, parameters)


async def _asked(request: Request, name: str, parameters: dict[str, Any]) -> Response:
    """An action that runs a statement of its sender."""
    site = await run_in_threadpool(_site, request)
    told = _told(site, name)
    try:
        result = await STATEMENTS[name](request, site, parameters)
    except Invalid as error:
        return _invalid(request, told, error)
    except Refused as error:
        refusal = {"__type": "Authorization Error", "message": f"Access denied: {error}"}
        return _answer(request, {**told, "error": refusal, "success": False}, 403)
    except NotNow as error:
        return _unavailable(request, told, str(error), error.status, error.seconds)
    body = {**told, "success": True, "result": result}
    return await run_in_threadpool(_answer, request, body, cache="no-cache")


def _told(site: Site, name: str) -> dict[str, Any]:
    return {"help": f"{site.voice.public_url}/api/3/action/help_show?name={name}"}


def _invalid(request: Request, told: dict[str, Any], error: Invalid) -> Response:
    fault = {error.parameter: [str(error)], "__type": "Validation Error"}
    return _answer(request, {**told, "error": fault, "success": False}, 409)


def dump(request: Request) -> Response:
    """``/datastore/dump/<resource>``: the whole table, as CSV or JSON."""
    site = _site(request)
    try:
        dataset, _ = site.resource({"id": request.path_params["resource"]}, "id")
    except NotFound as error:
        raise HTTPException(404) from error
    form = request.query_params.get("format", "csv")
    if form not in ("csv", "json"):
        raise HTTPException(400, "the formats of a dump are csv and json")
    address = f"/exports/{dataset.slug}/{dataset.number}/{dataset.slug}.{form}"
    return RedirectResponse(address, 302, {"Access-Control-Allow-Origin": "*"})


def _run(request: Request, name: str, parameters: dict[str, Any]) -> Response:
    site = _site(request)
    told = _told(site, name)
    found = ACTIONS.get(name)
    if found is None and WRITES.fullmatch(name):
        refusal = {"__type": "Authorization Error", "message": "Access denied: read-only"}
        return _answer(request, {**told, "error": refusal, "success": False}, 403)
    if found is None:
        return _answer(request, f"Bad request: Action name not known: {name}", 400)
    try:
        result = found(site, parameters)
    except NotFound:
        missing = {"__type": "Not Found Error", "message": "Not found"}
        return _answer(request, {**told, "error": missing, "success": False}, 404)
    except Invalid as error:
        return _invalid(request, told, error)
    except BadSearch as error:
        wrong = {"__type": "Search Query Error", "message": f"Search Query is invalid: {error}"}
        return _answer(request, {**told, "error": wrong, "success": False}, 400)
    except BadQuery as error:
        wrong = {"__type": "Search Error", "message": f"Search error: {error}"}
        return _answer(request, {**told, "error": wrong, "success": False}, 409)
    except TooSlow as error:
        return _unavailable(request, told, f"the question was {error}: ask for less")
    except LakeError as error:
        log.error("no answer from a table", action=name, reason=error.message)
        return _unavailable(request, told, "the table cannot be read at the moment")
    return _answer(request, {**told, "success": True, "result": result})


def _unavailable(
    request: Request, told: dict[str, Any], message: str, status: int = 503, seconds: str = "10"
) -> Response:
    fault = {"__type": "Internal Server Error", "message": message}
    response = _answer(request, {**told, "error": fault, "success": False}, status)
    response.headers["Retry-After"] = seconds
    return response


def _answer(request: Request, body: Any, status: int = 200, cache: str = SHORT) -> Response:
    """JSON as CKAN sends it; not CKAN's are the ETag and the compression."""
    cache = cache if request.method == "GET" and status == 200 else "no-store"
    return answer(request, orjson.dumps(body), MEDIA_TYPE, status=status, cache=cache,
                  headers={"Access-Control-Allow-Origin": "*"})  # fmt: skip


async def _parameters(request: Request) -> dict[str, Any]:
    """Query, JSON or form as one object. Raises ValueError."""
    given: dict[str, Any] = dict(request.query_params)
    if request.method != "POST":
        return given
    if int(request.headers.get("content-length") or 0) > LARGEST_BODY:
        raise HTTPException(413)
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind == "multipart/form-data":
        async with request.form(max_files=0, max_fields=100) as form:
            return given | {name: str(value) for name, value in form.items()}
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY:
            raise HTTPException(413)
    if not body.strip():
        return given
    if kind == "application/x-www-form-urlencoded" and not body.lstrip().startswith(b"{"):
        return given | dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100))
    decoded = orjson.loads(body)
    if not isinstance(decoded, dict):
        raise ValueError("Request data JSON decoded to something that is no object")
    return given | decoded


def _site(request: Request) -> Site:
    state = request.app.state
    catalogue: Catalogue | None = state.current.catalogue()
    if catalogue is None:
        raise HTTPException(503)
    language = request.path_params.get("lang") or catalogue.languages[0]
    if language not in offered(catalogue):
        raise HTTPException(404)

    def by_words(words: str) -> list[str]:
        asked = parse(words)
        slugs = list(catalogue.datasets)
        snapshot = state.search.ready(catalogue)
        if snapshot is not None:
            return [slugs[row] for row in snapshot.find(asked).keys] if asked.anything else []
        wanted = fold(words)
        return [
            slug
            for slug, one in catalogue.datasets.items()
            if any(wanted in fold(title) for title in one.definition["title"].values())
        ]

    return Site(catalogue, Voice(state.public_url, language), PACKAGES, by_words)


PACKAGES = Packages()
ROUTES = [
    *(
        Route(path, root)
        for base in ("", "/{lang}")
        for path in (f"{base}/api", f"{base}/api/", f"{base}/api/3", f"{base}/api/3/")
    ),
    *(
        Route(f"{base}{version}/action/{{name}}", action, methods=["GET", "POST"])
        for base in ("", "/{lang}")
        for version in ("/api/3", "/api")
    ),
    Route("/datastore/dump/{resource}", dump),
]
