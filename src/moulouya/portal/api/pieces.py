"""Typed pieces of SQL, and values that take the type of what they are compared with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from moulouya.portal.api.faults import Refused
from moulouya.portal.records.values import ViewError, typed

_DECIMAL = re.compile(r"decimal\(([0-9]+),([0-9]+)\)")
_DIGITS = 38
_WHOLE = 19
_TRUTH = {"TRUE": True, "FALSE": False}
_LITERAL = {"text": "CAST(? AS VARCHAR)", "integer": "CAST(? AS BIGINT)"}
# What a value is before anything says what it is compared with.
NUMBER, TEXT = "a number", "a text"
RAW = (NUMBER, TEXT)
HUGE = "huge"
_SAID = {
    "text": "text", "json": "text", "integer": "a whole number", HUGE: "a whole number",
    "number": "a number", "boolean": "true or false", "date": "a day", "datetime": "a time",
    "geometry": "a shape", NUMBER: "a number", TEXT: "a text",
}  # fmt: skip


# A column and the value that it equals: a text, a whole number, true or false.
Equal = tuple[str, str | int | bool]


@dataclass(frozen=True)
class Piece:
    """An SQL expression of a column type, its values to bind, and where it begins in the text.

    Of the kinds in ``RAW`` there is no SQL yet: ``sql`` is the value as it was written. ``column``
    is the name of a bare column. ``equals`` is all that a condition says, where that is no more
    than which values columns equal.
    """

    sql: str
    bound: tuple[Any, ...]
    kind: str
    at: int
    column: str = ""
    equals: frozenset[Equal] = frozenset()

    @property
    def said(self) -> str:
        """Its kind in words."""
        return _SAID.get(self.kind, "a number")


def all_of(pieces: Sequence[Piece]) -> Piece:
    """The condition that several conditions hold."""
    bound = tuple(value for piece in pieces for value in piece.bound)
    every = all(piece.equals for piece in pieces)
    equals = frozenset[Equal]().union(*(piece.equals for piece in pieces if every))
    sql = " AND ".join(piece.sql for piece in pieces)
    return Piece(f"({sql})", bound, "boolean", pieces[0].at, equals=equals)


def equality(column: Piece, value: Piece) -> frozenset[Equal]:
    """What a comparison with = says, where a bare column equals one value of its own type."""
    if not column.column or value.column or column.kind != value.kind:
        return frozenset()
    if value.kind == "boolean" and not value.bound and value.sql in _TRUTH:
        return frozenset([(column.column, _TRUTH[value.sql])])
    if value.sql == _LITERAL.get(value.kind):
        return frozenset([(column.column, value.bound[0])])
    return frozenset()


def is_numeric(kind: str) -> bool:
    """True for kinds that are counted and measured with."""
    return kind in ("integer", "number", HUGE, NUMBER) or kind.startswith("decimal")


def is_whole(kind: str) -> bool:
    """True for whole numbers."""
    return kind in ("integer", HUGE)


def is_textual(kind: str) -> bool:
    """True for texts."""
    return kind in ("text", "json", TEXT)


def is_temporal(kind: str) -> bool:
    """True for days and times."""
    return kind in ("date", "datetime")


def settled(piece: Piece, kind: str, parameter: str) -> Piece:
    """A raw value as one that can be compared with a kind; others stay. Raises Refused."""
    if piece.kind not in RAW:
        return piece
    if piece.kind == NUMBER and (is_numeric(kind)):
        return _number(piece, kind)
    if piece.kind == TEXT and (is_textual(kind) or is_temporal(kind)):
        wanted = "text" if is_textual(kind) else kind
        if wanted == "date" and len(piece.sql.strip()) > 10:
            wanted = "datetime"
        return text_of(piece, wanted, parameter)
    if piece.kind == TEXT:
        raise mixed(parameter, piece, f"this is compared with {_SAID.get(kind, 'a number')}",
                    "numbers stand without quotes" if is_numeric(kind) else "")  # fmt: skip
    hint = f"write '{piece.sql[:60]}'" if is_textual(kind) else ""
    raise mixed(parameter, piece, f"this is compared with {_SAID.get(kind, 'a text')}", hint)


def text_of(piece: Piece, kind: str, parameter: str) -> Piece:
    """A text, or what it says: a day or a time. Raises Refused."""
    try:
        found = typed(parameter, kind, piece.sql)
    except ViewError as error:
        raise Refused("values", f"{parameter}, character {piece.at + 1}: "
                      f"{error.message % error.values if error.values else error.message}",
                      parameter=parameter, at=piece.at) from error  # fmt: skip
    return Piece(found.place, (found.value,), kind, piece.at)


def mixed(parameter: str, piece: Piece, reason: str, hint: str = "") -> Refused:
    """A value where one of another type belongs."""
    detail = f"{parameter}, character {piece.at + 1}: this is {piece.said}, {reason}"
    return Refused("types", detail, hint, parameter=parameter, at=piece.at)


def _number(piece: Piece, kind: str) -> Piece:
    """A number exactly as it is written, where a whole number or a decimal can hold it so."""
    double = Piece("CAST(? AS DOUBLE)", (float(piece.sql),), "number", piece.at)
    if kind == "number":
        return double
    try:
        value = Decimal(piece.sql).normalize()
    except InvalidOperation:
        return double
    scale = max(0, -int(value.as_tuple().exponent))
    whole = max(0, value.adjusted() + 1) if value else 0
    written = format(value, "f") if whole <= _DIGITS and scale <= _DIGITS else ""
    if not scale and whole < _WHOLE:
        return Piece("CAST(? AS BIGINT)", (int(value),), "integer", piece.at)
    if not scale and whole < _DIGITS:
        return Piece("CAST(? AS HUGEINT)", (written,), HUGE, piece.at)
    before, after = _WHOLE, 0
    if found := _DECIMAL.fullmatch(kind):
        before, after = int(found[1]) - int(found[2]), int(found[2])
    if kind == HUGE or max(before, whole) + max(after, scale) > _DIGITS:
        return double
    width = max(1, whole + scale)
    return Piece(
        f"CAST(? AS DECIMAL({width},{scale}))", (written,), f"decimal({width},{scale})", piece.at
    )


def compared_as_written(left: Piece, right: Piece) -> tuple[Piece, Piece]:
    """Two whole numbers that compare as two raw numbers do, which no type need hold."""
    one, other = Decimal(left.sql), Decimal(right.sql)
    place = "CAST(? AS BIGINT)"
    return (
        Piece(place, ((one > other) - (one < other),), "integer", left.at),
        Piece(place, (0,), "integer", right.at),
    )


def double(piece: Piece, parameter: str) -> Piece:
    """A number in floating point. Raises Refused."""
    if not is_numeric(piece.kind):
        raise mixed(parameter, piece, "and cannot be calculated with")
    if piece.kind == NUMBER:
        return _number(piece, "number")
    return Piece(f"CAST({piece.sql} AS DOUBLE)", piece.bound, "number", piece.at)


def huge(piece: Piece) -> Piece | None:
    """A whole number of 128 bits; None for a number that is not whole."""
    if piece.kind == NUMBER:
        piece = _number(piece, "integer")
    if not is_whole(piece.kind):
        return None
    return Piece(f"CAST({piece.sql} AS HUGEINT)", piece.bound, HUGE, piece.at)
