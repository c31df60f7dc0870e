"""Which features are asked for, as SQL over the table: place, time, properties, CQL2."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal

import shapely

from moulouya.duck import identifier
from moulouya.portal.api import conditions, shapes
from moulouya.portal.api.pieces import Piece
from moulouya.portal.ogc import bounds, parameters
from moulouya.portal.ogc.bounds import Box, Period
from moulouya.portal.ogc.layers import Layer
from moulouya.portal.records.values import ViewError, typed

NOTHING, EVERYTHING = "FALSE", "TRUE"
_STAMP = "%Y-%m-%d %H:%M:%S.%f+00"


def where(layer: Layer, given: Mapping[str, str]) -> Piece | None:
    """The condition that parameters make; None for all features. Raises Refused, ViewError.

    What it binds may be `shapes.Shapes`, to be looked up before.
    """
    pieces: list[Piece] = []
    found = bounds.boxes(given)
    if found:
        pieces.append(_within(layer, found))
    time = bounds.period(given)
    if time is not None:
        pieces.append(_during(layer, time))
    named = [(name, text) for name, text in given.items() if name not in parameters.RESERVED]
    for name, text in named:
        pieces.append(_equal(layer, name, text))
    if given.get("filter"):
        pieces.append(conditions.compile_text(given["filter"], layer.table, "filter")[0])
    if not pieces:
        return None
    bound = tuple(value for piece in pieces for value in piece.bound)
    return Piece(" AND ".join(f"({one.sql})" for one in pieces), bound, "boolean", 0)


def _piece(sql: str, bound: Sequence[object] = ()) -> Piece:
    return Piece(sql, tuple(bound), "boolean", 0)


def _within(layer: Layer, boxes: Sequence[Box]) -> Piece:
    """Points are compared as numbers, shapes exactly after a look at their boxes.

    What has no place fits every box: OGC API Features wants it so.
    """
    nowhere = " OR ".join(f"{identifier(one)} IS NULL" for one in layer.place)
    if len(layer.place) == 2:
        x, y = map(identifier, layer.place)
        one = f"{x} BETWEEN ? AND ? AND {y} BETWEEN ? AND ?"
        bound = [
            value for west, south, east, north in boxes for value in (west, east, south, north)
        ]
        return _piece(" OR ".join([*(f"({one})" for _ in boxes), nowhere]), bound)
    # A box without area is a line or a point.
    covers = [
        shapely.envelope(shapely.multipoints([[west, south], [east, north]]))
        for west, south, east, north in boxes
    ]
    found = [shapes.condition("s_intersects", layer.place, one) for one in covers]
    bound = [value for _, values in found for value in values]
    return _piece(" OR ".join([*(f"({sql})" for sql, _ in found), nowhere]), bound)


def _during(layer: Layer, time: Period) -> Piece:
    """By the features' own time; without one, all of them have that of the dataset.

    What has no time fits every time: OGC API Features wants it so.
    """
    if not layer.instant:
        own = layer.period
        return _piece(EVERYTHING if own is None or own.meets(time) else NOTHING)
    column = identifier(layer.instant)
    kind = layer.table.types[layer.instant]
    parts, bound = [], []
    for sign, moment in ((">=", time.start), ("<=", time.end)):
        if moment is None:
            continue
        place = "CAST(? AS DATE)" if kind == "date" else "CAST(? AS TIMESTAMPTZ)"
        parts.append(f"{column} {sign} {place}")
        bound.append(_written(kind, moment))
    return _piece(f"{' AND '.join(parts) or EVERYTHING} OR {column} IS NULL", bound)


def _written(kind: str, moment: dt.datetime) -> str:
    return moment.date().isoformat() if kind == "date" else moment.strftime(_STAMP).rjust(29, "0")


def _equal(layer: Layer, name: str, text: str) -> Piece:
    """A property that has a value; an empty one is what no value is.

    A value that the column cannot hold, such as a number too large for it, is in no row.
    """
    kind, column = layer.table.types[name], identifier(name)
    if kind == "text":
        # No text that was published has the sign with the number 0.
        return _piece(NOTHING) if "\0" in text else _piece(f"{column} = CAST(? AS VARCHAR)", [text])
    if text == "":
        return _piece(f"{column} IS NULL")
    try:
        one = typed(name, kind, _plain(kind, text))
    except ViewError:
        if _well_written(kind, text):
            return _piece(NOTHING)
        raise
    return _piece(f"{column} = {one.place}", [one.value])


def _plain(kind: str, text: str) -> str:
    """A whole number without the point or the exponent that JSON allows it."""
    if kind == "integer" and bounds.NUMBER.fullmatch(text):
        number = Decimal(text)
        if number.adjusted() < 19 and number == number.to_integral_value():
            return str(int(number))
    return text


def _well_written(kind: str, text: str) -> bool:
    """True for what is a value of the kind by its schema, whether or not a column can hold it."""
    if kind in ("date", "datetime"):
        return bool(bounds.INSTANT.fullmatch(text)) and (len(text) == 10) == (kind == "date")
    if kind == "boolean" or not bounds.NUMBER.fullmatch(text):
        return False
    number = Decimal(text)
    return kind != "integer" or number == number.to_integral_value()
