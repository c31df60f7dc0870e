"""Which features are asked for, as SQL over the table: place, time, properties, CQL2."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import shapely

from moulouya.duck import identifier
from moulouya.portal.api import conditions, shapes
from moulouya.portal.api.pieces import Piece
from moulouya.portal.ogc import parameters
from moulouya.portal.ogc.layers import Layer
from moulouya.portal.ogc.parameters import Box, Period
from moulouya.portal.records.view import View

NOTHING, EVERYTHING = "FALSE", "TRUE"
_STAMP = "%Y-%m-%d %H:%M:%S.%f+00"


def where(layer: Layer, given: Mapping[str, str]) -> Piece | None:
    """The condition that parameters make; None for all features. Raises Refused, ViewError.

    What it binds may be `shapes.Shapes`, to be looked up before.
    """
    pieces: list[Piece] = []
    found = parameters.boxes(given)
    if found:
        pieces.append(_within(layer, found))
    time = parameters.period(given)
    if time is not None:
        pieces.append(_during(layer, time))
    named = [(name, text) for name, text in given.items() if name not in parameters.RESERVED]
    for name, text in named:
        pieces.append(_equal(layer, name, text))
    if given.get("filter", "").strip():
        pieces.append(conditions.compile_text(given["filter"], layer.table, "filter")[0])
    if not pieces:
        return None
    bound = tuple(value for piece in pieces for value in piece.bound)
    return Piece(" AND ".join(f"({one.sql})" for one in pieces), bound, "boolean", 0)


def _piece(sql: str, bound: Sequence[object] = ()) -> Piece:
    return Piece(sql, tuple(bound), "boolean", 0)


def _within(layer: Layer, boxes: Sequence[Box]) -> Piece:
    """Points are compared as numbers, shapes exactly after a look at their boxes."""
    if len(layer.place) == 2:
        x, y = map(identifier, layer.place)
        one = f"{x} BETWEEN ? AND ? AND {y} BETWEEN ? AND ?"
        bound = [
            value for west, south, east, north in boxes for value in (west, east, south, north)
        ]
        return _piece(" OR ".join(f"({one})" for _ in boxes), bound)
    # A box without area is a line or a point.
    covers = [
        shapely.envelope(shapely.multipoints([[west, south], [east, north]]))
        for west, south, east, north in boxes
    ]
    found = [shapes.condition("s_intersects", layer.place, one) for one in covers]
    bound = [value for _, values in found for value in values]
    return _piece(" OR ".join(f"({sql})" for sql, _ in found), bound)


def _during(layer: Layer, time: Period) -> Piece:
    """By the features' own time; without one, all of them have that of the dataset, or none."""
    if not layer.instant:
        own = layer.period
        return _piece(EVERYTHING if own is not None and own.meets(time) else NOTHING)
    column = identifier(layer.instant)
    kind = layer.table.types[layer.instant]
    parts, bound = [f"{column} IS NOT NULL"], []
    for sign, moment in ((">=", time.start), ("<=", time.end)):
        if moment is None:
            continue
        place = "CAST(? AS DATE)" if kind == "date" else "CAST(? AS TIMESTAMPTZ)"
        parts.append(f"{column} {sign} {place}")
        bound.append(_written(kind, moment))
    return _piece(" AND ".join(parts), bound)


def _written(kind: str, moment: dt.datetime) -> str:
    return moment.date().isoformat() if kind == "date" else moment.strftime(_STAMP).rjust(29, "0")


def _equal(layer: Layer, name: str, text: str) -> Piece:
    """A property that has a value; an empty one is what no value is."""
    if text == "" and layer.table.types[name] != "text":
        return _piece(f"{identifier(name)} IS NULL")
    sql, bound = View.parse(layer.table, [(f"{name}__exact", text)]).where()
    return _piece(sql, bound)
