"""Which rows of a table have which value: an index of the columns that have few of them.

For each value of such a column it keeps the numbers of its rows as a Roaring bitmap (Lemire et al.,
Roaring Bitmaps, 2018). Rows that equal values in several columns are those in all their bitmaps.
"""

from __future__ import annotations

import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from typing import Any

import duckdb
import orjson
import pyarrow as pa
from pyroaring import BitMap

from moulouya.duck import identifier
from moulouya.portal.api.blocks import Blocks, Damaged, Writing
from moulouya.portal.api.pieces import Equal
from moulouya.portal.kept import Kept
from moulouya.portal.records.view import Table

# A column of more values, or a table of more such columns, is left to DuckDB.
MOST_VALUES = 2000
MOST_COLUMNS = 32
# Rows that DuckDB is asked for at once.
AT_ONCE = 1_000_000
# Rows in the bitmaps that are kept in memory, of two bytes at most.
MOST_KEPT = 32_000_000
KINDS = ("text", "integer", "boolean")
Reading = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]


def write(writing: Writing, reading: Reading, source: str, table: Table) -> dict[str, Any]:
    """Add the bitmaps of the columns that have few values; what `Equalities` reads in the head.

    They take no more room than the rows do: the columns with the fewest values go first.
    ``reading`` opens a connection for one query.
    """
    room = 2 * writing.size
    found: dict[str, Any] = {}
    few = [(distinct, name) for name, kind, distinct, _ in table.columns
           if kind in KINDS and 0 < distinct <= MOST_VALUES]  # fmt: skip
    for _, name in sorted(few)[:MOST_COLUMNS]:
        rows_of = _bitmaps(reading, source, name, table.rows)
        if rows_of is None:
            continue
        values = list(rows_of)
        places = [writing.frame(rows_of[value].serialize()) for value in values]
        listed = writing.frame(orjson.dumps({"values": values, "places": places}))
        found[name] = listed
        if writing.size > room:
            break
    return found


class Equalities:
    """The index in a file of blocks; raises Damaged.

    ``kept`` keeps bitmaps in memory, of all indexes together; ``name`` tells this one's.
    """

    def __init__(self, blocks: Blocks, name: str, kept: Kept[BitMap]) -> None:
        self._blocks = blocks
        self._name = name
        self._kept = kept
        self._listed: dict[str, dict[Any, Sequence[int]]] = {}

    def rows(self, equals: frozenset[Equal]) -> BitMap | None:
        """The numbers of the rows that equal all these values; None where a column is left out."""
        key = (self._name, equals)
        found = self._kept.find(key)
        if found is None:
            found = self._made(equals)
            if found is not None:
                self._kept.keep(key, found)
        return found

    def _made(self, equals: frozenset[Equal]) -> BitMap | None:
        if len(equals) == 1:
            return self._read(*next(iter(equals)))
        each = [self.rows(frozenset([one])) for one in equals]
        there = [one for one in each if one is not None]
        return BitMap.intersection(*there) if len(there) == len(each) else None

    def _read(self, column: str, value: Any) -> BitMap | None:
        if column not in self._blocks.head["columns"]:
            return None
        if column not in self._listed:
            listed = orjson.loads(self._blocks.frame(self._blocks.head["columns"][column]))
            self._listed[column] = dict(zip(listed["values"], listed["places"], strict=True))
        place = self._listed[column].get(value)
        if place is None:
            return BitMap()
        try:
            return BitMap.deserialize(self._blocks.frame(place))
        except ValueError as error:
            raise Damaged from error


def _bitmaps(reading: Reading, source: str, name: str, rows: int) -> dict[Any, BitMap] | None:
    """The rows of every value of a column; None where there are too many values."""
    found: dict[Any, BitMap] = {}
    for start in range(0, rows, AT_ONCE):
        with reading() as con:
            table = con.execute(
                f"SELECT {identifier(name)}, list(CAST(rowid AS UINTEGER)) FROM {source} "
                f"WHERE rowid >= {start} AND rowid < {start + AT_ONCE} "
                f"AND {identifier(name)} IS NOT NULL GROUP BY 1"
            ).to_arrow_table()
        for value, places in zip(table.column(0).to_pylist(), _lists(table), strict=True):
            found.setdefault(value, BitMap()).update(places)
        if len(found) > MOST_VALUES:
            return None
    return found


def _lists(table: pa.Table) -> Iterator[array.array[int]]:
    """The lists of a table's second column, without an object for each number."""
    for chunk in table.column(1).chunks:
        numbers = chunk.flatten().to_numpy()
        for low, high in pairwise(chunk.offsets.to_numpy() - chunk.offsets[0].as_py()):
            yield array.array("I", numbers[low:high].tobytes())
