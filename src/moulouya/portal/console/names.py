"""Names in SQL as a person would write them: quoted only where they must be."""

from __future__ import annotations

import re
from functools import cache

import duckdb

from moulouya.duck import identifier

PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def name(text: str) -> str:
    """A column, a table or a schema."""
    plain = PLAIN.fullmatch(text) and text not in _reserved()
    return text if plain else identifier(text)


def table(theme: str, slug: str) -> str:
    """A table of the catalogue."""
    return f"{name(theme)}.{name(slug)}"


@cache
def _reserved() -> frozenset[str]:
    """The words that DuckDB keeps for itself somewhere in a statement."""
    with duckdb.connect() as con:
        rows = con.execute(
            "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
        ).fetchall()
    return frozenset(row[0] for row in rows)
