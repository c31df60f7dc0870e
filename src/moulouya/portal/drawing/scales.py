"""Scales of a drawing: round ticks, positions along an axis, classes of a map, short numbers."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from moulouya.portal.languages import LARGE, LEAST, N_, Language

SIZES = ((1e9, N_("%(n)s bn")), (1e6, N_("%(n)s M")), (1e3, N_("%(n)s k")))
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers, evenly apart, from at or below ``low`` to at or above ``high``.

    Steps are 1, 2, 2.5 or 5 times a power of ten, so that there are roughly ``about`` of them.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"an axis from {low} to {high} has no ticks")
    if low > high:
        low, high = high, low
    # Beyond the precision of numbers no two ticks could be told apart.
    least = max(abs(low), abs(high)) * 1e-9
    span = high / 2 - low / 2
    if span <= least:
        pad = abs(high) / 2 or 1.0
        low, high = (low - pad, high + pad) if low else (0.0, pad)
        span = high / 2 - low / 2
    rough = span / max(1, about) * 2
    if rough < 1e-300:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(one * power for one in STEPS if one * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(0, 2 - math.floor(math.log10(step))) if step < 1e15 else 0
    return [round(index * step, min(digits, 300)) + 0.0 for index in range(first, last + 1)]


@dataclass(frozen=True)
class Axis:
    """A line of ``length`` pixels from ``start`` for values from the first to the last tick.

    ``flipped`` runs it the other way: from the right, or upwards.
    """

    marks: Sequence[float]
    start: float
    length: float
    flipped: bool = False

    def at(self, value: float) -> float:
        """Where a value lies, in pixels; what is outside lies at the end of the axis."""
        low, high = self.marks[0], self.marks[-1]
        share = (value / 2 - low / 2) / (high / 2 - low / 2)
        share = min(1.0, max(0.0, share))
        return self.start + self.length * (1 - share if self.flipped else share)


def from_zero(values: Sequence[float], about: int = 5) -> list[float]:
    """Ticks of an axis for bars: zero is always on it, since a bar's length is its value."""
    return ticks(min(0.0, *values), max(0.0, *values), about) if values else [0.0, 1.0]


def breaks(values: Sequence[float], most: int = 5) -> list[float]:
    """The upper bounds of the classes of a map, all but the last: at most ``most`` classes.

    Quantiles, so that each class has about as many places as the next; equal values are never
    torn apart. Few distinct values make fewer classes.
    """
    ordered = sorted(values)
    if len(set(ordered)) <= 1:
        return []
    found: list[float] = []
    for index in range(1, most):
        cut = ordered[min(len(ordered) - 1, round(index * len(ordered) / most))]
        rounded = _round_between(ordered, cut)
        if ordered[0] < rounded <= ordered[-1] and (not found or rounded > found[-1]):
            found.append(rounded)
    return found


def _round_between(ordered: Sequence[float], cut: float) -> float:
    """The roundest number above the value before ``cut`` and not above ``cut``."""
    index = ordered.index(cut)
    before = ordered[index - 1] if index else cut
    gap = cut - before
    if gap <= 0 or not math.isfinite(gap):
        return cut
    for digits in range(-math.floor(math.log10(gap)) - 1, 17):
        unit = 10.0**-digits
        rounded = round(math.floor(cut / unit + 1e-9) * unit, max(0, digits))
        if before < rounded <= cut:
            return rounded
    return cut


def class_of(value: float, bounds: Sequence[float]) -> int:
    """The class of a value, 0 for the lowest; a bound belongs to the class above it."""
    return bisect_right(bounds, value)


def decimals(values: Sequence[float]) -> int:
    """How many decimals tell these values apart, at most six."""
    for digits in range(6):
        if all(
            math.isclose(round(one, digits), one, rel_tol=1e-9, abs_tol=1e-12) for one in values
        ):
            return digits
    return 6


def number(value: float, language: Language, digits: int | None = None, years: bool = False) -> str:
    """A value as a label: whole where it is whole, else with few decimals; ``years`` stay plain."""
    if years and float(value).is_integer():
        return str(int(value))
    if digits is None:
        size = abs(value)
        digits = 0 if size >= 1000 else 1 if size >= 100 else 2
    rounded = round(value, digits)
    if abs(rounded) >= LARGE or 0 < abs(value) < LEAST:
        return language.number(value)
    return language.number(rounded + 0.0)


def short(value: float, language: Language, marks: Sequence[float], years: bool = False) -> str:
    """A tick's label: thousands, millions and billions as one short word each."""
    biggest = max(abs(one) for one in marks)
    if years or biggest < 10_000:
        return number(value, language, decimals(marks), years)
    for size, word in SIZES:
        if biggest >= size * (1 if size > 1e3 else 10):
            if biggest >= LARGE:
                return number(value, language)
            if not value:
                return "0"
            text = number(value / size, language, decimals([one / size for one in marks]))
            return language.text(word, n=text)
    return number(value, language)
