"""Shapes of KML geometry elements (OGC 07-147r2, chapter 10): longitude, latitude, altitude."""

from __future__ import annotations

import re
from typing import Any

import shapely

from moulouya.readers.geo.geojson_shapes import Position, Unfit
from moulouya.readers.geo.xml import local

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def shape_of(element: Any) -> Any:
    """The shape of a geometry element, None where it has no coordinates.

    Raises Unfit for one that is not as the standard says, or is no shape (Model, Track).
    """
    kind = local(element)
    if kind == "MultiGeometry":
        return _collected([shape for child in element if (shape := _member(child)) is not None])
    if kind == "Polygon":
        return _polygon(element)
    if kind not in ("Point", "LineString", "LinearRing"):
        raise Unfit(f"a {kind} is not read as a shape")
    positions = _positions(element)
    if not positions:
        return None
    if kind == "Point":
        if len(positions) > 1:
            raise Unfit("a Point has more than one position")
        return shapely.Point(positions[0])
    if len(positions) < 2:
        raise Unfit(f"a {kind} has only one position")
    return shapely.LineString(positions)


def _member(element: Any) -> Any:
    """A shape inside of a MultiGeometry; what only says how to draw it is none."""
    if local(element) in ("extrude", "tessellate", "altitudeMode", "drawOrder"):
        return None
    return shape_of(element)


def _collected(shapes: list[Any]) -> Any:
    """Shapes of one kind as one multiple shape, mixed ones as a collection."""
    if not shapes:
        return None
    kinds = {shape.geom_type for shape in shapes}
    if kinds == {"Point"}:
        return shapely.MultiPoint(shapes)
    if kinds == {"LineString"}:
        return shapely.MultiLineString(shapes)
    if kinds == {"Polygon"}:
        return shapely.MultiPolygon(shapes)
    return shapely.GeometryCollection(shapes)


def _polygon(element: Any) -> Any:
    outer: list[Position] = []
    inner: list[list[Position]] = []
    for boundary in element:
        kind = local(boundary)
        if kind == "outerBoundaryIs":
            outer = _ring(boundary)
        elif kind == "innerBoundaryIs":
            inner.append(_ring(boundary))
    if not outer:
        if inner:
            raise Unfit("a Polygon has no outer boundary")
        return None
    return shapely.Polygon(outer, inner)


def _ring(boundary: Any) -> list[Position]:
    rings = [child for child in boundary if local(child) == "LinearRing"]
    if len(rings) != 1:
        raise Unfit("a boundary of a Polygon is not one LinearRing")
    positions = _positions(rings[0])
    if len(positions) < 4:
        raise Unfit(f"a ring has {len(positions)} positions, at least 4 are needed")
    if positions[0] != positions[-1]:
        raise Unfit("a ring is not closed: its last position is not its first")
    return positions


def _positions(element: Any) -> list[Position]:
    """The coordinates of an element: tuples without blanks, separated by blanks."""
    found = [child for child in element if local(child) == "coordinates"]
    words = "".join(found[0].itertext()).split() if found else []
    positions = [_position(word) for word in words]
    if len({len(position) for position in positions}) > 1:
        raise Unfit("only some positions have an altitude")
    return positions


def _position(word: str) -> Position:
    numbers = word.split(",")
    if not 2 <= len(numbers) <= 3 or not all(map(NUMBER.fullmatch, numbers)):
        raise Unfit(f"{word[:40]!r} is no position of 2 or 3 numbers")
    return tuple(map(float, numbers))
