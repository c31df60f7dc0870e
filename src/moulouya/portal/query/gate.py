"""Which statements a worker runs: one that only reads, over the catalogue and nothing beside it.

DuckDB's own parser says what a statement is; the tree it gives is walked. This is the first half
of the inner layer, and gives the kinder message; DuckDB's locked settings are the second half. It
runs in the worker, as parsing hostile text is already work for a sandbox.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

READS_FILES = (
    "only tables of the catalogue can be read here: neither files nor addresses, "
    "neither settings nor the engine's own tables"
)
CATALOGUE_HAS_THEM = "FROM catalogue.datasets lists the tables, FROM catalogue.columns the columns"
ONE_STATEMENT = (
    "one SELECT, WITH, FROM, VALUES, PIVOT, UNPIVOT, DESCRIBE, SUMMARIZE, SHOW TABLES or EXPLAIN"
)
TABLE_FUNCTIONS = frozenset(
    {"generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest"}
)
FUNCTIONS = frozenset(
    {
        "current_query", "current_setting", "currval", "disable_logging", "enable_logging",
        "getenv", "getvariable", "glob", "json_deserialize_sql", "json_execute_serialized_sql",
        "json_serialize_plan", "nextval", "parse_duckdb_log_message", "query", "query_table",
        "set_config", "sleep_ms", "stats", "which_secret", "write_log",
    }
)  # fmt: skip
INTERNAL = re.compile(
    r"(arrow|checkpoint|copy|disable|duckdb|enable|force|from_substrait|getenv|histogram|icu|"
    r"pandas|parquet|pg|pragma|python|read|seq|sniff|sqlite|substrait|summary|test|truncate)_?.*"
)
INTERNAL_TABLE = re.compile(r"(duckdb|pg|pragma|sqlite)_.*")
INTERNAL_SCHEMAS = frozenset({"information_schema", "pg_catalog"})
PLAIN_NAME = re.compile(r"[^/\\:.*?]+")
EXPLAIN = re.compile(
    r"EXPLAIN\s+(?:ANALYZE\b\s*|ANALYSE\b\s*)?(?:\(\s*(?:(?:FORMAT\s+\w+|ANALYZE|ANALYSE)\s*,?\s*)+"
    r"\)\s*)?",
    re.IGNORECASE,
)
SPACE_AND_COMMENTS = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)
DYNAMIC_PIVOT = re.compile(r"\bpivot(_wider)?\b", re.IGNORECASE)
CALLED = re.compile(r"([a-z_][a-z0-9_]*)\"?\s*\(", re.IGNORECASE)
EVERY_TABLE = "SELECT slug AS name, theme AS schema, title_en AS title FROM catalogue.datasets"
SHOWN = {'"tables"', "__show_tables_expanded"}
MANY_KINDS = {duckdb.StatementType.SELECT, duckdb.StatementType.CREATE}


class NotAllowed(Exception):
    """A statement that is not run; ``at`` is the place in its bytes, None for none."""

    def __init__(self, message: str, hint: str = "", at: int | None = None) -> None:
        super().__init__(message)
        self.message, self.hint, self.at = message, hint, at


@dataclass(frozen=True)
class Allowed:
    """A statement that may run: its text, and whether it tells about a statement only."""

    text: str
    explains: bool = False


def admit(con: duckdb.DuckDBPyConnection, text: str) -> Allowed:
    """The statement if it may run; raises NotAllowed, or duckdb.Error where it is no SQL."""
    statements = con.extract_statements(text)
    if not statements:
        raise NotAllowed("there is no statement", hint=ONE_STATEMENT)
    made_for_pivot = [not statement.query for statement in statements]
    if len(statements) > 1 and not (
        all(made_for_pivot)
        and {statement.type for statement in statements} == MANY_KINDS
        and statements[-1].type == duckdb.StatementType.SELECT
        and DYNAMIC_PIVOT.search(text)
    ):
        raise NotAllowed("one statement at a time", hint=ONE_STATEMENT)
    if len(statements) > 1:
        _look_at_words(text)
        return Allowed(text)
    kind = statements[0].type
    if kind == duckdb.StatementType.EXPLAIN:
        return _explained(con, text)
    if kind != duckdb.StatementType.SELECT:
        raise NotAllowed(f"{kind.name} is not possible: the catalogue is read-only", ONE_STATEMENT)
    return Allowed(_look_at_tree(con, text))


def _explained(con: duckdb.DuckDBPyConnection, text: str) -> Allowed:
    """An EXPLAIN, whose own statement is held to the same rules: ANALYZE would run it."""
    begin = SPACE_AND_COMMENTS.match(text)
    found = EXPLAIN.match(text, begin.end() if begin else 0)
    if found is None:
        raise NotAllowed("this form of EXPLAIN is not possible", hint="EXPLAIN SELECT …")
    # Blanks in its place, so that what is wrong is told at its own place.
    admitted = admit(con, " " * len(text[: found.end()].encode()) + text[found.end() :])
    if admitted.explains:
        raise NotAllowed("EXPLAIN of an EXPLAIN is not possible", hint=ONE_STATEMENT)
    return Allowed(text, explains=True)


def _look_at_tree(con: duckdb.DuckDBPyConnection, text: str) -> str:
    """The text to run, once everything in the tree is allowed."""
    row = con.execute(
        "SELECT json_serialize_sql(?::VARCHAR, skip_null := true, skip_empty := true)", [text]
    ).fetchone()
    tree: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    if tree.get("error"):
        raise NotAllowed("this statement is not possible here", hint=ONE_STATEMENT)
    shown = tree["statements"][0]["node"].get("from_table") or {}
    if shown.get("type") == "SHOW_REF" and _lists_tables(shown):
        schema = shown.get("schema_name")
        if schema is None:
            return EVERY_TABLE + " ORDER BY ALL"
        return f"{EVERY_TABLE} WHERE theme = {_literal(schema)} ORDER BY ALL"
    for node in _nodes(tree):
        _look_at(node)
    return text


def _lists_tables(shown: dict[str, Any]) -> bool:
    return shown.get("table_name") in SHOWN or shown.get("show_type") == "SHOW_FROM"


def _look_at(node: dict[str, Any]) -> None:
    kind, at = node.get("type"), node.get("query_location")
    at = at if isinstance(at, int) and at < 2**31 else None
    if kind == "BASE_TABLE":
        _look_at_table(node, at)
    elif kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", "")).lower()
        if name not in TABLE_FUNCTIONS:
            raise NotAllowed(f"{name}() is not possible: {READS_FILES}", CATALOGUE_HAS_THEM, at)
    elif kind == "SHOW_REF" and (_lists_tables(node) or "query" not in node):
        raise NotAllowed("SHOW stands alone", CATALOGUE_HAS_THEM, at)
    elif "function_name" in node:
        name = str(node["function_name"]).lower()
        if name in FUNCTIONS or name.startswith(("read_", "pg_", "duckdb_", "pragma_")):
            raise NotAllowed(f"{name}() is not possible: {READS_FILES}", at=at)


def _look_at_table(node: dict[str, Any], at: int | None) -> None:
    name, schema = str(node.get("table_name", "")), str(node.get("schema_name", "")).lower()
    beside = (
        INTERNAL_TABLE.fullmatch(name.lower())
        or schema in INTERNAL_SCHEMAS
        or str(node.get("catalog_name", "")).lower() == "system"
    )
    if beside or not PLAIN_NAME.fullmatch(name):
        raise NotAllowed(f"{name} is not in the catalogue: {READS_FILES}", CATALOGUE_HAS_THEM, at)


def _look_at_words(text: str) -> None:
    """A PIVOT whose columns the data decide has no tree: its words are held against the lists."""
    for found in CALLED.finditer(text):
        name = found[1].lower()
        if name in FUNCTIONS or (INTERNAL.fullmatch(name) and name not in TABLE_FUNCTIONS):
            at = len(text[: found.start()].encode())
            raise NotAllowed(f"{name}() is not possible: {READS_FILES}", CATALOGUE_HAS_THEM, at)
    for word in re.findall(r"[a-z_][a-z0-9_]*", text.lower()):
        if word in INTERNAL_SCHEMAS or INTERNAL_TABLE.fullmatch(word):
            raise NotAllowed(f"{word} is not possible: {READS_FILES}", CATALOGUE_HAS_THEM)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of a tree, however deep, without recursion."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _literal(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
