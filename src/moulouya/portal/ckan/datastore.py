"""``datastore_search``, ``datastore_info`` and the dump: rows of a table as CKAN has them.

Each row has a number ``_id`` from 1 on: its place in the published table.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import duckdb
import orjson

from moulouya.duck import identifier
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.reading import stored_name, tables

MOST_ROWS = 32_000
DEFAULT_ROWS = 100
FORMS = ("objects", "lists", "csv", "tsv")
COMPARISONS = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
NATIVE = {"text": "text", "integer": "bigint", "number": "double precision", "date": "date",
          "datetime": "timestamp", "boolean": "boolean", "geometry": "text"}  # fmt: skip
HOLDS = "strip_accents(CAST({} AS VARCHAR)) ILIKE strip_accents(?) ESCAPE '\\'"
SHORT = {"bigint": "int8", "double precision": "float8", "boolean": "bool"}


class Invalid(ValueError):
    """A parameter that cannot be used: its name and what is wrong."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


@dataclass(frozen=True)
class Wanted:
    """What ``datastore_search`` is asked; ``q`` is for every column, or an object for some."""

    filters: Mapping[str, Any] = field(default_factory=dict)
    q: str | Mapping[str, Any] = ""
    fields: tuple[str, ...] = ()
    sort: str = ""
    limit: int = DEFAULT_ROWS
    offset: int = 0
    distinct: bool = False
    include_total: bool = True
    form: str = "objects"


def native_type(kind: str) -> str:
    """PostgreSQL's name for a column type, which CKAN would tell."""
    return "numeric" if kind.startswith("decimal") else NATIVE[kind.partition("(")[0]]


def types_of(dataset: PublishedDataset) -> dict[str, str]:
    """The columns and their types."""
    return {column["name"]: column["type"] for column in dataset.record["columns"]}


def described(types: Mapping[str, str], names: Sequence[str]) -> list[dict[str, str]]:
    """The fields of an answer: each with CKAN's short name of its type."""
    found = []
    for name in names:
        native = "int" if name == "_id" else native_type(types[name])
        found.append({"id": name, "type": SHORT.get(native, native)})
    return found


def search(catalogue: Catalogue, dataset: PublishedDataset, wanted: Wanted) -> dict[str, Any]:
    """Records, fields and total as ``datastore_search`` answers. Raises Invalid."""
    types = types_of(dataset)
    names = list(wanted.fields) or [*([] if wanted.distinct else ["_id"]), *types]
    for name in names:
        _require(types, name, "fields")
    where, bound = _where(wanted, types)
    shown = ", ".join(_shown(name, types) for name in names)
    distinct = "DISTINCT " if wanted.distinct else ""
    source = f"FROM {stored_name(dataset)} WHERE {where}"
    order = _order(wanted, types, names)
    limit = min(wanted.limit, MOST_ROWS)
    with tables(catalogue, [dataset]) as con:
        try:
            rows = con.execute(
                f"SELECT {distinct}{shown} {source}{order} LIMIT {limit} OFFSET {wanted.offset}",
                bound,
            ).fetchall()
            total = None
            if wanted.include_total:
                counted = f"(SELECT DISTINCT {shown} {source})" if wanted.distinct else ""
                query = (
                    f"SELECT count(*) FROM {counted}" if counted else f"SELECT count(*) {source}"
                )
                total = con.execute(query, bound).fetchone()
        except duckdb.ConversionException as error:
            raise Invalid("filters", str(error).partition("\n")[0]) from error
    answered: dict[str, Any] = {
        "fields": described(types, names),
        "records": _records(rows, names, wanted.form),
        "limit": limit,
        "records_format": wanted.form,
        "include_total": wanted.include_total,
    }
    if total is not None:
        answered |= {"total": total[0], "total_was_estimated": False}
    return answered


def info(catalogue: Catalogue, dataset: PublishedDataset, resource: str) -> dict[str, Any]:
    """What ``datastore_info`` tells of a table."""
    file = dataset.files[f"{dataset.slug}.duckdb"]
    key = dataset.definition.get("key") or []
    fields = []
    for name, kind in types_of(dataset).items():
        native = native_type(kind)
        fields.append({
            "id": name,
            "type": SHORT.get(native, native),
            "schema": {"native_type": native, "notnull": name in key, "index_name": None,
                       "is_index": False, "uniquekey": key == [name]},
        })  # fmt: skip
    meta = {"id": resource, "count": dataset.rows, "table_type": "BASE TABLE", "size": file.bytes,
            "db_size": file.bytes, "idx_size": 0, "aliases": [dataset.slug]}  # fmt: skip
    return {"meta": meta, "fields": fields}


def _require(types: Mapping[str, str], name: str, parameter: str) -> None:
    if name != "_id" and name not in types:
        raise Invalid(parameter, f'field "{name}" not in table')


def _column(name: str) -> str:
    return "(rowid + 1)" if name == "_id" else identifier(name)


def _shown(name: str, types: Mapping[str, str]) -> str:
    column = _column(name)
    if types.get(name) == "geometry":
        column = f"ST_AsText(ST_GeomFromWKB({column}))"
    return f"{column} AS {identifier(name)}"


def _where(wanted: Wanted, types: Mapping[str, str]) -> tuple[str, list[Any]]:
    parts, bound = ["TRUE"], []
    for name, value in wanted.filters.items():
        _require(types, name, "filters")
        if isinstance(value, Mapping):
            for operator, one in value.items():
                if operator not in COMPARISONS:
                    raise Invalid("filters", f"{operator!r} is none of {', '.join(COMPARISONS)}")
                parts.append(f"{_column(name)} {COMPARISONS[operator]} ?")
                bound.append(_scalar(one))
        elif isinstance(value, list):
            parts.append(
                f"{_column(name)} IN ({', '.join('?' * len(value))})" if value else "FALSE"
            )
            bound += [_scalar(one) for one in value]
        elif value is None:
            parts.append(f"{_column(name)} IS NULL")
        else:
            parts.append(f"{_column(name)} = ?")
            bound.append(_scalar(value))
    texts = [name for name, kind in types.items() if kind != "geometry"]
    asked = wanted.q if isinstance(wanted.q, Mapping) else {None: wanted.q}
    for column, words in asked.items():
        if column is not None:
            _require(types, column, "q")
        for word in str(words)[:1000].split()[:10]:
            within = texts if column is None else [column]
            parts.append("(" + " OR ".join(HOLDS.format(_column(one)) for one in within) + ")")
            escaped = "".join(f"\\{char}" if char in "%_\\" else char for char in word)
            bound += [f"%{escaped}%"] * len(within)
    return " AND ".join(parts), bound


def _scalar(value: Any) -> Any:
    if isinstance(value, list | Mapping):
        raise Invalid("filters", "a filter is a value, a list of values or {operator: value}")
    return value


def _order(wanted: Wanted, types: Mapping[str, str], names: Sequence[str]) -> str:
    """``ORDER BY`` with the row number last, so that pages never overlap."""
    parts = []
    for one in wanted.sort.split(","):
        words = one.split()
        if not words:
            continue
        name = words[0].strip('"')
        _require(types, name, "sort")
        direction = " ".join(words[1:]).lower()
        if direction not in ("", "asc", "desc", "asc nulls first", "asc nulls last",
                             "desc nulls first", "desc nulls last"):  # fmt: skip
            raise Invalid("sort", f"{one.strip()!r} is not an order such as name asc")
        parts.append(f"{_column(name)} {direction}")
    if wanted.distinct:
        parts += [identifier(name) for name in names]
    else:
        parts.append("rowid")
    return f" ORDER BY {', '.join(parts)}"


def plain(value: Any) -> Any:
    """A value as JSON has it: numbers stay exact, times lose their zone as CKAN's do."""
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value)) if value.is_finite() else None
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).replace(tzinfo=None).isoformat()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return value.hex()
    return value


def _records(rows: list[tuple[Any, ...]], names: Sequence[str], form: str) -> Any:
    if form == "objects":
        return [dict(zip(names, map(plain, row), strict=True)) for row in rows]
    if form == "lists":
        return [[plain(value) for value in row] for row in rows]
    written = io.StringIO()
    writer = csv.writer(written, delimiter="," if form == "csv" else "\t", lineterminator="\n")
    for row in rows:
        writer.writerow([
            "" if value is None
            else value.isoformat() if isinstance(value, dt.date | dt.time)
            else value
            for value in row
        ])  # fmt: skip
    return written.getvalue()
