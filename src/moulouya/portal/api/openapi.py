"""``/openapi.json``: the API described in OpenAPI 3.1, made from what the handlers go by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response

from moulouya import __version__
from moulouya.portal.answers import answer
from moulouya.portal.api.answering import ALLOWED, preflight
from moulouya.portal.api.declared import Example, Operation, Parameter
from moulouya.portal.api.faults import KINDS
from moulouya.portal.api.operations import OPERATIONS, RECORD_PARAMETERS, TAGS
from moulouya.portal.api.parameters import WHERE
from moulouya.portal.api.schemas import SCHEMAS, named
from moulouya.portal.languages import N_
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.query.asking import SHAPES
from moulouya.portal.query.formats import MEDIA_TYPES as SQL_MEDIA_TYPES

Described = dict[str, Any]
PROBLEM = "application/problem+json"
# What every address may answer.
EVERYWHERE = ("parameter", "too-long", "unavailable")
GONE = "It was here once: it has been withdrawn, or has expired."
HEADERS = {
    "ETag": "names the version and the question; send it back as If-None-Match",
    "Link": "the next page",
}


def document(request: Request) -> Response:
    """The document about datasets, records and their history."""
    return _answered(request, described)


def statements(request: Request) -> Response:
    """The document about the SQL service.

    It stands apart: what an address of the API takes, its schema says; whether a text is a
    statement that can be run, none can.
    """
    return _answered(request, described_statements)


def _answered(request: Request, write: Callable[[Catalogue | None, str], Described]) -> Response:
    if request.method == "OPTIONS":
        return preflight()
    served: Catalogue | None = request.app.state.current.catalogue()
    body = orjson.dumps(write(served, request.app.state.public_url))
    return answer(request, body, "application/json", headers=ALLOWED)


def described(catalogue: Catalogue | None, public_url: str) -> Described:
    """The document as an object, with examples from the datasets of a release."""
    example = sample(catalogue)
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})["get"] = _operation(one, catalogue, example)
    about = (
        "Datasets, their records and their history. No key, no account; any site may ask (CORS). "
        "Mistakes are answered as problem details (RFC 9457).\n\nSQL is run at `/api/v1/sql`, "
        "described in `/api/v1/sql/openapi.json`. Clients of CKAN find the Action API at "
        "`/api/3/action/`, DuckDB attaches `/catalogue.duckdb`, and whole tables are at "
        "`/files/<slug>/latest/<slug>.parquet`."
    )
    return _whole(catalogue, public_url, "API", about, paths)


def described_statements(catalogue: Catalogue | None, public_url: str) -> Described:
    """The SQL service as an object."""
    about = (
        "One statement of DuckDB's SQL that only reads, over all datasets at once. Mistakes are "
        "answered as problem details (RFC 9457), with line, column and a hint."
    )
    paths = {"/api/v1/sql": _sql(sample(catalogue))}
    return _whole(catalogue, public_url, "SQL", about, paths)


def _whole(
    catalogue: Catalogue | None, public_url: str, what: str, about: str, paths: Described
) -> Described:
    title = catalogue.region["title"]["en"] if catalogue is not None else "Open data"
    used = {
        tag for path in paths.values() for operation in path.values() for tag in operation["tags"]
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{title}: {what}",
            "version": __version__,
            "description": about,
            **_contact(catalogue),
        },
        "servers": [{"url": public_url}],
        "tags": [
            {"name": name, "description": said} for name, said in TAGS.items() if name in used
        ],
        "paths": paths,
        "components": {"schemas": dict(SCHEMAS)},
        "externalDocs": {"url": f"{public_url}/en/api", "description": "The same for people"},
    }


def sample(catalogue: Catalogue | None) -> PublishedDataset | None:
    """A dataset for examples: the first with a number to add up and a code to group by."""
    datasets = list(catalogue.datasets.values()) if catalogue is not None else []
    wanted = {"text", "integer"}
    for one in datasets:
        if wanted <= {column["type"] for column in one.record["columns"]}:
            return one
    return datasets[0] if datasets else None


def examples_of(operation: Operation, dataset: PublishedDataset | None) -> Sequence[Example]:
    """Questions to try, in the words of a dataset that is there."""
    if dataset is None or WHERE not in operation.parameters:
        return operation.examples
    return [*operation.examples, *_worded(dataset)]


def _worded(dataset: PublishedDataset) -> list[Example]:
    columns = dataset.record["columns"]
    text = next((one for one in columns if one["type"] == "text" and one.get("max")), None)
    number = next((one for one in columns if one["type"] == "integer"), None)
    found = []
    if text is not None:
        value = str(text["max"])[:60].replace("'", "''")
        query = urlencode({"where": f"{text['name']} = '{value}'"})
        found.append(Example(N_("records where a column has a value"), query))
    if text is not None and number is not None:
        query = urlencode({
            "select": f"{text['name']},count(*),max({number['name']}) as most",
            "group_by": text["name"], "order_by": "-most", "limit": 10,
        })  # fmt: skip
        found.append(Example(N_("groups, the largest first"), query))
    return found


def _contact(catalogue: Catalogue | None) -> dict[str, Any]:
    contact = str(catalogue.region["contact"]) if catalogue is not None else ""
    if "@" in contact:
        return {"contact": {"email": contact}}
    return {"contact": {"url": contact}} if contact.startswith("http") else {}


def _operation(
    one: Operation, catalogue: Catalogue | None, example: PublishedDataset | None
) -> dict[str, Any]:
    said: dict[str, Any] = {
        "operationId": one.name,
        "tags": [one.tag],
        "summary": one.title,
        "description": one.says,
        "parameters": [_parameter(each, example) for each in one.parameters],
        "responses": {
            "200": {
                "description": one.title,
                "headers": {
                    name: {"description": words, "schema": {"type": "string"}}
                    for name, words in HEADERS.items()
                },
                "content": {
                    media: {"schema": schema} if schema is not None else {}
                    for media, schema in one.answers.items()
                },
            },
            "304": {"description": "the client has it already"},
            **_problems((*EVERYWHERE, *one.kinds)),
        },
    }
    return said


def _parameter(one: Parameter, example: PublishedDataset | None) -> dict[str, Any]:
    schema: Mapping[str, Any] = one.schema
    if one.many:
        schema = {"type": "array", "items": one.schema}
    told = {
        "name": one.name,
        "in": one.where,
        "required": one.where == "path",
        "description": one.says,
        "schema": schema,
    }
    shown = _shown(one, example)
    if shown is not None:
        told["example"] = shown
    return told


def _shown(one: Parameter, example: PublishedDataset | None) -> Any:
    """A value to try, of a dataset that is there."""
    if one.where == "path" or one in RECORD_PARAMETERS:
        if example is None:
            return None
        name = example.record["columns"][0]["name"]
        return {
            "slug": example.slug,
            "number": example.number,
            "where": f"{name} IS NOT NULL",
            "select": f"{name},count(*) as n",
            "group_by": name,
            "order_by": name,
            "limit": 20,
            "offset": 10,
            "total": "exact",
            "format": "json",
        }.get(one.name)
    return None


def _problems(kinds: Sequence[str]) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for kind in kinds:
        by_status.setdefault(KINDS[kind][0], []).append(kind)
    found: dict[str, Any] = {}
    for status, known in sorted(by_status.items()):
        words = "; ".join(f"`{kind}`: {KINDS[kind][1]}" for kind in dict.fromkeys(known))
        found[str(status)] = _problem(words)
        if status == HTTPStatus.NOT_FOUND:
            found["410"] = _problem(GONE)
    found["405"] = _problem("Only GET, HEAD and OPTIONS can be used here.")
    found["500"] = _problem("A fault on our side, which is written down.")
    return found


def _problem(words: str) -> dict[str, Any]:
    return {"description": words, "content": {PROBLEM: {"schema": named("Problem")}}}


def _sql(example: PublishedDataset | None) -> dict[str, Any]:
    """The SQL service, which has a declaration of its own; its page tells the rest."""
    statement = f"SELECT count(*) AS n FROM {example.slug}" if example is not None else "SELECT 1"
    options = {
        "sql": {"type": "string", "minLength": 1, "description": "one statement that reads"},
        "parameters": {"description": "values: a list for ?, an object for $name"},
        "format": {"type": "string", "enum": list(SQL_MEDIA_TYPES)},
        "shape": {"type": "string", "enum": list(SHAPES)},
        "limit": {"type": ["integer", "null"], "minimum": 0},
        "timeout": {"type": ["number", "null"], "exclusiveMinimum": 0},
        "explain": {"type": "boolean"},
        "contact": {"type": "string"},
    }
    content: dict[str, Any] = {media.partition(";")[0]: {} for media in SQL_MEDIA_TYPES.values()}
    answers = {
        "200": {"description": "The rows", "content": content},
        "304": {"description": "the client has it already"},
        **{
            str(status): _problem(HTTPStatus(status).phrase)
            for status in (400, 401, 403, 405, 406, 413, 414, 415, 422, 429, 500, 503)
        },
    }
    body = {
        "schema": {
            "type": "object",
            "required": ["sql"],
            "properties": options,
            "additionalProperties": False,
        },
        "example": {"sql": statement},
    }
    said = {
        "tags": ["statements"],
        "summary": "Run one SQL statement",
        "description": "One statement of DuckDB that only reads, over all datasets at once.",
        "responses": answers,
    }
    return {
        "get": {
            "operationId": "sql_by_address",
            **said,
            "parameters": [
                {
                    "name": "sql",
                    "in": "query",
                    "required": True,
                    "description": "one statement that reads",
                    "schema": {"type": "string", "minLength": 1},
                    "example": statement,
                },
                {
                    "name": "format",
                    "in": "query",
                    "description": "the format; without it, the header Accept decides",
                    "schema": {"type": "string", "enum": list(SQL_MEDIA_TYPES)},
                },
            ],
        },
        "post": {
            "operationId": "sql",
            **said,
            "requestBody": {"required": True, "content": {"application/json": body}},
        },
    }
