"""What a sample turned out to be: its columns, their types and a key, by a scan of all its rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import duckdb

from moulouya.duck import columns_of, identifier, one_row
from moulouya.readers import RawTable

TYPES = {
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "number",
    "FLOAT": "number",
    "TIMESTAMP": "datetime",
    "TIMESTAMP WITH TIME ZONE": "datetime",
    "GEOMETRY": "geometry",
}
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")


@dataclass(frozen=True)
class SniffedColumn:
    """A column of the sample and the type its values have."""

    name: str
    type: str
    format: str | None = None


@dataclass(frozen=True)
class Sniffed:
    """What a sample looks like; ``source`` holds format, compression, dialect and records."""

    source: dict[str, Any]
    columns: list[SniffedColumn]
    rows: int
    key: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def described(con: duckdb.DuckDBPyConnection, relation: str, source: dict[str, Any]) -> Sniffed:
    """Columns, types, number of rows and key of an SQL table expression."""
    found = con.execute(f"DESCRIBE FROM {relation}").fetchall()
    columns = [SniffedColumn(name, type_of(sql_type)) for name, sql_type, *_ in found]
    (rows,) = one_row(con, f"SELECT count(*) FROM {relation}")
    return Sniffed(source, columns, rows, _key(con, relation, columns, rows))


def type_of(sql_type: str) -> str:
    """The contract's name of an SQL type; text for what it has no name for."""
    if sql_type in WHOLE:
        return "integer"
    if sql_type.startswith("DECIMAL"):
        return sql_type.lower().replace(" ", "")
    if sql_type.startswith(("STRUCT", "MAP")) or sql_type.endswith("[]") or sql_type == "JSON":
        return "json"
    return TYPES.get(sql_type.split("(")[0], "text")


def _key(
    con: duckdb.DuckDBPyConnection, relation: str, columns: list[SniffedColumn], rows: int
) -> list[str]:
    """The first column, or pair or triple of them, without repetition or gap; else all without."""
    usable = [c.name for c in columns if c.type in ("text", "integer", "date", "datetime")][:8]
    if usable:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE sample AS SELECT {columns_of(usable)} FROM {relation}"
        )
        counts = ", ".join(f"count(DISTINCT {name})" for name in map(identifier, usable))
        distinct = dict(zip(usable, one_row(con, f"SELECT {counts} FROM sample"), strict=True))
    for size in (1, 2, 3):
        for names in combinations(usable, size):
            if math.prod(distinct[name] for name in names) < rows:
                continue
            present = " AND ".join(f"{identifier(name)} IS NOT NULL" for name in names)
            (different,) = one_row(
                con,
                f"SELECT count(*) FROM (SELECT DISTINCT {columns_of(names)} FROM sample "
                f"WHERE {present})",
            )
            if different == rows:
                return list(names)
    gaps = ", ".join(f"count(*) - count({identifier(column.name)})" for column in columns)
    counted = one_row(con, f"SELECT {gaps} FROM {relation}")
    whole = [column.name for column, gap in zip(columns, counted, strict=True) if not gap]
    return whole or [columns[0].name]


# What a text must look like to be of a type; the cast must succeed besides. The first that all
# values have is the column's: a code with a leading zero is text, and so is a number too long.
_FORMS = (
    ("boolean", "{x} IN ('true', 'false')"),
    (
        "integer",
        "regexp_full_match({x}, '-?(0|[1-9][0-9]*)') AND TRY_CAST({x} AS BIGINT) IS NOT NULL",
    ),
    (
        "number",
        "regexp_full_match({x}, '-?(0|[1-9][0-9]*)?([.][0-9]+)?([eE][+-]?[0-9]+)?') "
        "AND length(regexp_replace({x}, '[^0-9]', '', 'g')) <= 17 "
        "AND coalesce(isfinite(TRY_CAST({x} AS DOUBLE)), false)",
    ),
    (
        "date",
        "regexp_full_match({x}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') "
        "AND TRY_CAST({x} AS DATE) IS NOT NULL",
    ),
    (
        "datetime",
        "regexp_full_match({x}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ][0-9]{{2}}:[0-9]{{2}}"
        "(:[0-9]{{2}}([.][0-9]+)?)?(Z|[+-][0-9]{{2}}:?[0-9]{{2}})?)?') "
        "AND TRY_CAST({x} AS TIMESTAMP WITH TIME ZONE) IS NOT NULL",
    ),
    ("json", "left({x}, 1) IN ('{{', '[') AND json_valid({x})"),
)


def typed(con: duckdb.DuckDBPyConnection, raw: RawTable, source: dict[str, Any]) -> Sniffed:
    """Columns, types, rows and key of a raw table, its texts looked at one by one."""
    names = _drafted(raw, source)
    columns = []
    for name in names:
        sql_type = raw.types.get(name)
        if sql_type is not None:
            columns.append(SniffedColumn(name, type_of(sql_type)))
            continue
        text = f"nullif({raw.expressions[name]}, '')"
        counts = ", ".join(f"count(*) FILTER ({form.format(x='x')})" for _, form in _FORMS)
        present, *fitting = one_row(
            con, f"SELECT count(x), {counts} FROM (SELECT {text} AS x FROM {raw.relation})"
        )
        kinds = [kind for (kind, _), n in zip(_FORMS, fitting, strict=True) if n == present]
        columns.append(SniffedColumn(name, kinds[0] if present and kinds else "text"))
    (rows,) = one_row(con, f"SELECT count(*) FROM {raw.relation}")
    columns = _flattened(columns) if source["format"] in ("json", "ndjson") else columns
    selected = ", ".join(
        f"nullif({raw.expressions[c.name]}, '') AS {identifier(c.name)}"
        if c.name not in raw.types
        else f"{raw.expressions[c.name]} AS {identifier(c.name)}"
        for c in columns
    )
    relation = f"(SELECT {selected} FROM {raw.relation})"
    key = _key(con, relation, columns, rows) if rows else [columns[0].name]
    return Sniffed(source, columns, rows, key)


def _drafted(raw: RawTable, source: dict[str, Any]) -> list[str]:
    """The columns that a draft asks for: none twice, and no constants of a JSON document."""
    seen: set[str] = set()
    names = []
    for name, expression in raw.expressions.items():
        constant = name.startswith("^.") and "'" in expression
        if expression not in seen and not constant:
            seen.add(expression)
            names.append(name)
    return names


def _flattened(columns: list[SniffedColumn]) -> list[SniffedColumn]:
    """Columns where an object of nothing but scalars is told by these, and any other is whole."""
    kinds = {column.name: column.type for column in columns}
    parts = {name: [one for one in kinds if one.startswith(f"{name}.")] for name in kinds}
    kept = set(kinds)
    for name in sorted(kinds, key=len):
        if parts[name] and name in kept:
            lists = [one for one in parts[name] if kinds[one] == "json" and not parts[one]]
            kept -= set(parts[name]) if lists else {name}
    return [column for column in columns if column.name in kept]
