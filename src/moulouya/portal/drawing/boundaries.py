"""Shapes of places from published tables: simplified once for a version, as GeoJSON and as paths.

Neighbours are simplified together, so that they still share their borders.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import orjson
import shapely
from shapely.geometry.base import BaseGeometry

from moulouya.duck import identifier
from moulouya.portal.kept import Kept
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.reading import table_name, tables

BACKDROP = Path(__file__).parents[1] / "static" / "maps" / "backdrop.geojson"
MOST_SHAPES = 5000
# How much of a drawing's width may be lost in a line: about a third of a pixel.
FINE = 1 / 900
WIDTH = 380.0
TALLEST, FLATTEST = 1.6, 0.5
SECONDS = 10.0
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Boundaries:
    """The shapes of one dataset by code, simplified, in degrees."""

    slug: str
    version: int
    shapes: Mapping[str, BaseGeometry]
    box: Box


@dataclass(frozen=True)
class Projection:
    """Degrees to pixels: distances east and north are as long as each other in the middle."""

    box: Box
    width: float
    height: float
    scale: float
    squeeze: float
    left: float
    top: float

    @classmethod
    def onto(cls, box: Box, width: float = WIDTH) -> Projection:
        """The projection that shows a box as large as fits, with a small margin."""
        west, south, east, north = box
        squeeze = max(0.05, math.cos(math.radians((south + north) / 2)))
        wide = max((east - west) * squeeze, 0.02)
        tall = max(north - south, 0.02)
        height = min(max(width * tall / wide, width * FLATTEST), width * TALLEST)
        scale = min(width / wide, height / tall) * 0.96
        left = (width - wide * scale) / 2
        top = (height - tall * scale) / 2
        return cls(box, width, height, scale, squeeze, left, top)

    def at(self, longitude: float, latitude: float) -> tuple[float, float]:
        """Where a place lies on the drawing."""
        west, _, _, north = self.box
        x = self.left + (longitude - west) * self.squeeze * self.scale
        return x, self.top + (north - latitude) * self.scale

    @property
    def seen(self) -> Box:
        """The part of the world that the drawing shows, in degrees."""
        west, _, _, north = self.box
        from_west = west - self.left / self.scale / self.squeeze
        from_north = north + self.top / self.scale
        return (from_west, from_north - self.height / self.scale,
                from_west + self.width / self.scale / self.squeeze, from_north)  # fmt: skip

    def path(self, shape: BaseGeometry) -> str:
        """A shape as the data of an SVG path, with a tenth of a pixel.

        Steps are relative, which halves the text; each is the difference of rounded places, so
        that neighbours still meet.
        """
        pieces = []
        for ring in _rings(shape):
            points = [self.at(x, y) for x, y in shapely.get_coordinates(ring)]
            closed = ring.geom_type != "LineString"
            tenths = [(round(x * 10), round(y * 10)) for x, y in points[: -1 if closed else None]]
            if tenths:
                steps = [(x - u, y - v) for (u, v), (x, y) in itertools.pairwise(tenths)]
                drawn = _numbers([one for step in steps if step != (0, 0) for one in step])
                line = f"l{drawn}" if drawn else ""
                pieces.append(f"M{_numbers(tenths[0])}{line}" + "Z" * closed)
        return "".join(pieces)


def _numbers(tenths: Sequence[int]) -> str:
    """Tenths as decimals; a sign parts two numbers as well as a space does."""
    written = []
    for number, one in enumerate(tenths):
        whole, rest = divmod(abs(one), 10)
        said = f"{whole or ''}.{rest}" if rest else str(whole)
        written.append(f"-{said}" if one < 0 else f" {said}" if number else said)
    return "".join(written)


def _rings(shape: BaseGeometry) -> Iterable[BaseGeometry]:
    for part in shapely.get_parts(shapely.get_parts(shape)):
        if part.geom_type == "Polygon":
            yield from shapely.get_rings(part)
        elif part.geom_type == "LineString":
            yield part


_read_before: Kept[Boundaries | None] = Kept(32)
_holders: Kept[tuple[tuple[str, str], ...]] = Kept(4)
_packed: Kept[bytes] = Kept(32)


def holders(catalogue: Catalogue) -> tuple[tuple[str, str], ...]:
    """The datasets of a release that hold a shape for each value of their key: slug and key."""
    return _holders.get((catalogue.number, id(catalogue)), lambda: tuple(_find(catalogue)))


def _find(catalogue: Catalogue) -> Iterable[tuple[str, str]]:
    for slug, dataset in catalogue.datasets.items():
        shaped = any(column["type"] == "geometry" for column in dataset.record["columns"])
        key = dataset.definition.get("key") or []
        if shaped and len(key) == 1:
            yield slug, key[0]


def load(catalogue: Catalogue, dataset: PublishedDataset) -> Boundaries | None:
    """The shapes of a dataset; None where it has none that can be drawn.

    Raises LakeError and TooSlow.
    """
    return _read_before.get(dataset.sha256, lambda: _load(catalogue, dataset))


def _load(catalogue: Catalogue, dataset: PublishedDataset) -> Boundaries | None:
    columns = {one["name"]: one["type"] for one in dataset.record["columns"]}
    shaped = next((name for name, kind in columns.items() if kind == "geometry"), None)
    key = dataset.definition.get("key") or []
    if shaped is None:
        return None
    code = identifier(key[0]) if len(key) == 1 else "row_number() OVER ()"
    with tables(catalogue, [dataset], SECONDS) as con:
        table, column = table_name(dataset), identifier(shaped)
        described = con.execute(f"SELECT typeof({column}) FROM {table} LIMIT 1").fetchone()
        native = described is not None and described[0].startswith("GEOMETRY")
        wkb = f"ST_AsWKB({column})" if native else column
        rows = con.execute(
            f"SELECT CAST({code} AS VARCHAR), {wkb} FROM {table} WHERE {column} IS NOT NULL "
            f"LIMIT {MOST_SHAPES}"
        ).fetchall()
    found = {}
    for name, body in rows:
        shape = shapely.from_wkb(bytes(body), on_invalid="ignore")
        if name and shape is not None and not shape.is_empty and _on_earth(shape):
            found[name] = shapely.force_2d(shape)
    if not found:
        return None
    west, south, east, north = map(float, shapely.total_bounds(list(found.values())))
    box: Box = (west, south, east, north)
    return Boundaries(dataset.slug, dataset.number, simplified(found, box), box)


def _on_earth(shape: BaseGeometry) -> bool:
    west, south, east, north = shape.bounds
    return bool(-180 <= west <= east <= 180 and -90 <= south <= north <= 90)


def simplified(shapes: Mapping[str, BaseGeometry], box: Box) -> dict[str, BaseGeometry]:
    """Shapes as fine as a drawing of their box can show."""
    tolerance = max(box[2] - box[0], box[3] - box[1]) * FINE * 1.5
    codes = list(shapes)
    areas = [shapes[code] for code in codes]
    kinds = {shape.geom_type for shape in areas}
    if kinds <= {"Polygon", "MultiPolygon"}:
        areas = list(shapely.coverage_simplify(areas, tolerance))
    else:
        areas = list(shapely.simplify(areas, tolerance / 2))
    return {
        code: shapes[code] if area.is_empty else area
        for code, area in zip(codes, areas, strict=True)
    }


def fitting(catalogue: Catalogue, codes: Iterable[str]) -> Boundaries | None:
    """The boundaries in which the most of some codes are found; None where hardly any are."""
    wanted = set(codes)
    best: tuple[int, Boundaries | None] = (0, None)
    for slug, _ in holders(catalogue):
        found = load(catalogue, catalogue.datasets[slug])
        if found is not None:
            number = len(wanted & found.shapes.keys())
            best = (number, found) if number > best[0] else best
    return best[1]


def outlines(catalogue: Catalogue) -> Boundaries | None:
    """The boundaries with the fewest shapes: what lies under a map of points."""
    found = [load(catalogue, catalogue.datasets[slug]) for slug, _ in holders(catalogue)]
    areas = [one for one in found if one is not None and len(one.shapes) > 1]
    return min(areas, key=lambda one: len(one.shapes), default=None)


def geojson(found: Boundaries) -> bytes:
    """The shapes as GeoJSON with four decimals (11 m), each with its code."""
    return _packed.get((found.slug, found.version, id(found)), lambda: _geojson(found))


def _geojson(found: Boundaries) -> bytes:
    def rounded(value: object) -> object:
        if isinstance(value, float):
            return round(value, 4)
        return [rounded(one) for one in value] if isinstance(value, list) else value

    features = []
    for code, shape in found.shapes.items():
        geometry = json.loads(shapely.to_geojson(shape))
        geometry["coordinates"] = rounded(geometry.get("coordinates", []))
        features.append({"type": "Feature", "properties": {"code": code}, "geometry": geometry})
    return orjson.dumps({"type": "FeatureCollection", "features": features})


@cache
def backdrop() -> tuple[tuple[str, BaseGeometry], ...]:
    """The Kingdom, whole, and its neighbours: kind and shape, neighbours first."""
    features = orjson.loads(BACKDROP.read_bytes())["features"]
    shapes = [
        (one["properties"]["kind"], shapely.from_geojson(json.dumps(one["geometry"])))
        for one in features
    ]
    return tuple(sorted(shapes, key=lambda one: one[0] == "kingdom"))
