"""The figures of a chart: read from the published table, as rows for a table and for a drawing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from moulouya.duck import identifier
from moulouya.portal.drawing.naming import split
from moulouya.portal.drawing.shape import MEN, WOMEN, Column, Shape
from moulouya.portal.drawing.spec import COUNTED, Spec
from moulouya.portal.kept import Kept
from moulouya.portal.languages import Language
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.reading import table_name, tables
from moulouya.portal.records.view import View

SECONDS = 5.0
MOST_BARS = 15
MOST_POINTS = 300
MOST_MOMENTS = 400
MOST_SERIES = 6
MOST_NAMES = 100_000
SQL = {
    "sum": "sum({})", "avg": "avg({})", "median": "median({})", "min": "min({})", "max": "max({})"
}  # fmt: skip


@dataclass(frozen=True)
class Series:
    """The values of one measure or of one part, in the order of the figure's labels."""

    title: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Figures:
    """What a chart shows.

    ``keys`` are the values in the data, ``labels`` what they mean. ``left_out`` counts what there
    was no room for, ``rest`` is its sum where sums make sense. ``merged`` is true where several
    rows were put together into one value. ``unit`` is in the reader's words, ``raw_unit`` as
    declared.
    """

    spec: Spec
    keys: tuple[str, ...]
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str = ""
    raw_unit: str = ""
    rows: int = 0
    left_out: int = 0
    rest: float | None = None
    merged: bool = False
    whole: bool = False
    years: bool = False

    @property
    def values(self) -> list[float]:
        """Every value that there is."""
        return [one for part in self.series for one in part.values if one is not None]


_figures: Kept[Figures] = Kept(512)
_known_names: Kept[Mapping[str, str]] = Kept(32)


def number(name: str) -> str:
    """SQL for a measure as a number that can be drawn: what is infinite or no number is left."""
    value = f"CAST({identifier(name)} AS DOUBLE)"
    return f"CASE WHEN isfinite({value}) THEN {value} END"


def read(
    catalogue: Catalogue, dataset: PublishedDataset, known: Shape, spec: Spec, language: Language
) -> Figures:
    """The figures of a chart. Raises LakeError, TooSlow and ViewError."""
    key = (dataset.sha256, catalogue.number, spec, language.code)
    return _figures.get(key, lambda: _read(Source(catalogue, dataset, known, spec, language)))


def _read(source: Source) -> Figures:
    spec, known = source.spec, source.known
    found = _READERS[spec.kind](source)
    first = known.columns[spec.y[0]] if spec.y and spec.agg != "count" else None
    if first is None:
        return found
    return replace(found, unit=first.unit_words, raw_unit=first.unit)


@dataclass(frozen=True)
class Source:
    """Where one chart's figures come from."""

    catalogue: Catalogue
    dataset: PublishedDataset
    known: Shape
    spec: Spec
    language: Language

    def where(self, *names: str) -> tuple[str, list[Any]]:
        """The condition of the chart's filters; ``names`` are columns that must have a value."""
        sql, bound = View.parse(self.dataset, self.spec.filters).where()
        return " AND ".join([sql, *(f"{identifier(one)} IS NOT NULL" for one in names)]), bound

    def rows(self, query: str, bound: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run a query in which ``{table}`` stands for the dataset's table."""
        with tables(self.catalogue, [self.dataset], SECONDS) as con:
            named = query.replace("{table}", table_name(self.dataset))
            return con.execute(named, list(bound)).fetchall()

    def measures(self) -> list[str]:
        """SQL for each of the chart's values over a group of rows."""
        if self.spec.agg == "count" or not self.spec.y:
            return ["CAST(count(*) AS DOUBLE)"]
        return [SQL[self.spec.agg].format(number(name)) for name in self.spec.y]

    def titles(self) -> list[str]:
        """What each of the chart's values is called."""
        if self.spec.agg == "count" or not self.spec.y:
            return [self.language.text(COUNTED)]
        return list(split([self.known.columns[name].title for name in self.spec.y])[1])

    def names(self, column: Column, keys: Sequence[Any]) -> tuple[str, ...]:
        """What the values of a column mean to the reader."""
        known: Mapping[str, str] = {}
        if column.kind == "place":
            known = names_of(self.catalogue, column.references, self.language)
        return tuple(_label(column, key, known, self.language) for key in keys)


def _label(column: Column, key: Any, known: Mapping[str, str], language: Language) -> str:
    if isinstance(key, bool):
        return language.text("yes") if key else language.text("no")
    return known.get(str(key)) or column.meaning(key)


def _bars(source: Source) -> Figures:
    """The highest bars first; where there are more than fit, the rest is counted."""
    spec, known = source.spec, source.known
    column = known.columns[spec.x]
    where, bound = source.where(spec.x)
    parts = [f"{sql} AS v{index}" for index, sql in enumerate(source.measures())]
    grouped = (
        f"SELECT {identifier(spec.x)} AS k, {', '.join(parts)}, count(*) AS n FROM {{table}} "
        f"WHERE {where} GROUP BY ALL HAVING v{len(parts) - 1} IS NOT NULL"
    )
    rows = source.rows(
        f"SELECT *, count(*) OVER (), sum(v0) OVER (), max(n) OVER (), sum(n) OVER () "
        f"FROM ({grouped}) ORDER BY v{len(parts) - 1} DESC, k LIMIT {MOST_BARS}",
        bound,
    )
    if not rows:
        return Figures(spec, (), (), ())
    groups, whole, most, number_of = rows[0][-4:]
    keys = [row[0] for row in rows]
    series = tuple(
        Series(title, tuple(row[index + 1] for row in rows))
        for index, title in enumerate(source.titles())
    )
    left_out = int(groups) - len(rows)
    adds_up = spec.agg in ("sum", "count") and column.kind == "category" and len(series) == 1
    shown = sum(row[1] or 0 for row in rows)
    return Figures(
        spec, tuple(map(str, keys)), source.names(column, keys), series, rows=int(number_of),
        left_out=left_out, rest=whole - shown if left_out and adds_up else None,
        merged=most > 1 and spec.agg != "count",
    )  # fmt: skip


def _shares(source: Source) -> Figures:
    found = _bars(source)
    return replace(found, whole=_is_whole(found.series))


def _is_whole(series: Sequence[Series]) -> bool:
    """Whether the parts of every row come to a hundred, but for rounding."""
    sums = [
        sum(one or 0 for one in row) for row in zip(*(part.values for part in series), strict=True)
    ]
    return bool(sums) and all(abs(one - 100) <= 0.15 * len(series) + 0.5 for one in sums)


def _groups(source: Source) -> Figures:
    """One bar for each measure of a family, in the table's order."""
    where, bound = source.where()
    rows = source.rows(
        f"SELECT {', '.join(source.measures())}, count(*) FROM {{table}} WHERE {where}", bound
    )
    *values, number_of = rows[0]
    keys = tuple(source.spec.y) if source.spec.agg != "count" else ("count",)
    kept = [index for index, value in enumerate(values) if value is not None]
    titles = source.titles()
    return Figures(
        source.spec, tuple(keys[index] for index in kept), tuple(titles[index] for index in kept),
        (Series("", tuple(values[index] for index in kept)),) if kept else (),
        rows=number_of, merged=number_of > 1,
    )  # fmt: skip


def _pyramid(source: Source) -> Figures:
    """Men and women beside each other, for each age group."""
    sex = source.known.columns[source.spec.by]
    where, bound = source.where(sex.name)
    rows = source.rows(
        f"SELECT {identifier(sex.name)}, {', '.join(source.measures())}, count(*) FROM {{table}} "
        f"WHERE {where} GROUP BY 1 LIMIT 20",
        bound,
    )
    found = {str(row[0]).lower(): row for row in rows}
    sides = [next((found[one] for one in words if one in found), None) for words in (MEN, WOMEN)]
    if None in sides:
        return Figures(source.spec, (), (), ())
    series = tuple(Series(sex.meaning(side[0]), tuple(side[1:-1])) for side in sides if side)
    return Figures(
        source.spec, source.spec.y, tuple(source.titles()), series,
        rows=sum(side[-1] for side in sides if side),
        merged=any(side[-1] > 1 for side in sides if side),
    )  # fmt: skip


def _line(source: Source) -> Figures:
    """Values over time; several measures, or one measure split by a column."""
    spec, known = source.spec, source.known
    column = known.columns[spec.x]
    where, bound = source.where(spec.x, *([spec.by] if spec.by else []))
    split = f"{identifier(spec.by)}" if spec.by else "NULL"
    rows = source.rows(
        f"SELECT * FROM (SELECT {identifier(spec.x)} AS k, {split} AS part, "
        f"{', '.join(source.measures())}, count(*) AS n FROM {{table}} WHERE {where} "
        f"GROUP BY ALL ORDER BY k DESC LIMIT {MOST_MOMENTS * MOST_SERIES}) ORDER BY k",
        bound,
    )
    keys = list(dict.fromkeys(row[0] for row in rows))[-MOST_MOMENTS:]
    at = {(row[0], row[1]): row for row in rows}
    if spec.by:
        parts = list(dict.fromkeys(row[1] for row in rows))
        names = source.names(known.columns[spec.by], parts)
        series = [
            Series(name, tuple(_value(at.get((key, part)), 2) for key in keys))
            for part, name in zip(parts[:MOST_SERIES], names, strict=False)
        ]
    else:
        series = [
            Series(title, tuple(_value(at.get((key, None)), index + 2) for key in keys))
            for index, title in enumerate(source.titles())
        ]
    labels = tuple(
        str(key) if isinstance(key, int) else str(key)[:10] if column.type == "date"
        else str(key)[:16] for key in keys
    )  # fmt: skip
    return Figures(
        spec, tuple(_instant(key) for key in keys), labels, tuple(series),
        rows=sum(row[-1] for row in rows), merged=any(row[-1] > 1 for row in rows),
        years=column.type == "integer",
    )  # fmt: skip


def _value(row: tuple[Any, ...] | None, index: int) -> float | None:
    return None if row is None else row[index]


def _instant(key: Any) -> str:
    """A moment as a number in text: the year itself, or days since the year 1."""
    if isinstance(key, int):
        return str(key)
    moment = key.toordinal()
    hours = getattr(key, "hour", 0) / 24 + getattr(key, "minute", 0) / 1440
    return str(moment + hours)


def _scatter(source: Source) -> Figures:
    """Two measures of each row; of many rows, a share that is spread evenly over the table."""
    spec, known = source.spec, source.known
    x, y = spec.y[0], spec.y[1]
    where, bound = source.where(x, y)
    place = known.place
    name = place.name if place is not None and place.name in known.key else ""
    name = name or known.name_column(source.language) or (known.key[0] if known.key else x)
    condition = f"{where} AND {number(x)} IS NOT NULL AND {number(y)} IS NOT NULL"
    ((total,),) = source.rows(f"SELECT count(*) FROM {{table}} WHERE {condition}", bound)
    step = math.ceil(total / MOST_POINTS) if total else 1
    rows = source.rows(
        f"SELECT {identifier(name)}, {number(x)}, {number(y)} FROM {{table}} WHERE {condition} "
        + (f"AND hash({identifier(name)}, {identifier(x)}) % {step} = 0 " if step > 1 else "")
        + f"LIMIT {MOST_POINTS}",
        bound,
    )
    keys = [row[0] for row in rows]
    titles = [known.columns[one].title for one in (x, y)]
    return Figures(
        spec, tuple(map(str, keys)), source.names(known.columns[name], keys),
        tuple(Series(title, tuple(row[index] for row in rows))
              for index, title in enumerate(titles, start=1)),
        rows=int(total), left_out=int(total) - len(rows),
    )  # fmt: skip


_READERS = {
    "bars": _bars, "line": _line, "shares": _shares, "groups": _groups, "pyramid": _pyramid,
    "scatter": _scatter,
}  # fmt: skip


def names_of(catalogue: Catalogue, target: str, language: Language) -> Mapping[str, str]:
    """The names of what a column points to (``communes.code``), by code; empty without names."""
    slug, _, column = target.partition(".")
    dataset = catalogue.datasets.get(slug)
    if dataset is None or not column:
        return {}
    key = (dataset.sha256, column, language.code)
    return _known_names.get(key, lambda: _names(catalogue, dataset, column, language.code))


def _names(
    catalogue: Catalogue, dataset: PublishedDataset, column: str, code: str
) -> Mapping[str, str]:
    known = {one["name"] for one in dataset.record["columns"]}
    wanted = [one for one in (f"name_{code}", "name_fr", "name_en", "name_ar", "name")
              if one in known]  # fmt: skip
    if column not in known or not wanted:
        return {}
    spoken = f"coalesce({', '.join(f'CAST({identifier(one)} AS VARCHAR)' for one in wanted)})"
    with tables(catalogue, [dataset], SECONDS) as con:
        query = (
            f"SELECT CAST({identifier(column)} AS VARCHAR), {spoken} FROM {table_name(dataset)} "
            f"LIMIT {MOST_NAMES}"
        )
        return {row[0]: row[1] for row in con.execute(query).fetchall() if row[0] and row[1]}
