"""The first rows of a dataset, as texts ready to be shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import structlog

from moulouya import duck, serving
from moulouya.errors import LakeError, MoulouyaError
from moulouya.portal.languages import Language
from moulouya.portal.published import Catalogue, PublishedDataset

ROWS = 20
LONGEST_TEXT = 120
log = structlog.get_logger("moulouya.portal")


def first_rows(catalogue: Catalogue, dataset: PublishedDataset) -> Sequence[tuple[Any, ...]]:
    """The first rows in the published order, columns as in version.json; empty if unreadable."""
    names = tuple(column["name"] for column in dataset.record["columns"])
    shapes = frozenset(c["name"] for c in dataset.record["columns"] if c["type"] == "geometry")
    file = dataset.files.get(serving.file_name(dataset.slug))
    if file is None:
        return ()
    try:
        path = catalogue.sound(dataset.folder, file)
    except LakeError as error:
        log.warning("no preview", dataset=dataset.slug, reason=error.message)
        return ()
    return _rows(path, (dataset.theme, dataset.slug), names, shapes)


@lru_cache(maxsize=256)
def _rows(
    path: Path, name: serving.Table, names: tuple[str, ...], shapes: frozenset[str]
) -> tuple[tuple[Any, ...], ...]:
    """Run the query once; the file it reads is immutable, so its answer never changes."""
    table = ".".join(map(duck.identifier, name))
    try:
        with serving.connect({name: path}) as con:
            described = con.execute(f"SELECT column_name, column_type FROM (DESCRIBE {table})")
            types = dict(described.fetchall())
            shown = ", ".join(
                _beginning_as_text(name, types[name]) if name in shapes else duck.identifier(name)
                for name in names
            )
            return tuple(con.execute(f"SELECT {shown} FROM {table} LIMIT {ROWS}").fetchall())
    except (duckdb.Error, KeyError, MoulouyaError) as error:
        log.warning("no preview", table=table, reason=str(error))
        return ()


def _beginning_as_text(name: str, sql_type: str) -> str:
    """A shape as the beginning of its well-known text; it is kept as WKB where types are few."""
    column = duck.identifier(name)
    shape = f"ST_GeomFromWKB({column})" if sql_type == "BLOB" else column
    return f"left(ST_AsText({shape}), {LONGEST_TEXT + 1})"


def value_text(value: Any, column_type: str, language: Language, grouped: bool = True) -> str:
    """A value as people of the language write it; a missing one is an empty text.

    ``grouped`` is false for whole numbers that are years or codes rather than amounts.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return language.text("yes") if value else language.text("no")
    if isinstance(value, int):
        return language.number(value) if grouped else str(value)
    if isinstance(value, float | Decimal):
        return language.number(value) if column_type != "text" else str(value)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, dt.date):
        return value.isoformat()
    text = str(value)
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
