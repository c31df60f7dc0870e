"""Features on their way to a table: placed in CRS84, checked, and set down as Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from moulouya.definition.formats import Geometry
from moulouya.duck import identifier, literal
from moulouya.errors import ReadError
from moulouya.readers.geo import crs
from moulouya.readers.names import distinct
from moulouya.readers.table import Malformed, RawTable

SHAPE = "geometry"
FEATURE_ID = "\0id"  # what GeoJSON has beside the properties; no property can be called so
REPAIRED = "geometry_repaired"
MOST_MALFORMED = 100_000
SHOWN = 300  # letters of a shape that are kept to show it
TOLERANCE = 1e-6  # degrees that rounding may put a coordinate beyond the edge of the map
Shapes = NDArray[np.object_]


@dataclass(frozen=True)
class Features:
    """Some features of one file: their numbers, attributes by name, shapes, and what is no row.

    An attribute that is not among them is missing in all of them. ``numbers`` count from 1.
    """

    numbers: Sequence[int]
    attributes: dict[str, pa.Array]
    shapes: Shapes
    malformed: list[Malformed] = field(default_factory=list)


@dataclass
class _Seen:
    """What a file's coordinates span, and how many of its shapes found their place."""

    low: NDArray[np.float64] = field(default_factory=lambda: np.full(2, np.inf))
    high: NDArray[np.float64] = field(default_factory=lambda: np.full(2, -np.inf))
    placed: int = 0
    lost: int = 0


class ShapeTable:
    """The table that files of features become, written part by part."""

    def __init__(self, folder: Path, geometry: Geometry) -> None:
        self.folder = folder
        self.geometry = geometry
        self.columns: list[str] = []
        self.types: dict[str, pa.DataType] = {}
        self.malformed: list[Malformed] = []
        self.parts: list[Path] = []
        self._writer: pq.ParquetWriter | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, file: Path, features: Iterable[Features], reference: crs.Reference) -> None:
        """Take in the features of a file, whose coordinates are in ``reference``.

        Raises ReadError when none of its shapes finds a place on Earth, or all look misplaced.
        """
        place = crs.transformation(reference)
        seen = _Seen()
        for some in features:
            self.malformed += some.malformed
            self._add(file, some, place, seen)
            if len(self.malformed) > MOST_MALFORMED:
                first = self.malformed[0]
                raise ReadError(
                    f"{file.name} has more than {MOST_MALFORMED} broken features; the first is "
                    f"number {first.line}: {first.reason}",
                    hint="check source.format and source.geometry",
                )
        if seen.lost and not seen.placed:
            raise ReadError(
                f"no shape of {file.name} lies on Earth when its coordinates are read as "
                f"{reference.crs.name!r}",
                hint="declare source.geometry.crs and source.geometry.axis",
            )
        if seen.placed:
            low, high = seen.low, seen.high
            if reference.y_first:
                low, high = low[::-1], high[::-1]
            bounds = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
            crs.plausible(reference, bounds, file.name)

    def _add(self, file: Path, some: Features, place: Any, seen: _Seen) -> None:
        shapes, repaired = some.shapes, np.zeros(len(some.shapes), dtype=bool)
        shapes[shapely.is_empty(shapes)] = None
        raw, owners = shapely.get_coordinates(shapes, return_index=True)
        shapes = _placed(shapes, place)
        reasons = dict.fromkeys(_off_the_map(shapes), "its coordinates are not on Earth")
        sound = ~np.isin(owners, list(reasons))
        seen.lost += len(reasons)
        if sound.any():
            seen.placed += len(np.unique(owners[sound]))
            seen.low = np.minimum(seen.low, raw[sound].min(axis=0))
            seen.high = np.maximum(seen.high, raw[sound].max(axis=0))
        there = ~shapely.is_missing(shapes)
        there[list(reasons)] = False
        valid = np.ones(len(shapes), dtype=bool)
        valid[there] = shapely.is_valid(shapes[there])
        for index in map(int, np.flatnonzero(~valid)):
            mended = self._mended(shapes[index])
            if mended is None:
                reason = shapely.is_valid_reason(shapes[index])
                reasons[index] = f"its shape is not valid: {reason}"
            else:
                shapes[index], repaired[index] = mended, True
        self.malformed += [
            Malformed(file, int(some.numbers[index]), reason, _shown(some, index), "shape")
            for index, reason in sorted(reasons.items())
        ]
        kept = ~np.isin(np.arange(len(shapes)), list(reasons))
        self._write(file, some, shapes, repaired, kept)

    def _mended(self, shape: Any) -> Any | None:
        """The shape made valid where the definition allows it; None where nothing is left."""
        if not self.geometry.repair:
            return None
        mended = shapely.make_valid(shape, method="structure", keep_collapsed=False)
        return None if mended.is_empty or not mended.is_valid else mended

    def _write(
        self,
        file: Path,
        some: Features,
        shapes: Shapes,
        repaired: NDArray[np.bool_],
        kept: NDArray[np.bool_],
    ) -> None:
        for name, values in some.attributes.items():
            self._know(name, values.type, file)
        size = len(shapes)
        columns = {
            "_file": pa.array([str(file)] * size, pa.string()).dictionary_encode(),
            "_line": pa.array(np.asarray(some.numbers, dtype=np.int64)),
            "_shape": pa.array(_wkb(shapes), pa.binary()),
            "_repaired": pa.array(repaired),
        }
        for number, name in enumerate(self.columns):
            values = some.attributes.get(name)
            columns[f"c{number}"] = pa.nulls(size, self.types[name]) if values is None else values
        table = pa.table(columns).filter(pa.array(kept))
        # One part ends and the next begins where a feature brings an attribute not seen before.
        if self._writer is not None and not self._writer.schema.equals(table.schema):
            self.close()
        if self._writer is None:
            path = self.folder / f"shapes-{len(self.parts) + 1:05}.parquet"
            self.parts.append(path)
            self._writer = pq.ParquetWriter(path, table.schema, compression="snappy")
        self._writer.write_table(table)

    def _know(self, name: str, type_: pa.DataType, file: Path) -> None:
        """Keep the name and type of an attribute; raises ReadError when its type changes."""
        if name not in self.types:
            self.columns.append(name)
            self.types[name] = type_
        elif type_ != self.types[name]:
            raise ReadError(
                f"the attribute {name!r} of {file.name} is {type_}, but {self.types[name]} in the "
                "file before it"
            )

    def close(self) -> None:
        """End the part that is being written."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def opened(self, con: DuckDBPyConnection) -> RawTable:
        """The table for DuckDB: attributes under their names, the shape as ``geometry``."""
        self.close()
        listed = ", ".join(literal(str(part)) for part in self.parts)
        relation = f"read_parquet([{listed}], union_by_name = true)"
        described = con.execute(f"DESCRIBE FROM {relation}").fetchall()
        sql_types = {name: type_ for name, type_, *_ in described}
        # The feature's id comes last, so that a property called id keeps its name.
        fields = {name: f"c{number}" for number, name in enumerate(self.columns)}
        if FEATURE_ID in fields:
            feature_id = fields.pop(FEATURE_ID)
            fields["id#2" if "id" in fields else "id"] = feature_id
        expressions = {SHAPE: 'ST_GeomFromWKB("_shape")'}
        types = {SHAPE: "GEOMETRY"}
        if self.geometry.repair:
            expressions[REPAIRED], types[REPAIRED] = '"_repaired"', "BOOLEAN"
        own = list(expressions)
        for name, distinct_name in zip(fields, distinct([*own, *fields])[len(own) :], strict=True):
            for known in (distinct_name, name):
                if known not in expressions:
                    expressions[known] = identifier(fields[name])
                    if sql_types[fields[name]] != "VARCHAR":
                        types[known] = sql_types[fields[name]]
        return RawTable(
            relation=relation,
            expressions=expressions,
            types=types,
            file_expression=identifier("_file"),
            malformed=lambda: self.malformed,
            line_expression=identifier("_line"),
        )


def _placed(shapes: Shapes, place: Any) -> Shapes:
    """The shapes with their coordinates transformed; heights stay, measures (M) go."""
    result = np.array(shapes, dtype=object)
    measured = shapely.has_m(result)
    result[measured & ~shapely.has_z(result)] = shapely.force_2d(
        result[measured & ~shapely.has_z(result)]
    )
    high = shapely.has_z(result)
    for mask, include_z in ((high, True), (~high, False)):
        if mask.any():
            result[mask] = shapely.transform(result[mask], place, include_z=include_z)
    return result


def _off_the_map(shapes: Shapes) -> list[int]:
    """Which shapes have a coordinate that is no longitude or latitude, or no number."""
    coordinates, owners = shapely.get_coordinates(shapes, return_index=True)
    with np.errstate(invalid="ignore"):
        x_off = ~(np.abs(coordinates[:, 0]) <= 180 + TOLERANCE)
        y_off = ~(np.abs(coordinates[:, 1]) <= 90 + TOLERANCE)
    return [int(owner) for owner in np.unique(owners[x_off | y_off])]


def _wkb(shapes: Shapes) -> list[bytes | None]:
    """ISO WKB, in which GeoParquet has its shapes."""
    written: Any = shapely.to_wkb(shapes, output_dimension=3, flavor="iso")
    return list(written)


def _shown(some: Features, index: int) -> str:
    """A feature that is no row, for a person to see."""
    values = {
        name.replace(FEATURE_ID, "id"): value
        for name, column in some.attributes.items()
        if (value := column[index].as_py()) is not None
    }
    shape = some.shapes[index]
    told = json.dumps(values, ensure_ascii=False, default=str)
    return f"{told} {shape.wkt[:SHOWN] if shape is not None else ''}".strip()
