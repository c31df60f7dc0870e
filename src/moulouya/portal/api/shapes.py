"""How the shapes of a table lie to a shape that was written: exactly, after a look at their boxes.

DuckDB picks out the rows whose boxes meet (its own part, without its extension for shapes), GEOS
decides about those; the rows that are left are known by their numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape as shape_of_json

from moulouya.duck import identifier
from moulouya.portal.api.faults import Refused
from moulouya.portal.kept import Kept

MOST_CANDIDATES = 300_000
AT_A_TIME = 2000
RELATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "s_intersects": shapely.intersects,
    "s_disjoint": shapely.intersects,
    "s_within": shapely.within,
    "s_contains": shapely.contains,
    "s_overlaps": shapely.overlaps,
    "s_crosses": shapely.crosses,
    "s_touches": shapely.touches,
    "s_equals": shapely.equals,
}
TURNED = {"s_within": "s_contains", "s_contains": "s_within"}
_found: Kept[list[int]] = Kept(32)


@dataclass(frozen=True)
class Shapes:
    """The rows whose shape stands in a relation to another, given as well-known text.

    ``columns`` is one column of shapes, or those of longitude and latitude.
    """

    relation: str
    columns: tuple[str, ...]
    other: str


def read(node: Any, parameter: str, at: int) -> Any:
    """The shape that a literal of CQL2 describes; raises Refused."""
    try:
        if isinstance(node, Mapping) and set(node) == {"bbox"}:
            west, south, east, north = _box([float(one) for one in node["bbox"]])
            # A box without area is a point or a line.
            found = shapely.envelope(shapely.multipoints([[west, south], [east, north]]))
        elif isinstance(node, Mapping) and ("coordinates" in node or "geometries" in node):
            found = shapely.force_2d(shape_of_json(node))
        else:
            raise ValueError("no shape")
        bounds = [float(one) for one in found.bounds]
    except (ShapelyError, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise _bad(parameter, at) from error
    if len(bounds) != 4 or not all(map(math.isfinite, bounds)) or not found.is_valid:
        raise _bad(parameter, at)
    return found


def _box(numbers: Sequence[float]) -> Sequence[float]:
    """West, south, east, north; the heights of a box of six are left out."""
    if len(numbers) == 6:
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if len(numbers) != 4 or numbers[0] > numbers[2] or numbers[1] > numbers[3]:
        raise ValueError("no box")
    return numbers


def _bad(parameter: str, at: int) -> Refused:
    detail = f"{parameter}, character {at + 1}: the shape it is compared with is not sound"
    hint = "write BBOX(west,south,east,north) or well-known text, as in POLYGON((0 0,1 0,1 1,0 0))"
    return Refused("values", detail, hint, parameter=parameter, at=at)


def condition(relation: str, columns: tuple[str, ...], other: Any) -> tuple[str, tuple[Any, ...]]:
    """SQL for a relation; it is unknown where the row has no shape."""
    named = [identifier(one) for one in columns]
    missing = " OR ".join(f"{one} IS NULL" for one in named)
    sign = "NOT " if relation == "s_disjoint" else ""
    wanted = Shapes(relation, columns, shapely.to_wkt(other, rounding_precision=-1))
    listed = "rowid IN (SELECT unnest(CAST(? AS BIGINT[])))"
    return f"CASE WHEN {missing} THEN NULL ELSE {sign}{listed} END", (wanted,)


def looked_up(
    con: duckdb.DuckDBPyConnection, source: str, bound: Sequence[Any], version: str
) -> list[Any]:
    """The values to bind, with the numbers of the rows in place of `Shapes`.

    Raises Refused where more shapes than ``MOST_CANDIDATES`` are near.
    """
    return [_rows(con, source, one, version) if isinstance(one, Shapes) else one for one in bound]


def _rows(con: duckdb.DuckDBPyConnection, source: str, wanted: Shapes, version: str) -> list[int]:
    key = (version, wanted)
    found = _found.find(key)
    if found is not None:
        return found
    other = shapely.from_wkt(wanted.other)
    west, south, east, north = (float(one) for one in other.bounds)
    if len(wanted.columns) == 2:
        x, y = map(identifier, wanted.columns)
        query = (
            f"SELECT rowid, CAST({x} AS DOUBLE) AS x, CAST({y} AS DOUBLE) AS y FROM {source} "
            f"WHERE {x} BETWEEN ? AND ? AND {y} BETWEEN ? AND ? LIMIT {MOST_CANDIDATES + 1}"
        )
        near = [west, east, south, north]
    else:
        (column,) = map(identifier, wanted.columns)
        query = (
            f"SELECT rowid, {column} AS shape FROM {source} WHERE ST_Intersects_Extent("
            f"ST_GeomFromWKB({column}), CAST(CAST(? AS VARCHAR) AS GEOMETRY)) "
            f"LIMIT {MOST_CANDIDATES + 1}"
        )
        near = [shapely.to_wkt(shapely.box(west, south, east, north), rounding_precision=-1)]
    shapely.prepare(other)
    numbers: list[int] = []
    looked_at = 0
    for batch in con.execute(query, near).to_arrow_reader(AT_A_TIME):
        looked_at += batch.num_rows
        if looked_at > MOST_CANDIDATES:
            raise Refused("values", f"more than {MOST_CANDIDATES} shapes lie near this one",
                          "take a smaller one")  # fmt: skip
        held = _held(wanted.relation, other, batch)
        numbers += batch.column("rowid").to_numpy()[held].tolist()
    return _found.keep(key, numbers)


def _held(relation: str, other: Any, batch: pa.RecordBatch) -> Any:
    """Which shapes of a batch stand in the relation to the other."""
    # Prepared shapes answer quickly when they stand first.
    compare = RELATIONS[TURNED.get(relation, relation)]
    try:
        if "shape" in batch.schema.names:
            drawn = shapely.from_wkb(batch.column("shape").to_pylist())
        else:
            drawn = shapely.points(batch.column("x").to_numpy(), batch.column("y").to_numpy())
        return np.asarray(compare(other, drawn), bool)
    except ShapelyError as error:
        raise Refused("values", "these shapes cannot be compared", "take a simpler one") from error
