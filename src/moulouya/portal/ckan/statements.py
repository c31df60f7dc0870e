"""``datastore_search_sql``: SQL over tables of resources, run by the workers of ``/api/v1/sql``.

A table is a resource by its id in double quotes, as in CKAN, or a dataset by its name. The
statement is DuckDB's SQL, which takes most of what PostgreSQL's does.
"""

from __future__ import annotations

import re
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from moulouya.duck import identifier
from moulouya.portal.ckan import parameter
from moulouya.portal.ckan.datastore import MOST_ROWS, Invalid
from moulouya.portal.ckan.parameter import Parameters
from moulouya.portal.ckan.site import NotFound, Site
from moulouya.portal.published import PublishedDataset
from moulouya.portal.query.inside import Answered, ask

QUOTED = re.compile(r'"([0-9a-f]{8}-[0-9a-f-]{27})"', re.IGNORECASE)
WITH = re.compile(r"\s*WITH\b(?P<recursive>\s+RECURSIVE\b)?", re.IGNORECASE)
# Both stand once in an answer of the service, outside its texts: there a quote has a backslash.
BEFORE_ROWS, AFTER_ROWS = b',"rows":[', b'],"row_count":'
TYPES = {
    "VARCHAR": "text", "BIGINT": "int8", "INTEGER": "int4", "SMALLINT": "int2", "DOUBLE": "float8",
    "FLOAT": "float4", "BOOLEAN": "bool", "DATE": "date", "TIME": "time", "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz", "INTERVAL": "interval", "BLOB": "bytea",
    "UUID": "uuid", "JSON": "json", "HUGEINT": "numeric", "UBIGINT": "numeric",
}  # fmt: skip


class Refused(Exception):
    """A statement that nobody may run: 403."""


class NotNow(Exception):
    """No statement can be run now; ``status`` and ``seconds`` say how long to wait."""

    def __init__(self, message: str, status: int, seconds: str) -> None:
        super().__init__(message)
        self.status, self.seconds = status, seconds


async def datastore_search_sql(request: Request, site: Site, parameters: Parameters) -> Any:
    """Rows by a statement (``sql``) that only reads; a table is ``"<resource id>"``."""
    sql = parameter.needed(parameters, "sql")
    tables = await run_in_threadpool(_tables, site, sql)
    statement = with_tables(sql, tables)
    answered = await ask(request, {"sql": statement, "limit": MOST_ROWS})
    if answered.status != 200:
        raise _failure(answered)
    return {"sql": sql, **_result(answered.body)}


def _tables(site: Site, sql: str) -> dict[str, PublishedDataset]:
    return {name: _table(site, name) for name in dict.fromkeys(QUOTED.findall(sql))}


def _table(site: Site, resource: str) -> PublishedDataset:
    try:
        return site.resource({"id": resource}, "id")[0]
    except NotFound as error:
        raise Invalid("query", f'relation "{resource}" does not exist') from error


def with_tables(sql: str, tables: dict[str, PublishedDataset]) -> str:
    """The statement with each resource as a table that it names; rows have CKAN's ``_id``."""
    if not tables:
        return sql
    named = ", ".join(
        f"{identifier(name)} AS (SELECT row_number() OVER () AS _id, * "
        f"FROM {identifier(dataset.theme)}.{identifier(dataset.slug)})"
        for name, dataset in tables.items()
    )
    own = WITH.match(sql)
    if own is None:
        return f"WITH {named}\n{sql}"
    return f"WITH{own['recursive'] or ''} {named},\n{sql[own.end() :]}"


def _result(body: bytes) -> dict[str, Any]:
    """Fields and records; the records stay the bytes they are."""
    head, _, rest = body.partition(BEFORE_ROWS)
    rows, _, tail = rest.rpartition(AFTER_ROWS)
    columns = orjson.loads(head + b"}")["columns"]
    ended = orjson.loads(b'{"row_count":' + tail)
    found: dict[str, Any] = {
        "records": orjson.Fragment(b"[" + rows + b"]"),
        "fields": [{"id": one["name"], "type": _type(one["type"])} for one in columns],
    }
    if ended["truncated"]:
        found["records_truncated"] = True
    return found


def _type(name: str) -> str:
    """PostgreSQL's short name for a type, as CKAN tells it."""
    if name.endswith("[]"):
        return f"_{_type(name[:-2])}"
    return "numeric" if name.startswith("DECIMAL") else TYPES.get(name, "text")


def _failure(answered: Answered) -> Exception:
    told = answered.problem or {}
    detail = " ".join(part for part in (told.get("detail"), told.get("hint")) if part)
    if answered.status == 403:
        return Refused(detail)
    if answered.status in (429, 503):
        return NotNow(detail, answered.status, answered.headers.get("retry-after", "10"))
    return Invalid("query", detail)
