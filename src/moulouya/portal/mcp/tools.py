"""The tools and resources of ``/mcp``: search, describe, sample, and SQL within the same limits.

Model Context Protocol, revision 2026-07-28 and the ones before it, by the protocol's own SDK.
"""

from __future__ import annotations

import datetime as dt
from importlib.metadata import version
from typing import Annotated, Any, Literal

import orjson
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError
from mcp_types import ToolAnnotations
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from moulouya.duck import identifier
from moulouya.errors import did_you_mean
from moulouya.portal.languages import language as spoken_in
from moulouya.portal.mcp.describing import briefly, in_full
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.query import inside
from moulouya.portal.search.folding import LONGEST_QUERY
from moulouya.portal.search.listing import Found, find
from moulouya.portal.search.wanted import Wanted

MOST_FOUND, MOST_SAMPLED, MOST_ROWS = 20, 100, 1000
INSTRUCTIONS = """\
The open data catalogue of a region: versioned datasets with their meaning, licence and source.
Search first, describe a dataset before you query it, then run one read-only statement of DuckDB's
SQL; tables are named theme.dataset. Say the publisher and the licence of what you use, and cite the
version. Every figure comes from the release that the answer names.
"""
READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
Code = Annotated[
    Literal["ar", "fr", "en"], Field(description="language of titles and descriptions")
]
Slug = Annotated[str, Field(description="name of a dataset, as search_datasets gives it")]
Asking = Context[Any, Request]


def server() -> MCPServer[Any]:
    """The server with its tools; every call finds the portal in its own HTTP request."""
    made: MCPServer[Any] = MCPServer(
        "moulouya",
        title="Moulouya open data",
        instructions=INSTRUCTIONS,
        version=version("moulouya"),
        log_level="WARNING",
    )
    for tool in (search_datasets, describe_dataset, sample_rows, run_sql):
        made.tool(annotations=READS)(tool)
    made.resource(
        "moulouya://datasets/{dataset}",
        title="A dataset",
        description="What describe_dataset tells in English",
        mime_type="application/json",
    )(dataset_resource)
    return made


async def search_datasets(
    context: Asking,
    query: Annotated[
        str, Field(description="words in any language; empty for all", max_length=LONGEST_QUERY)
    ] = "",
    theme: Annotated[str, Field(description="one theme's name; empty for all")] = "",
    language: Code = "en",
    page: Annotated[int, Field(ge=1, le=10_000, description="20 datasets a page")] = 1,
) -> dict[str, Any]:
    """Find datasets by words of their titles, descriptions, columns, values and places.

    Words may be Arabic, French or English, whatever the language of the data.
    """
    catalogue, request = await _asked(context)
    state = request.app.state
    if theme and theme not in catalogue.region["themes"]:
        known = catalogue.region["themes"]
        raise ToolError(f"there is no theme {theme!r}{did_you_mean(theme, known)}")
    chosen = {"theme": (theme,)} if theme else {}
    wanted = Wanted(" ".join(query.split()), chosen, page=page)

    def found() -> Found:
        now = dt.datetime.now(dt.UTC)
        looks = state.looks.known(catalogue)
        return find(state.search, catalogue, wanted, language, looks, now)

    hits = await run_in_threadpool(found)
    spoken = spoken_in(language)
    return {
        "release": catalogue.number,
        "total": hits.total,
        "page": hits.page,
        "pages": hits.pages,
        "did_you_mean": hits.meant or None,
        "themes": {
            name: said["title"][language] for name, said in catalogue.region["themes"].items()
        },
        "datasets": [
            briefly(catalogue.datasets[slug], spoken, state.public_url) for slug in hits.slugs
        ],
    }


async def describe_dataset(context: Asking, dataset: Slug, language: Code = "en") -> dict[str, Any]:
    """Tell what a dataset is: what a row is, its columns with units and meanings, and its licence.

    With the name of its table for SQL, the addresses of its files, and how to cite it.
    """
    catalogue, request = await _asked(context)
    return await _described(request, catalogue, _dataset(catalogue, dataset), language)


async def sample_rows(
    context: Asking,
    dataset: Slug,
    rows: Annotated[int, Field(ge=1, le=MOST_SAMPLED, description="how many")] = 5,
) -> dict[str, Any]:
    """Give the first rows of a dataset, to see what its values look like."""
    catalogue, _ = await _asked(context)
    found = _dataset(catalogue, dataset)
    name = f"{identifier(found.theme)}.{identifier(found.slug)}"
    return await _ran(context, f"SELECT * FROM {name} LIMIT {rows}", rows)


async def run_sql(
    context: Asking,
    sql: Annotated[str, Field(description="one read-only statement of DuckDB's SQL")],
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS, description="most rows to give")] = 100,
) -> dict[str, Any]:
    """Run one statement that only reads, over tables named theme.dataset.

    It has the limits of the portal's SQL service; ``truncated`` tells whether there was more.
    Where it cannot run, the error tells the place and often a hint.
    """
    return await _ran(context, sql, limit)


async def dataset_resource(dataset: str, context: Asking) -> str:
    """What describe_dataset tells, as a resource."""
    catalogue, request = await _asked(context)
    if dataset not in catalogue.datasets:
        raise ResourceNotFoundError(f"there is no dataset {dataset!r}")
    told = await _described(request, catalogue, catalogue.datasets[dataset], "en")
    return orjson.dumps(told).decode()


async def _asked(context: Asking) -> tuple[Catalogue, Request]:
    request = context.request_context.request
    assert request is not None, "there is always an HTTP request"
    catalogue = await run_in_threadpool(request.app.state.current.catalogue)
    if catalogue is None:
        raise ToolError("nothing has been published yet")
    return catalogue, request


def _dataset(catalogue: Catalogue, slug: str) -> PublishedDataset:
    """A dataset by its name, or by that of its table."""
    found = catalogue.datasets.get(slug.rpartition(".")[2])
    if found is None:
        meant = did_you_mean(slug, catalogue.datasets)
        raise ToolError(f"there is no dataset {slug!r}{meant or '; search_datasets finds them'}")
    return found


async def _described(
    request: Request, catalogue: Catalogue, dataset: PublishedDataset, code: str
) -> dict[str, Any]:
    state = request.app.state
    looks = await run_in_threadpool(state.looks.known, catalogue)
    told = in_full(catalogue, dataset, looks, spoken_in(code), state.public_url)
    return {"release": catalogue.number, **told}


async def _ran(context: Asking, sql: str, limit: int) -> dict[str, Any]:
    """The result of a statement; raises ToolError with what is wrong and what helps."""
    request = context.request_context.request
    assert request is not None, "there is always an HTTP request"
    options = {"sql": sql, "limit": limit, "format": "json", "shape": "arrays"}
    answered = await inside.ask(request, options)
    wrong = answered.problem
    if wrong is not None:
        told = [wrong.get("detail") or wrong.get("title", ""), wrong.get("hint", "")]
        if "position" in wrong:
            told.append("line {line}, column {column}".format_map(wrong["position"]))
        raise ToolError(". ".join(str(one).rstrip("!.") for one in told if one))
    result: dict[str, Any] = orjson.loads(answered.body)
    return result
