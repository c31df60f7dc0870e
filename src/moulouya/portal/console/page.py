"""``/{lang}/sql``: a statement, its result, and what can be asked beside it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moulouya.portal.answers import SHORT
from moulouya.portal.asked import asked as release_of
from moulouya.portal.console import asked, engine, examples, results, tables, words
from moulouya.portal.console.asked import Asked
from moulouya.portal.console.results import Problem
from moulouya.portal.drawing import boundaries
from moulouya.portal.kept import Kept
from moulouya.portal.languages import Language, language
from moulouya.portal.participation.posted import NotTaken
from moulouya.portal.participation.views import refused
from moulouya.portal.published import Catalogue
from moulouya.portal.query.inside import Answered, ask
from moulouya.portal.rendering import environment, render

FORMATS = {"csv": "CSV", "json": "JSON", "ndjson": "NDJSON", "parquet": "Parquet",
           "arrow": "Arrow"}  # fmt: skip
# Sets of boundaries that a map of a result looks for its codes in.
MOST_SHAPES = 6
_listings: Kept[Markup] = Kept(32)


async def console(request: Request) -> Response:
    """The page: empty, with a statement to begin with, or with the result of one."""
    catalogue, code = await run_in_threadpool(release_of, request)
    try:
        wanted = await asked.read(request, catalogue)
    except NotTaken as error:
        return await run_in_threadpool(refused, request, error.status)
    answered = await _run(request, wanted) if wanted.sql else None
    return await run_in_threadpool(_page, request, catalogue, language(code), wanted, answered)


async def _run(request: Request, wanted: Asked) -> Answered:
    options: dict[str, Any] = {"sql": wanted.sql}
    if wanted.explain:
        return await ask(request, {**options, "explain": True})
    return await ask(request, {**options, "shape": "arrays", "limit": results.ASKED_ROWS})


def _page(
    request: Request,
    catalogue: Catalogue,
    spoken: Language,
    wanted: Asked,
    answered: Answered | None,
) -> Response:
    told = results.shown(answered, spoken) if answered is not None else None
    variables = {
        **gather(request, catalogue, spoken, wanted),
        "told": told,
        "ran": answered is not None,
        "links": _links(wanted.sql) if told is not None and answered is not None else {},
        "link": _link(spoken, wanted.sql),
    }
    status = told.status if isinstance(told, Problem) else 200
    headers = {}
    if answered is not None and "retry-after" in answered.headers:
        headers["Retry-After"] = answered.headers["retry-after"]
    cache = SHORT if answered is None else "no-store"
    return render(
        request, "console/page.html", variables, status=status, cache=cache, headers=headers
    )


def exported(request: Request) -> Response:
    """The page in an export: there is no service, and statements run in the reader's browser."""
    catalogue, code = release_of(request)
    spoken = language(code)
    wanted = Asked("", False, None)
    variables = gather(request, catalogue, spoken, wanted)
    offered = max(
        (examples.of_dataset(catalogue, one, spoken) for one in catalogue.datasets.values()),
        key=len,
        default=[],
    )
    variables["statement"] = offered[0].sql if offered else ""
    variables["examples"] = [(one.title, one.sql, "") for one in offered]
    return render(
        request,
        "console/page.html",
        {**variables, "exported": True, "told": None, "ran": False, "links": {}, "link": ""},
    )


def gather(
    request: Request, catalogue: Catalogue, spoken: Language, wanted: Asked
) -> dict[str, Any]:
    """What the page shows whatever was asked."""
    service = request.app.state.sql
    dataset = wanted.dataset
    offered = examples.of_catalogue(spoken)
    if dataset is not None:
        offered = examples.of_dataset(catalogue, dataset, spoken)
    return {
        "statement": wanted.sql or offered[0].sql,
        "explain": wanted.explain,
        "dataset": dataset,
        "dataset_title": dataset.definition["title"][spoken.code] if dataset else "",
        "examples": [(one.title, one.sql, _link(spoken, one.sql)) for one in offered],
        "listing": _listing(catalogue, spoken, dataset.slug if dataset else ""),
        "words": orjson.dumps(words.in_browser(spoken)).decode(),
        "formats": FORMATS,
        "tier": service.tiers["anonymous"],
        "asked_rows": results.ASKED_ROWS,
        "shown_rows": results.SHOWN_ROWS,
        "engine_bytes": engine.fetched_bytes(),
        "engine": {"wasm": engine.href(engine.WASM), "worker": engine.href(engine.WORKER)},
        "longest": asked.LONGEST,
        "shapes": [
            f"/maps/{slug}/{catalogue.datasets[slug].number}.geojson"
            for slug, _ in boundaries.holders(catalogue)[:MOST_SHAPES]
        ],
    }


def _listing(catalogue: Catalogue, spoken: Language, chosen: str) -> Markup:
    """The list of tables, which is the same until the next release."""
    key = (catalogue.number, catalogue.created, spoken.code, chosen)

    def made() -> Markup:
        template = environment(spoken.code).get_template("console/tables.html")
        themes = tables.listed(catalogue, spoken, chosen)
        opened = catalogue.datasets[chosen].theme if chosen else ""
        return Markup(template.render(themes=themes, chosen=chosen, opened=opened))  # noqa: S704 - our template, which escapes

    return _listings.get(key, made)


def _link(spoken: Language, sql: str) -> str:
    """The address of the page with a statement; empty where it would be too long."""
    link = f"/{spoken.code}/sql?{urlencode({'q': sql})}"
    return link if len(link) <= asked.LONGEST_LINK else ""


def _links(sql: str) -> dict[str, str]:
    """The addresses of the result in each format."""
    query = {name: urlencode({"sql": sql, "format": name}) for name in FORMATS}
    return {
        FORMATS[name]: f"/api/v1/sql?{text}"
        for name, text in query.items()
        if len(text) <= asked.LONGEST_LINK
    }


ROUTES = [*engine.ROUTES, Route("/{lang}/sql", console, methods=["GET", "POST"])]
