"""Small drawings beside figures: where a place stands among others, and bars of a ranking.

Only numbers and paths are made here; the templates draw them with presentation attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moulouya.portal.places.numbers import Array

WIDTH = 140
HEIGHT = 22
EDGE = 7


@dataclass(frozen=True)
class Strip:
    """Others as thin marks on a line, the place itself as a dot; lengths in SVG units."""

    marks: str
    dot: float
    width: int = WIDTH
    height: int = HEIGHT


def strip(values: Array, own: float, mirrored: bool) -> Strip | None:
    """Where a value stands between the least and the most of several; None when all are equal.

    ``mirrored`` draws from right to left, as readers of Arabic follow a line.
    """
    known = values[~np.isnan(values)]
    if len(known) < 2 or np.isnan(own):
        return None
    least, most = float(known.min()), float(known.max())
    if most <= least:
        return None
    spread = (WIDTH - 2 * EDGE) / (most - least)
    places = EDGE + (np.unique(known) - least) * spread
    dot = EDGE + (own - least) * spread
    if mirrored:
        places, dot = WIDTH - places, WIDTH - dot
    steps = sorted({round(float(place), 1) for place in places})
    return Strip("".join(f"M{step:g} 5v12" for step in steps), round(float(dot), 1))


@dataclass(frozen=True)
class Bar:
    """A bar from a zero line, in percent of the room there is."""

    start: float
    length: float
    below: bool


def bars(values: Sequence[float], mirrored: bool) -> list[Bar]:
    """Bars of one scale that holds zero, for values that are all known."""
    if not values:
        return []
    least, most = min(0.0, *values), max(0.0, *values)
    room = (most - least) or 1.0
    zero = -least / room * 100
    drawn = []
    for value in values:
        length = abs(value) / room * 100
        start = zero - length if value < 0 else zero
        if mirrored:
            start = 100 - start - length
        drawn.append(Bar(round(start, 2), round(length, 2), value < 0))
    return drawn
