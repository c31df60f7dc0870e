"""A question about one table as SQL: page after page from where the last one ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from moulouya.definition.columns import SQL_TYPES
from moulouya.duck import identifier
from moulouya.portal.api import cursors, shapes
from moulouya.portal.api.choosing import Choice, Order, Output
from moulouya.portal.api.pieces import Piece
from moulouya.portal.kept import Kept
from moulouya.portal.records.view import Table

MOST_TOTALS = 4096
# A table with more rows is counted in samples where an estimate will do.
ESTIMATED_FROM = 200_000
SAMPLED = 100_000
# No column is called so.
PLACE = '"#"'
EVERYTHING = Piece("TRUE", (), "boolean", 0)
_totals: Kept[int] = Kept(MOST_TOTALS)


@dataclass(frozen=True)
class Question:
    """What is asked of a table: ``text`` is the question's canonical form but for the page.

    ``sha256`` names the content of the table; ``after`` is the place where the last page ended: the
    number of a row, or of groups. ``total`` is exact, estimate or none.
    """

    table: Table
    sha256: str
    choice: Choice
    where: Piece | None
    text: str
    limit: int
    offset: int = 0
    after: int | None = None
    total: str = "none"


@dataclass(frozen=True)
class Found:
    """One page: a row's values for each expression asked, and the cursor of the next page.

    ``total`` is None where it is not known; ``estimated`` where it is about right.
    """

    rows: Sequence[tuple[Any, ...]]
    next: str | None
    total: int | None
    estimated: bool


@dataclass(frozen=True)
class Statement:
    """SQL that gives a page, and one row more: first of every row its place, then what is asked."""

    sql: str
    bound: list[Any]


def statement(
    con: duckdb.DuckDBPyConnection, source: str, asked: Question, expressions: Sequence[str]
) -> Statement:
    """The SQL of a page. ``expressions`` are over the names ``c0``, ``c1``… of the outputs when
    grouped, over the columns of the table otherwise.
    """
    where = asked.where or EVERYTHING
    bound = shapes.looked_up(con, source, where.bound, asked.sha256)
    listed = ", ".join(expressions)
    if asked.choice.grouped:
        skipped = asked.offset if asked.after is None else asked.after
        inner = _grouped(source, asked.choice, where.sql)
        order = ", ".join(_terms(asked.choice)) or "1"
        page = f"FROM ({inner}) ORDER BY {order} LIMIT {asked.limit + 1} OFFSET {skipped}"
        return Statement(f"SELECT 0, {listed} FROM ({page})", bound)
    condition, skipped = where.sql, asked.offset
    keys = [_key(asked, one) for one in asked.choice.order]
    if asked.after is not None:
        beyond, more = _beyond(con, source, keys, asked.choice.order, asked.after)
        condition, bound = f"{condition} AND {beyond}", [*bound, *more]
        skipped = 0
    elif not keys and asked.where is None:
        # Row numbers have no gaps: the page is cut out of the table without a scan, and from 0 on
        # quicker than by a limit alone, which DuckDB plans as a join.
        condition, skipped = f"rowid >= {skipped}", 0
    offset = f" OFFSET {skipped}" if skipped else ""
    page = f"LIMIT {asked.limit + 1}{offset}"
    if not keys:
        return Statement(f"SELECT rowid, {listed} FROM {source} WHERE {condition} {page}", bound)
    # The page is cut out before its rows are written: otherwise every row would be.
    terms = [_term(sql, one) for (sql, _), one in zip(keys, asked.choice.order, strict=True)]
    order = ", ".join([*terms, "rowid"])
    columns = dict.fromkeys(one.sql for one in asked.choice.outputs)
    inner = (
        f"SELECT rowid AS {PLACE}, {', '.join(columns)} FROM {source} "
        f"WHERE {condition} ORDER BY {order} {page}"
    )
    return Statement(f"SELECT {PLACE}, {listed} FROM ({inner})", bound)


def following(asked: Question, places: Sequence[int], version: int) -> str | None:
    """The cursor after a page whose rows, and one more if there is one, have these places."""
    if len(places) <= asked.limit:
        return None
    if asked.choice.grouped:
        skipped = asked.offset if asked.after is None else asked.after
        return cursors.write(version, asked.text, skipped + asked.limit)
    return cursors.write(version, asked.text, places[asked.limit - 1])


def total(con: duckdb.DuckDBPyConnection, source: str, asked: Question) -> tuple[int | None, bool]:
    """How many rows or groups there are in all, and whether that is estimated.

    It is told unasked where that costs nothing.
    """
    if asked.where is None and not asked.choice.grouped:
        return asked.table.rows, False
    if asked.total == "none":
        return None, False
    where = asked.where or EVERYTHING
    key = (asked.sha256, where.sql, repr(where.bound), asked.choice.groups, asked.choice.grouped)
    found = _totals.find(key)
    if found is not None:
        return found, False
    bound = shapes.looked_up(con, source, where.bound, asked.sha256)
    if asked.choice.grouped:
        sql = f"SELECT count(*) FROM ({_grouped(source, asked.choice, where.sql)})"
    elif asked.total == "estimate" and asked.table.rows > ESTIMATED_FROM:
        return _estimate(con, source, asked.table.rows, where.sql, bound), True
    else:
        sql = f"SELECT count(*) FROM {source} WHERE {where.sql}"
    row = con.execute(sql, bound).fetchone()
    assert row is not None, "a count gives one row"
    return _totals.keep(key, int(row[0])), False


def _estimate(
    con: duckdb.DuckDBPyConnection, source: str, rows: int, where: str, bound: list[Any]
) -> int:
    """About how many rows, from every so many-th block of the table."""
    percent = max(1.0, 100 * SAMPLED / rows)
    row = con.execute(
        f"SELECT count(*), count(*) FILTER (WHERE {where}) FROM {source} "
        f"TABLESAMPLE SYSTEM ({percent:.3f}%) REPEATABLE (1)",
        bound,
    ).fetchone()
    assert row is not None, "a count gives one row"
    return round(rows * row[1] / row[0]) if row[0] else 0


def _grouped(source: str, choice: Choice, where: str) -> str:
    """The groups as a query with the columns ``c0``, ``c1``…"""
    listed = ", ".join(f"{one.sql} AS c{n}" for n, one in enumerate(choice.outputs))
    groups = ", ".join(map(identifier, choice.groups))
    by = f" GROUP BY {groups}" if groups else ""
    hidden = "".join(f", {identifier(name)} AS g{n}" for n, name in enumerate(choice.groups))
    return f"SELECT {listed}{hidden} FROM {source} WHERE {where}{by}"


def _terms(choice: Choice) -> list[str]:
    """The order of groups: as asked, then by what they are grouped by."""
    numbers = {one.name: n for n, one in enumerate(choice.outputs)}
    return [
        *(_term(f"c{numbers[one.name]}", one) for one in choice.order),
        *(f"g{n} NULLS LAST" for n in range(len(choice.groups))),
    ]


def _term(sql: str, order: Order) -> str:
    return f"{sql} {'DESC' if order.descending else 'ASC'} NULLS LAST"


def _key(asked: Question, order: Order) -> tuple[str, str]:
    """The SQL and the SQL type of what rows are ordered by: an output's name goes first."""
    outputs: dict[str, Output] = {one.name: one for one in asked.choice.outputs}
    found = outputs.get(order.name)
    if found is not None:
        return found.sql, _sql_type(found.kind)
    return identifier(order.name), _sql_type(asked.table.types[order.name])


def _sql_type(kind: str) -> str:
    return SQL_TYPES.get(kind, kind.upper())


def _beyond(
    con: duckdb.DuckDBPyConnection,
    source: str,
    keys: Sequence[tuple[str, str]],
    order: Sequence[Order],
    place: int,
) -> tuple[str, list[Any]]:
    """The condition for rows after a row in an order in which missing values come last."""
    sql, bound = f"rowid > {place}", list[Any]()
    if not keys:
        return sql, bound
    listed = ", ".join(f"CAST({key} AS VARCHAR)" for key, _ in keys)
    values = con.execute(f"SELECT {listed} FROM {source} WHERE rowid = {place}").fetchone()
    assert values is not None, "a cursor's place is one of the table's rows"
    steps = list(zip(keys, order, values, strict=True))
    for (key, kind), one, value in reversed(steps):
        here = f"CAST(? AS {kind})"
        if value is None:
            sql = f"({key} IS NULL AND {sql})"
            continue
        side = "<" if one.descending else ">"
        sql = f"({key} {side} {here} OR {key} IS NULL OR ({key} = {here} AND {sql}))"
        bound = [value, value, *bound]
    return sql, bound
