"""Rows of a view, read page by page from where the last one ended: the depth costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import structlog

from moulouya.definition.columns import SQL_TYPES
from moulouya.duck import identifier
from moulouya.errors import LakeError
from moulouya.portal.kept import Kept
from moulouya.portal.languages import N_
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.reading import TooSlow, stored_name, tables
from moulouya.portal.records.cells import LONGEST_TEXT
from moulouya.portal.records.view import END, Condition, Table, View, ViewError

FIRST = 20
COUNTED_PLACES = 1_000_000
MOST_TOTALS = 4096
log = structlog.get_logger("moulouya.portal")


@dataclass(frozen=True)
class Page:
    """Rows of one page, and the places in the table of its first and last row.

    ``start`` is how many rows of the view come before it, None where counting them costs much.
    """

    rows: Sequence[tuple[Any, ...]]
    first: int | None
    last: int | None
    start: int | None
    total: int
    before: bool
    after: bool


def read(catalogue: Catalogue, dataset: PublishedDataset, view: View) -> Page:
    """One page of a view; raises TooSlow, LakeError, and ViewError for a place it has not."""
    with tables(catalogue, [dataset]) as con:
        return page(con, stored_name(dataset), view, dataset.sha256)


def page(con: duckdb.DuckDBPyConnection, source: str, view: View, version: str) -> Page:
    """One page of a view of the table ``source``; ``version`` names its content."""
    total = count(con, source, view, version)
    if view.before == END:
        rest = total % view.size or view.size
        found = _read(con, source, view, None, True, rest)[::-1]
        start: int | None = max(0, total - rest)
        before, after = total > rest, False
    elif view.before is not None:
        found = _read(con, source, view, int(view.before), True, view.size + 1)
        before, after = len(found) > view.size, True
        found = found[: view.size][::-1]
        start = _start(con, source, view, found[0][0]) if found else 0
    else:
        found = _read(con, source, view, view.after, False, view.size + 1)
        before, after = view.after is not None or view.page > 1, len(found) > view.size
        found = found[: view.size]
        start = (view.page - 1) * view.size
        if view.after is not None:
            start = _start(con, source, view, found[0][0]) if found else total
    first, last = (found[0][0], found[-1][0]) if found else (None, None)
    return Page([row[1:] for row in found], first, last, start, total, before, after)


_totals: Kept[int] = Kept(MOST_TOTALS)
_previews: Kept[Sequence[tuple[Any, ...]]] = Kept(256)


def count(con: duckdb.DuckDBPyConnection, source: str, view: View, version: str) -> int:
    """How many rows a view has; counted once for each version and condition."""
    if not view.narrowed:
        return view.table.rows
    sql, bound = view.where()
    key = (version, sql, repr(bound))
    found = _totals.find(key)
    if found is not None:
        return found
    return _totals.keep(key, int(_one(con, f"SELECT count(*) FROM {source} WHERE {sql}", bound)))


def _one(con: duckdb.DuckDBPyConnection, query: str, bound: list[Any]) -> Any:
    """The single value of a query that gives one row."""
    row = con.execute(query, bound).fetchone()
    assert row is not None, "an aggregate or a row by its number gives one row"
    return row[0]


def _read(
    con: duckdb.DuckDBPyConnection,
    source: str,
    view: View,
    place: int | None,
    backwards: bool,
    most: int,
) -> list[tuple[Any, ...]]:
    selected = ", ".join(["rowid", *(_readable(view.table, name) for name in view.shown)])
    sql, bound = view.where()
    skipped = 0 if backwards or place is not None else (view.page - 1) * view.size
    if place is not None:
        beyond, more = _beyond(con, source, view, place, backwards)
        sql, bound = f"({sql}) AND {beyond}", [*bound, *more]
    natural = view.key() is None
    if natural and not view.narrowed:
        # Row numbers have no gaps: the page is cut out of the table without a scan.
        end = view.table.rows if place is None else place
        if backwards:
            sql, bound = "rowid >= ? AND rowid < ?", [max(0, end - most), end]
        elif place is None:
            sql, bound, skipped = "rowid >= ?", [skipped], 0
    ordered = "" if natural and not backwards else f" ORDER BY {view.order(backwards)}"
    offset = f" OFFSET {skipped}" if skipped else ""
    query = f"SELECT {selected} FROM {source} WHERE {sql}{ordered} LIMIT {most}{offset}"
    return con.execute(query, bound).fetchall()


def _beyond(
    con: duckdb.DuckDBPyConnection, source: str, view: View, place: int, backwards: bool
) -> Condition:
    """The condition for rows after a row in the view's order, or before it."""
    if place >= view.table.rows:
        raise ViewError("_previous" if backwards else "_next", N_("there is no such row"))
    sign = "<" if backwards else ">"
    key = view.key()
    if key is None or view.sort is None:
        return f"rowid {sign} ?", [place]
    written = f"SELECT CAST({key} AS VARCHAR) FROM {source} WHERE rowid = ?"
    value = _one(con, written, [place])
    if value is None:
        if backwards:
            return f"({key} IS NOT NULL OR rowid < ?)", [place]
        return f"({key} IS NULL AND rowid > ?)", [place]
    kind = view.table.types[view.sort]
    here = f"CAST(? AS {SQL_TYPES.get(kind, kind.upper())})"
    side = "<" if backwards != view.descending else ">"
    # The first half alone lets DuckDB pass over blocks by their lowest and highest value.
    beyond = f"({key} {side}= {here} AND ({key} {side} {here} OR rowid {sign} ?))"
    if not backwards and view.sort in view.table.with_empty:
        beyond = f"({beyond} OR {key} IS NULL)"
    return beyond, [value, value, place]


def _start(con: duckdb.DuckDBPyConnection, source: str, view: View, first: int) -> int | None:
    """How many rows of the view come before a row of it."""
    if view.key() is None and not view.narrowed:
        return first
    if view.table.rows > COUNTED_PLACES:
        return None
    sql, bound = view.where()
    beyond, more = _beyond(con, source, view, first, True)
    counted = f"SELECT count(*) FROM {source} WHERE ({sql}) AND {beyond}"
    return int(_one(con, counted, [*bound, *more]))


def _readable(table: Table, name: str) -> str:
    """A column to select; a shape as the beginning of its well-known text."""
    column = identifier(name)
    if table.types[name] != "geometry":
        return column
    return f"left(ST_AsText(ST_GeomFromWKB({column})), {LONGEST_TEXT + 1})"


def first_rows(catalogue: Catalogue, dataset: PublishedDataset) -> Sequence[tuple[Any, ...]]:
    """The first rows in the published order, columns as in version.json; empty if unreadable."""
    found = _previews.find(dataset.sha256)
    if found is not None:
        return found
    try:
        shown = read(catalogue, dataset, View(Table.of(dataset), size=FIRST))
    except (duckdb.Error, LakeError, TooSlow) as error:
        log.warning("no preview", dataset=dataset.slug, reason=str(error))
        return ()
    return _previews.keep(dataset.sha256, shown.rows)
