"""Cells of a workbook as the text that a person sees, without the noise of binary fractions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

from moulouya.readers.workbook.package import Area

Cell = int | float | str | bool | dt.datetime | dt.date | dt.time | dt.timedelta
EXACT = 2**53  # whole numbers below it are stored exactly


def text_of(cell: Cell) -> str | None:
    """A cell's text: whole numbers without a fraction, ISO 8601 dates, true and false."""
    if type(cell) is str:
        return cell or None
    if type(cell) is float:
        return number(cell)
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, dt.datetime):
        return to_milliseconds(cell).isoformat(timespec="auto").removesuffix("000")
    if isinstance(cell, dt.timedelta):
        return _duration(cell)
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    return str(cell)


def number(value: float) -> str:
    """A number with the fewest digits that mean it, and no exponent where none is needed."""
    if value.is_integer() and abs(value) < EXACT:
        return str(int(value))
    shortest = repr(value)
    return format(Decimal(shortest), "f") if "e-" in shortest else shortest


def to_milliseconds(moment: dt.datetime) -> dt.datetime:
    """A moment as precise as workbooks are; what is beyond comes from counting days in halves."""
    rest = moment.microsecond % 1000
    if rest == 0:
        return moment
    down = moment - dt.timedelta(microseconds=rest)
    return down + dt.timedelta(milliseconds=1) if rest >= 500 else down


def _duration(span: dt.timedelta) -> str:
    """Hours, minutes and seconds, as [h]:mm:ss shows them."""
    seconds = round(abs(span).total_seconds())
    sign = "-" if span < dt.timedelta(0) else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def filled(
    rows: Iterator[tuple[int, list[str | None]]], merged: list[Area]
) -> Iterator[tuple[int, list[str | None]]]:
    """Rows (numbered from 1) with the value of each merged area in all of its cells."""
    waiting = sorted(merged, reverse=True)
    active: list[tuple[Area, str | None]] = []
    for line, row in rows:
        at = line - 1
        active = [(area, value) for area, value in active if area[1][0] >= at]
        while waiting and waiting[-1][0][0] <= at:
            area = waiting.pop()
            (top, left), (bottom, _) = area
            if bottom >= at:
                value = row[left] if top == at and left < len(row) else None
                active.append((area, value))
        for ((_, left), (_, right)), value in active:
            for column in range(left, min(right + 1, len(row))):
                row[column] = value
        yield line, row
