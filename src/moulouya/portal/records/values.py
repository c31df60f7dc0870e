"""What a reader writes in a query parameter, as the typed value that a column is compared with."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from moulouya.portal.languages import N_, Language

LONGEST = 1000
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹٫", "01234567890123456789.")
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_DECIMAL = re.compile(r"decimal\(([0-9]+),([0-9]+)\)")
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class ViewError(ValueError):
    """A parameter that cannot be used; ``parameter`` names it, the message says what to write."""

    def __init__(self, parameter: str, message: str, **values: object) -> None:
        self.parameter = parameter
        self.message = message
        self.values = values
        super().__init__(f"{parameter}: {message % values if values else message}")

    def told(self, language: Language) -> str:
        """The message in the reader's language."""
        return language.text(self.message, **self.values)


@dataclass(frozen=True)
class Typed:
    """A value to bind, and how SQL writes the place where it is bound."""

    value: Any
    place: str = "?"


def typed(parameter: str, kind: str, text: str) -> Typed:
    """The value of a text for a column of a type; raises ViewError where it does not fit."""
    plain = sound(parameter, text)
    if kind in ("text", "json"):
        return Typed(plain, "CAST(? AS VARCHAR)")
    plain = plain.strip().translate(_DIGITS)
    if kind == "integer":
        return _integer(parameter, plain)
    if kind == "number":
        number = float(plain) if _NUMBER.fullmatch(plain) else math.nan
        if not math.isfinite(number):
            raise ViewError(parameter, N_("“%(value)s” is not a number; write it like 1234.5"),
                            value=shown(text))  # fmt: skip
        return Typed(number, "CAST(? AS DOUBLE)")
    if kind == "boolean":
        if plain.lower() not in _TRUTH:
            raise ViewError(parameter, N_("“%(value)s” is neither true nor false"),
                            value=shown(text))  # fmt: skip
        return Typed(_TRUTH[plain.lower()], "CAST(? AS BOOLEAN)")
    if kind == "date":
        return _date(parameter, plain)
    if kind == "datetime":
        return _moment(parameter, plain)
    if found := _DECIMAL.fullmatch(kind):
        return _decimal(parameter, plain, int(found[1]), int(found[2]))
    raise ViewError(parameter, N_("values of this column cannot be compared"))


def sound(parameter: str, text: str) -> str:
    """The text itself; raises ViewError for one too long or with characters no value has."""
    if len(text) > LONGEST:
        raise ViewError(parameter, N_("the value is too long"))
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ViewError(parameter, N_("the value has a character that no text can have"))
    return text


def shown(text: str) -> str:
    """A text short enough to be repeated in a message."""
    return text if len(text) <= 60 else text[:59] + "…"


def _integer(parameter: str, text: str) -> Typed:
    number = int(text) if _WHOLE.fullmatch(text) else None
    if number is None or not -(2**63) <= number < 2**63:
        raise ViewError(parameter, N_("“%(value)s” is not a whole number"), value=shown(text))
    return Typed(number, "CAST(? AS BIGINT)")


def _decimal(parameter: str, text: str, precision: int, scale: int) -> Typed:
    if not _NUMBER.fullmatch(text) or len(text) > 60:
        raise ViewError(parameter, N_("“%(value)s” is not a number; write it like 1234.5"),
                        value=shown(text))  # fmt: skip
    number = Decimal(text)
    whole = max(0, number.adjusted() + 1) if number else 0
    before = precision - scale
    # As many decimals as the comparison can hold beside the column's whole digits.
    after = max(scale, min(38 - before, max(0, -int(number.normalize().as_tuple().exponent))))
    if whole > before or -int(number.normalize().as_tuple().exponent) > after:
        raise ViewError(parameter, N_("“%(value)s” has more digits than this column can have"),
                        value=shown(text))  # fmt: skip
    written = format(number, "f")
    return Typed(written, f"CAST(? AS DECIMAL({before + after},{after}))")


def _date(parameter: str, text: str) -> Typed:
    try:
        if len(text) != 10:
            raise ValueError
        return Typed(dt.date.fromisoformat(text), "CAST(? AS DATE)")
    except ValueError:
        raise ViewError(parameter, N_("“%(value)s” is not a day; write it like 2026-09-30"),
                        value=shown(text)) from None  # fmt: skip


def _moment(parameter: str, text: str) -> Typed:
    try:
        moment = dt.datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment
        moment = moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise ViewError(
            parameter,
            N_("“%(value)s” is not a time; write it like 2026-09-30T08:00:00Z"),
            value=shown(text),
        ) from None
    written = moment.strftime("%Y-%m-%d %H:%M:%S.%f").rjust(26, "0")
    return Typed(f"{written}+00", "CAST(? AS TIMESTAMPTZ)")


def box(parameter: str, text: str) -> Typed:
    """A bounding box ``west,south,east,north`` in degrees, as the shape that covers it."""
    parts = sound(parameter, text).translate(_DIGITS).split(",")
    numbers = [float(part) for part in parts if _NUMBER.fullmatch(part.strip())]
    if len(parts) != 4 or len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise ViewError(parameter, N_("write a box as west,south,east,north in degrees"))
    west, south, east, north = numbers
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ViewError(parameter, N_("write a box as west,south,east,north in degrees"))
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    ring = ", ".join(f"{x!r} {y!r}" for x, y in corners)
    return Typed(f"POLYGON (({ring}))", "CAST(CAST(? AS VARCHAR) AS GEOMETRY)")
