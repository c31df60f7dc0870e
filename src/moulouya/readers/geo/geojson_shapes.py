"""Shapes of GeoJSON geometry objects (RFC 7946, section 3.1), built only from sound ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import shapely

from moulouya.readers.table import Rule


class Number(str):
    """The text of a JSON number, told apart from a JSON string."""

    __slots__ = ()


class Unfit(ValueError):
    """Why a feature is no row, and the rule it broke: its shape's, unless it says another."""

    rule: Rule = "shape"


Position = tuple[float, ...]


def shape_of(geometry: Any) -> Any:
    """The shape of a geometry object, None for null and for empty coordinates (3.1, 3.2).

    Raises Unfit when the object is not as the standard says.
    """
    if geometry is None:
        return None
    if not isinstance(geometry, dict):
        raise Unfit("its geometry is no object")
    kind = geometry.get("type")
    if kind == "GeometryCollection":
        return _collection(geometry)
    build = _BUILD.get(kind) if isinstance(kind, str) else None
    if build is None:
        raise Unfit(f"its geometry has the unknown type {kind!r}")
    coordinates = geometry.get("coordinates")
    if not isinstance(coordinates, list):
        raise Unfit(f"its {kind} has no list of coordinates")
    return build(coordinates) if coordinates else None


def _collection(geometry: dict[str, Any]) -> Any:
    members = geometry.get("geometries")
    if not isinstance(members, list):
        raise Unfit("its GeometryCollection has no list of geometries")
    if any(not isinstance(member, dict) for member in members):
        raise Unfit("its GeometryCollection has a member that is no geometry")
    shapes = [shape for member in members if (shape := shape_of(member)) is not None]
    return shapely.GeometryCollection(shapes) if shapes else None


def _position(value: Any) -> Position:
    if not isinstance(value, list) or not all(type(number) is Number for number in value):
        raise Unfit("a position is no list of numbers")
    if not 2 <= len(value) <= 3:
        raise Unfit(f"a position has {len(value)} numbers instead of 2 or 3")
    return tuple(map(float, value))


def _positions(value: Any, least: int, what: str) -> list[Position]:
    if not isinstance(value, list):
        raise Unfit(f"a {what} is no list of positions")
    positions = [_position(one) for one in value]
    if len({len(position) for position in positions}) > 1:
        raise Unfit(f"only some positions of a {what} have a height")
    if len(positions) < least:
        raise Unfit(f"a {what} has {len(positions)} positions, at least {least} are needed")
    return positions


def _line(value: Any) -> list[Position]:
    return _positions(value, 2, "line")


def _rings(value: Any) -> list[list[Position]]:
    if not isinstance(value, list) or not value:
        raise Unfit("a polygon is no list of rings")
    rings = [_positions(ring, 4, "ring") for ring in value]
    if any(ring[0] != ring[-1] for ring in rings):
        raise Unfit("a ring is not closed: its last position is not its first")
    if len({len(ring[0]) for ring in rings}) > 1:
        raise Unfit("only some rings of a polygon have a height")
    return rings


def _polygon(value: Any) -> Any:
    rings = _rings(value)
    return shapely.Polygon(rings[0], rings[1:])


_BUILD: dict[str, Callable[[Any], Any]] = {
    "Point": lambda value: shapely.Point(_position(value)),
    "MultiPoint": lambda value: shapely.MultiPoint(_positions(value, 1, "set of points")),
    "LineString": lambda value: shapely.LineString(_line(value)),
    "MultiLineString": lambda value: shapely.MultiLineString([_line(one) for one in value]),
    "Polygon": _polygon,
    "MultiPolygon": lambda value: shapely.MultiPolygon([_polygon(one) for one in value]),
}
