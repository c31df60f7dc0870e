"""Numbers of indicators as people of a language write them."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from moulouya.portal.languages import LARGE, N_, Language, language
from moulouya.portal.places.columns import Numbers
from moulouya.portal.places.indicators import Indicator
from moulouya.portal.published import Catalogue
from moulouya.portal.units import unit_words

NO_VALUE = "–"
MINUS = "\N{MINUS SIGN}"
_MESSAGES = (N_("%(n)s points"),)


def value_words(value: float | None, about: Numbers, spoken: Language) -> str:
    """A value with its decimals; the percent sign stays with the number."""
    if value is None or value != value:
        return NO_VALUE
    return _value(value, about.decimals, about.unit if about.unit in "%‰" else "", spoken.code)


@lru_cache(maxsize=100_000)
def _value(value: float, decimals: int, sign: str, code: str) -> str:
    # Four digits say enough: nobody reads the hundredths of a density of thousands.
    size = abs(value)
    kept = min(decimals, 0 if size >= 1000 else 1 if size >= 100 else decimals)
    rounded = value if size >= LARGE else Decimal(value).quantize(Decimal(1).scaleb(-kept))
    number = language(code).number(rounded).replace("-", MINUS)
    space = "\N{NO-BREAK SPACE}" if sign and code == "fr" else ""
    return f"{number}{space}{sign}"


def change_words(change: float | None, indicator: Indicator, spoken: Language) -> str:
    """A change with its sign: in points for shares, as a percentage for all else."""
    if change is None or change != change:
        return ""
    return _change(round(change, 1), indicator.in_points, spoken.code)


@lru_cache(maxsize=100_000)
def _change(change: float, points: bool, code: str) -> str:
    spoken = language(code)
    sign = "+" if change > 0 else MINUS if change < 0 else ""
    size = abs(change)
    number = sign + spoken.number(size if size >= LARGE else Decimal(size).quantize(Decimal("0.1")))
    if not points:
        number += f"{chr(0xA0) if code == 'fr' else ''}%"
    # The sign stays left of its digits in Arabic too.
    number = f"\N{LEFT-TO-RIGHT ISOLATE}{number}\N{POP DIRECTIONAL ISOLATE}"
    return spoken.text("%(n)s points", n=number) if points else number


def unit_of(catalogue: Catalogue, about: Numbers, spoken: Language) -> str:
    """The unit in words; empty for a percentage, whose sign stands with each number."""
    if about.unit in "%‰":
        return ""
    return unit_words(about.unit, catalogue.region.get("units") or {}, spoken)


def when(about: Numbers) -> str:
    """The year of a figure, or the first and last one; empty where none is known."""
    if about.year is not None:
        return str(about.year)
    if about.period is None:
        return ""
    start, end = about.period
    return str(start) if start == end else f"{start}–{end}"
