"""Whether a query gives the same rows whatever the number of threads that compute it.

A sum of floating-point numbers, the first of several values or the rows that a LIMIT lets through
depend on the order in which rows arrive, and several threads take them in any order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from duckdb import DuckDBPyConnection, Error

from moulouya.duck import literal, one_row

# Aggregates that give the same whatever the order; the others may not.
ORDERLESS = frozenset({
    "approx_count_distinct", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "count",
    "count_if", "count_star", "countif", "max", "min", "quantile_disc", "regr_count",
})  # fmt: skip
# Of numbers that are exact, a sum and a mean are so as well.
SUMS = frozenset({"sum", "avg", "mean"})
EXACT = frozenset({
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
    "DECIMAL", "BOOLEAN",
})  # fmt: skip
# Macros that hide one that does not.
HIDING = frozenset({
    "geomean", "geometric_mean", "json_group_array", "json_group_object", "json_group_structure",
    "wavg", "weighted_avg",
})  # fmt: skip
FIRST = "LIMIT_MODIFIER"
# What SQL writes without brackets.
CLOCKS = frozenset({"current_date", "current_time", "current_timestamp", "localtimestamp"})


def threads_for(con: DuckDBPyConnection, query: str, threads: int) -> int:
    """The threads that may compute a query: one, where the order of rows has a say."""
    return 1 if threads > 1 and any(_in_order(con, query)) else threads


def by_chance(con: DuckDBPyConnection, query: str) -> list[str]:
    """The functions of a query that give something else at every call, such as ``random``."""
    rows = con.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')"
    ).fetchall()
    chance = CLOCKS | {name for (name,) in rows}
    called = {_called(node) for node in _nodes(_tree(con, query))}
    return sorted(called & chance)


def _in_order(con: DuckDBPyConnection, query: str) -> Iterator[bool]:
    rows = con.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'aggregate'"
    ).fetchall()
    ordered = HIDING | {name for (name,) in rows} - ORDERLESS
    tree = _tree(con, query)
    yield bool(tree.get("error", True))
    for node in _nodes(tree):
        name = node.get("function_name")
        chosen = node.get("type") == FIRST or node.get("sample") or node.get("distinct_on_targets")
        if chosen or node.get("class") == "WINDOW":
            yield True
        elif name in SUMS:
            yield not all(_exact(child) for child in node.get("children", []))
        elif name in ordered:
            yield True


def _exact(node: dict[str, Any]) -> bool:
    return node.get("class") == "CAST" and node["cast_type"]["id"] in EXACT


def _called(node: dict[str, Any]) -> str:
    names = node.get("column_names", [])
    return str(names[0] if len(names) == 1 else node.get("function_name", "")).lower()


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree:
        if isinstance(child, dict | list):
            yield from _nodes(child)


def _tree(con: DuckDBPyConnection, query: str) -> dict[str, Any]:
    """What DuckDB's parser makes of a query; nothing where it cannot say."""
    try:
        (tree,) = one_row(con, f"SELECT json_serialize_sql({literal(query)})")
    except Error:
        return {}
    return dict(json.loads(tree))
