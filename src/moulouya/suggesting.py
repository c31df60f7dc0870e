"""A draft of an expectations file: what holds for the newest version, with room to move.

Only what the contract does not say already is suggested, every expectation as a warning, and with
the figure it was made from as its reason. A draft is held against the very data it was made from,
and what fails there is left out: a sample may not have seen every value.
"""

from __future__ import annotations

import datetime as dt
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import yaml

from moulouya import drift, duck, versions, workspace
from moulouya.definition import Column, Definition
from moulouya.drift.profile import measured
from moulouya.duck import columns_of, identifier, literal, one_row
from moulouya.errors import UsageError
from moulouya.expectations import PLACE_CODES
from moulouya.region import Region
from moulouya.settings import Settings
from moulouya.storage.files import read_json
from moulouya.storage.lake import Lake, look_into
from moulouya.versions import Version
from moulouya.workspace import Dataset

LEAST_ROWS = 10  # fewer rows are no pattern
MOST_VALUES = 20
LEAST_REPEATS = 5  # rows for each different value before a text counts as a category
MOST_EMPTY = 0.5
STEPS = (
    ("1 minute", 60), ("5 minutes", 300), ("10 minutes", 600), ("15 minutes", 900),
    ("30 minutes", 1800), ("1 hour", 3600), ("6 hours", 21_600), ("12 hours", 43_200),
    ("1 day", 86_400), ("1 week", 604_800), ("1 month", 31 * 86_400), ("1 quarter", 92 * 86_400),
    ("1 year", 366 * 86_400),
)  # fmt: skip
COORDINATES = (("lon", "lat"), ("lng", "lat"), ("longitude", "latitude"))
HEAD = "# yaml-language-server: $schema=../../schemas/expectations.schema.json\n"


@dataclass(frozen=True)
class Suggestion:
    """A drafted suite: from which version, where it belongs, and what was left out."""

    slug: str
    version: int
    path: Path
    suite: dict[str, Any]
    left_out: tuple[str, ...]

    @property
    def text(self) -> str:
        """The suite as its file holds it."""
        body = yaml.safe_dump(self.suite, allow_unicode=True, sort_keys=False, width=96)
        return HEAD + body

    def write(self, *, force: bool) -> None:
        """Write the file; raises UsageError where one stands there and is not to be replaced."""
        if self.path.exists() and not force:
            raise UsageError(
                f"{self.path.name} has expectations already",
                hint="--force writes over them; without --write they are printed",
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.text, encoding="utf-8")


def suggest(settings: Settings, slug: str) -> Suggestion:
    """Draft the expectations of a dataset from its newest version.

    Raises UsageError when it has none yet.
    """
    root = settings.workspace_root
    region, dataset = workspace.load_one(root, slug)
    lake = look_into(settings)
    version = versions.standing(lake, slug)
    if version is None:
        raise UsageError(f"{slug} has no version yet", hint=f"moulouya run {slug}")
    with duck.connect(memory_limit=settings.memory_limit, threads=settings.threads) as con:
        con.execute(f"CREATE VIEW rows AS FROM read_parquet({literal(str(version.table))})")
        drafted = list(_Draft(con, region, dataset, version).every())
    kept, left_out = _those_that_hold(settings, lake, dataset, version, drafted)
    path = dataset.expectations or root / "expectations" / dataset.theme / f"{slug}.yml"
    suite = {"name": slug, "expectations": kept}
    return Suggestion(slug, version.number, path, suite, left_out)


def _those_that_hold(
    settings: Settings,
    lake: Lake,
    dataset: Dataset,
    version: Version,
    drafted: list[dict[str, Any]],
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    from moulouya.quality import validation

    found = {slug: versions.standing(lake, slug) for slug in dataset.references}
    inputs = {slug: one.table for slug, one in found.items() if one is not None}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table, suite = folder / version.table.name, folder / f"{dataset.slug}.yml"
        table.symlink_to(version.table)
        suite.write_text(yaml.safe_dump({"expectations": drafted}), encoding="utf-8")
        checked = validation.validate(
            table,
            replace(dataset, expectations=suite, transform=None),
            moment="outgoing",
            inputs=inputs,
            settings=settings,
        )
    checks = [check for check in checked.checks if check.source == "expectations"]
    kept = [one for one, check in zip(drafted, checks, strict=True) if check.success]
    return kept, tuple(check.message for check in checks if not check.success)


class _Draft:
    """What can be said of one version; every method yields expectations."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        region: Region,
        dataset: Dataset,
        version: Version,
    ) -> None:
        self.con = con
        self.box = [float(side) for side in region.place.bbox]
        self.place = region.place.code
        self.merged = dataset.merged
        self.definition = _as_published(dataset.definition, version)
        path = version.path / "profile.json"
        self.profile = (
            read_json(path) if path.exists() else drift.profile(con, "rows", self.definition)
        )
        self.rows = int(self.profile["rows"])
        self.since = f"in version {version.number}"

    def every(self) -> Iterator[dict[str, Any]]:
        yield self._row_count()
        if self.rows < LEAST_ROWS:
            return
        for name, column in self.definition.columns.items():
            seen = self.profile["columns"].get(name)
            if seen is None or seen["nulls"] == self.rows:
                continue
            yield from self._empty(name, column, seen)
            if measured(column.type):
                yield from self._range(name, column, seen)
            elif column.type == "text":
                yield from self._text(name, column, seen)
            elif column.type == "geometry" and seen.get("bounds"):
                yield self._inside(seen["bounds"], {"column": name})
            yield from self._unique(name, column, seen)
        yield from self._points()
        yield from self._series()

    def _row_count(self) -> dict[str, Any]:
        bounds = {"min_value": max(1, math.floor(self.rows * 0.8))}
        if not self.merged:
            bounds["max_value"] = math.ceil(self.rows * 1.25)
        reason = f"{self.rows} rows {self.since}"
        return _expect("expect_table_row_count_to_be_between", reason, **bounds)

    def _empty(self, name: str, column: Column, seen: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if column.required or name in self.definition.key:
            return
        share = seen["nulls"] / self.rows
        kind = "expect_column_values_to_not_be_null"
        if not share:
            yield _expect(kind, f"none of {self.rows} values is empty {self.since}", column=name)
        elif share <= MOST_EMPTY:
            mostly = math.floor((1 - share * 1.25) * 100) / 100
            reason = f"{seen['nulls']} of {self.rows} values ({share:.1%}) are empty {self.since}"
            yield _expect(kind, reason, column=name, mostly=mostly)

    def _range(self, name: str, column: Column, seen: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if column.values or column.references or "quantiles" not in seen:
            return
        between = "expect_column_values_to_be_between"
        low, high = seen["min"], seen["max"]
        if column.type in ("date", "datetime"):
            first = _day(low)
            if column.range is None or column.range[0] is None:
                reason = f"the first one is {first} {self.since}"
                yield _expect(between, reason, column=name, min_value=first)
            return
        margin = (high - low) / 10 or abs(high) / 10 or 1.0
        least = 0.0 if 0 <= low <= margin else low - margin
        most = 0.0 if -margin <= high <= 0 else high + margin
        if 0 < high <= 1 < most:
            most = 1.0
        elif 1 < high <= 100 < most and _is_share(column):
            most = 100.0
        if _bounded(column, most - least):
            return
        yield _expect(
            between,
            f"from {drift.figure(low)} to {drift.figure(high)} {self.since}",
            column=name,
            min_value=_rounded(least, math.floor, column),
            max_value=_rounded(most, math.ceil, column),
        )

    def _text(self, name: str, column: Column, seen: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if column.values or column.references or column.pattern:
            return
        level = self._level(name)
        if level is not None:
            yield level
            return
        found = self.rows - seen["nulls"]
        categories = seen.get("categories") or {}
        repeated = categories and found >= LEAST_REPEATS * len(categories)
        if repeated and len(categories) <= MOST_VALUES:
            reason = f"{len(categories)} different values in {found} {self.since}"
            yield _expect("expect_column_values_to_be_in_set", reason, column=name,
                          value_set=sorted(categories))  # fmt: skip
            return
        share = seen.get("arabic") or 0.0
        if share >= 0.8:
            more = {} if share == 1 else {"mostly": math.floor((share - 0.05) * 100) / 100}
            reason = f"{share:.1%} of the texts have Arabic letters {self.since}"
            yield _expect("expect_column_values_to_contain_arabic", reason, column=name, **more)

    def _level(self, name: str) -> dict[str, Any] | None:
        """Place codes of one level, and inside the region where all of them are."""
        quoted = identifier(name)
        forms = ", ".join(
            f"bool_and(regexp_full_match({quoted}, {literal(form)}))"
            for form in PLACE_CODES.values()
        )
        *fits, inside = one_row(
            self.con,
            f"SELECT {forms}, bool_and(starts_with({quoted}, {literal(self.place)})) FROM rows",
        )
        # A number of two digits may be anything.
        level = next((one for one, fit in zip(PLACE_CODES, fits, strict=True) if fit), None)
        if level in (None, "region"):
            return None
        more = {"inside": self.place} if inside else {}
        return _expect("expect_column_values_to_be_place_codes",
                       f"every value is the code of a {level} {self.since}", column=name,
                       level=level, **more)  # fmt: skip

    def _unique(self, name: str, column: Column, seen: dict[str, Any]) -> Iterator[dict[str, Any]]:
        found = self.rows - seen["nulls"]
        whole = self.profile["sampled"] == self.rows
        # That amounts are all different says nothing.
        named = column.type == "text" or (column.type == "integer" and column.unit is None)
        if column.unique or self.definition.key == [name] or not whole or not named:
            return
        if found >= LEAST_ROWS and seen.get("distinct") == found:
            reason = f"{found} values, all different, {self.since}"
            yield _expect("expect_column_values_to_be_unique", reason, column=name)

    def _points(self) -> Iterator[dict[str, Any]]:
        for east, north in COORDINATES:
            seen = [self.profile["columns"].get(name, {}) for name in (east, north)]
            if all("quantiles" in one for one in seen):
                bounds = [seen[0]["min"], seen[1]["min"], seen[0]["max"], seen[1]["max"]]
                yield self._inside(bounds, {"column_A": east, "column_B": north})

    def _inside(self, bounds: list[float], columns: dict[str, str]) -> dict[str, Any]:
        """The region's box where everything lies in it, else the bounds with a margin."""
        west, south, east, north = bounds
        box = self.box
        if not (box[0] <= west and box[1] <= south and east <= box[2] and north <= box[3]):
            x, y = (east - west) / 20 or 0.01, (north - south) / 20 or 0.01
            box = [round(side, 4) for side in (west - x, south - y, east + x, north + y)]
        kind = "column" if "column" in columns else "column_pair"
        reason = f"from {west:.4f} {south:.4f} to {east:.4f} {north:.4f} {self.since}"
        return _expect(f"expect_{kind}_values_to_be_inside_box", reason, **columns, box=box)

    def _series(self) -> Iterator[dict[str, Any]]:
        """Time that goes on step by step, and counters that never fall."""
        moment = self._moment()
        if moment is None:
            return
        group = [name for name in self.definition.key if name != moment]
        by = {"group_by": group} if group else {}
        number = _in_seconds(moment, self.definition.columns[moment])
        partition = f"PARTITION BY {columns_of(group)} " if group else ""
        gaps = (
            f"SELECT v - lag(v) OVER ({partition}ORDER BY v) AS gap FROM "
            f"(SELECT DISTINCT {columns_of([*group, moment])}, {number} AS v FROM rows "
            f"WHERE {identifier(moment)} IS NOT NULL)"
        )
        steps, usual, longest = one_row(
            self.con,
            f"SELECT count(gap), quantile_disc(gap, 0.5), max(gap) FROM ({gaps})",
        )
        if steps < LEAST_ROWS:
            return
        step = _step(self.definition.columns[moment], usual, longest)
        if step is not None:
            reason = f"none of {steps} steps is longer {self.since}"
            yield _expect("expect_column_values_to_have_no_gap_in_time", reason, column=moment,
                          step=step, **by)  # fmt: skip
        yield from self._counters(moment, group, partition, by)

    def _counters(
        self, moment: str, group: list[str], partition: str, by: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        for name, column in self.definition.columns.items():
            if name in (moment, *group) or not measured(column.type):
                continue
            value = identifier(name)
            rises, falls, steps = one_row(
                self.con,
                "SELECT count(*) FILTER (v > before), count(*) FILTER (v < before), "
                f"count(before) FROM (SELECT {value} AS v, lag({value}) OVER ({partition}"
                f"ORDER BY {identifier(moment)}) AS before FROM rows WHERE {value} IS NOT NULL)",
            )
            if steps >= LEAST_ROWS and max(rises, falls) >= steps / 2 and not min(rises, falls):
                direction = "increasing" if rises else "decreasing"
                never = "falls" if rises else "rises"
                yield _expect("expect_column_values_to_be_monotone",
                              f"it never {never} in {steps} steps {self.since}", column=name,
                              order_by=moment, direction=direction, **by)  # fmt: skip

    def _moment(self) -> str | None:
        """The key's column of time: a date, a moment, or a year."""
        for name in self.definition.key:
            column, seen = self.definition.columns[name], self.profile["columns"].get(name, {})
            year = column.type == "integer" and 1900 <= seen.get("min", 0) <= 2100
            if column.type in ("date", "datetime") or (year and seen["max"] <= 2100):
                return name
        return None


def _as_published(definition: Definition, version: Version) -> Definition:
    """The definition with the columns that the version has."""
    names = {column["name"] for column in version.record["columns"]}
    columns = {name: one for name, one in definition.columns.items() if name in names}
    key = [name for name in definition.key if name in names]
    return definition.model_copy(update={"columns": columns, "key": key})


def _expect(kind: str, reason: str, **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs, "severity": "warning", "meta": {"reason": reason}}


def _day(days: float) -> str:
    return (dt.date(1970, 1, 1) + dt.timedelta(days=math.floor(days))).isoformat()


def _bounded(column: Column, width: float) -> bool:
    """Whether the contract's range is not much wider than the one that would be suggested."""
    low, high = column.range or (None, None)
    return low is not None and high is not None and float(str(high)) - float(str(low)) <= 2 * width


def _is_share(column: Column) -> bool:
    return column.unit == "%"


def _rounded(value: float, way: Any, column: Column) -> float | int:
    """Two digits that count, away from the middle."""
    if not value:
        return 0
    size = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    rounded = way(value / size) * size
    if column.type == "integer" or rounded == int(rounded):
        return int(way(rounded))
    return float(f"{rounded:.6g}")


def _in_seconds(name: str, column: Column) -> str:
    quoted = identifier(name)
    return quoted if column.type == "integer" else f"epoch({quoted})"


def _step(column: Column, usual: float, longest: float) -> str | int | None:
    """The step of a series without gaps: none where the longest step is no usual one."""
    if column.type == "integer":
        return int(longest) if longest == usual else None
    named = next(((words, size) for words, size in STEPS if longest <= size), None)
    if named is None or usual * 1.5 < longest:
        return None
    return named[0]
