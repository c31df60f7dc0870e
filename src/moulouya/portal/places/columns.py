"""Which columns of a published dataset say something of places, and which rows of it count.

A dataset says something of places when its key has one column of place codes. Where the key has
more, a category such as sex counts by its total and a year by its latest two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from moulouya.portal.published import PublishedDataset
from moulouya.region import Places

Better = Literal["higher", "lower"]
# The category that stands for all, by the code a definition gives it.
TOTALS = ("total", "all", "both", "ensemble", "_T", "T")
POSITION = frozenset({"longitude", "latitude", "lon", "lat"})
YEAR_AT_END = re.compile(r"_((?:19|20)\d\d)$")
NUMBERS = ("integer", "number", "decimal")
MOST_DECIMALS = 2


@dataclass(frozen=True)
class Numbers:
    """One numeric column: ``base`` is its name without a year, ``year`` None where none is known.

    ``period`` is the first and last year of the dataset where the column has no year of its own.
    """

    slug: str
    column: str
    base: str
    year: int | None
    period: tuple[int, int] | None
    unit: str
    decimals: int
    whole: bool
    better: Better | None
    titles: Mapping[str, str]


@dataclass(frozen=True)
class Shape:
    """How a dataset is read: the column of place codes, fixed categories, a column of years."""

    place: str
    fixed: tuple[tuple[str, str], ...]
    year: str | None
    columns: tuple[Numbers, ...]


def shape_of(dataset: PublishedDataset, places: Places) -> Shape | None:
    """How to read a dataset's numbers about places; None where it has none."""
    definition = dataset.definition
    chosen: Mapping[str, Any] = definition.get("indicators") or {}
    columns: Mapping[str, Any] = definition["columns"]
    if chosen.get("left_out") == "all":
        return None
    keys = [name for name in definition["key"] if name in columns]
    coded = [name for name in keys if holds_codes(dataset.slug, name, columns[name], places)]
    if len(coded) != 1:
        return None
    fixed: list[tuple[str, str]] = []
    years: list[str] = []
    for name in keys:
        if name == coded[0]:
            continue
        total = next((code for code in TOTALS if code in (columns[name]["values"] or ())), None)
        if total is not None:
            fixed.append((name, total))
        elif columns[name]["type"] == "integer" and re.fullmatch(r"(.*_)?year", name):
            years.append(name)
        else:
            return None
    if len(years) > 1:
        return None
    found = tuple(_numbers(dataset, columns, chosen, set(keys)))
    if not found:
        return None
    return Shape(coded[0], tuple(fixed), years[0] if years else None, found)


def holds_codes(slug: str, name: str, column: Mapping[str, Any], places: Places) -> bool:
    """Whether a column of a dataset holds the codes of the register of places."""
    codes = {f"{places.dataset}.{places.code}", *places.same_as}
    return column.get("references") in codes or f"{slug}.{name}" in codes


def _numbers(
    dataset: PublishedDataset,
    columns: Mapping[str, Any],
    chosen: Mapping[str, Any],
    keys: set[str],
) -> Iterator[Numbers]:
    better: dict[str, Better] = {
        **dict.fromkeys(chosen.get("higher_is_better") or (), "higher"),
        **dict.fromkeys(chosen.get("lower_is_better") or (), "lower"),
    }
    left_out = set(chosen.get("left_out") or ())
    temporal = dataset.definition.get("temporal")
    period = _period(temporal) if temporal else None
    for name, column in columns.items():
        kind = column["type"].partition("(")[0]
        unit = column.get("unit")
        if kind not in NUMBERS or not unit or name in keys | left_out or name in POSITION:
            continue
        dated = YEAR_AT_END.search(name)
        year = int(dated[1]) if dated else None
        if year is None and period and period[0] == period[1]:
            year = period[0]
        base = name[: dated.start()] if dated else name
        if base.endswith("_change") and _both_years(base.removesuffix("_change"), columns):
            continue
        titles = {language: _undated(words, year) for language, words in column["title"].items()}
        yield Numbers(
            dataset.slug, name, base, year, None if year else period, unit,
            _decimals(column["type"]), kind == "integer", better.get(name), titles,
        )  # fmt: skip


def _both_years(base: str, columns: Mapping[str, Any]) -> bool:
    """Whether a column's change can be taken from its own years, so that it need not be shown."""
    return (
        sum(re.fullmatch(rf"{re.escape(base)}_\d{{4}}", name) is not None for name in columns) > 1
    )


def _period(temporal: Mapping[str, Any]) -> tuple[int, int] | None:
    start, end = str(temporal.get("start") or "")[:4], str(temporal.get("end") or "")[:4]
    if not (start.isdigit() and end.isdigit()):
        return None
    return int(start), int(end)


def _undated(title: str, year: int | None) -> str:
    """A title without the year at its end, which is told beside it."""
    return title.removesuffix(str(year)).rstrip(" ,،-–(") if year else title


def _decimals(column_type: str) -> int:
    """The digits after the point that a column keeps, two at most."""
    if column_type == "integer":
        return 0
    scale = re.fullmatch(r"decimal\(\d+,(\d+)\)", column_type)
    return min(MOST_DECIMALS, int(scale[1])) if scale else MOST_DECIMALS
