"""What a new table measures against the one before, what its own history allows, and the verdict.

Every measure is zero where nothing moved. What is allowed is the larger of a floor that is the same
for all datasets and of what this dataset has done before: the median of its last versions and five
times their spread. A dataset that is restated at every delivery is held once; its history then
says that this is how it is.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from moulouya.drift.profile import MOST_CATEGORIES, Profile, measured

REMEMBERED = 8
SPREADS = 5.0
LEAST_ROWS = 30  # fewer rows say nothing about a distribution
LEAST_MOVED = 5  # fewer rows are looked through by whoever reads what changed
FAR = 1e6  # stands for a ratio without end, which JSON cannot hold

# rule: what is measured, and how much of it is nothing to ask a person about
FLOORS = {
    "rows_lost": 0.05,
    "rows_gained": 0.50,
    "keys_removed": 0.05,
    "restated": 0.05,
    "nulls": 0.05,
    "level": 1.0,
    "scale": 1.0,
    "reach": 1.0,
    "new_level": 2.0,
    "new_scale": 1.5,
    "frozen": 0.5,
    "categories": 0.25,
    "unknown_categories": 0.05,
    "garbled": 0.005,
    "script": 0.20,
    "length": 1.0,
    "truth": 0.30,
    "bounds": 0.50,
    "new_nulls": 0.40,
    "new_narrow": 3.0,
    "new_garbled": 0.10,
    "new_categories": 0.50,
}


@dataclass(frozen=True)
class Measure:
    """One number that says how far something moved, with what it was and is."""

    rule: str
    column: str | None
    value: float
    before: Any = None
    after: Any = None


@dataclass(frozen=True)
class Finding:
    """A measure beyond what is allowed: a reason to ask a person."""

    rule: str
    column: str | None
    value: float
    allowed: float
    before: Any
    after: Any


@dataclass(frozen=True)
class Judgement:
    """Every measure of a version, what was allowed, and what went beyond."""

    measures: tuple[dict[str, Any], ...]
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """The judgement as drift.json keeps it."""
        return {
            "format": 1,
            "measures": list(self.measures),
            "findings": [asdict(finding) for finding in self.findings],
        }


@dataclass(frozen=True)
class History:
    """The measures of the last versions, newest first, as their drift.json hold them.

    ``categories`` has every value that a column with few different ones has had in them.
    """

    measures: tuple[tuple[dict[str, Any], ...], ...] = ()
    categories: dict[str, frozenset[str]] = field(default_factory=dict)

    def of(self, rule: str, column: str | None) -> list[float]:
        """What a rule measured in the last versions that had something to compare."""
        return [
            measure["value"]
            for version in self.measures[:REMEMBERED]
            for measure in version
            if (measure["rule"], measure["column"]) == (rule, column)
        ]


def judge(
    before: Profile,
    after: Profile,
    added: Profile | None,
    rows: dict[str, int],
    values: dict[str, int],
    *,
    history: History,
    key: Iterable[str],
    allowed: dict[tuple[str, str | None], float],
) -> Judgement:
    """Measure a table against the one before.

    ``rows`` counts the rows added, removed and changed, ``values`` the changed values by column;
    ``added`` is the profile of the new rows alone. ``allowed`` holds what the definition allows
    beyond the floors, by rule and column.
    """
    keys = set(key)
    measures = [
        *_of_rows(before, rows),
        *_restated(before, after, rows, values, keys),
        *_of_columns(before, after, added, keys, history),
    ]
    judged, findings = [], []
    for measure in measures:
        limit = allowed.get((measure.rule, measure.column), allowed.get((measure.rule, None)))
        if limit is None:
            limit = max(FLOORS[measure.rule], learned(history.of(measure.rule, measure.column)))
        value = round(measure.value, 6)
        judged.append({"rule": measure.rule, "column": measure.column, "value": value,
                       "allowed": round(limit, 6)})  # fmt: skip
        if value > limit:
            findings.append(
                Finding(measure.rule, measure.column, value, round(limit, 6), measure.before,
                        measure.after)
            )  # fmt: skip
    return Judgement(tuple(judged), tuple(findings))


def learned(values: list[float]) -> float:
    """How far a dataset moves by its nature: the median, and five times the spread around it."""
    if not values:
        return 0.0
    middle = statistics.median(values)
    spread = statistics.median(abs(value - middle) for value in values)
    return middle + SPREADS * max(spread, middle / 5)


def _of_rows(before: Profile, rows: dict[str, int]) -> Iterator[Measure]:
    were, removed = before["rows"], rows["removed"]
    are = were + rows["added"] - removed
    common = were - removed
    yield Measure("rows_lost", None, _share(were - are, were), were, are)
    yield Measure("rows_gained", None, _share(are - were, were), were, are)
    yield Measure("keys_removed", None, _share(removed, were), were, common)


def _restated(
    before: Profile, after: Profile, rows: dict[str, int], values: dict[str, int], key: set[str]
) -> Iterator[Measure]:
    """Values that were published and are others now; a column that never changes stands out."""
    common = before["rows"] - rows["removed"]
    for name in after["columns"]:
        if name in before["columns"] and name not in key:
            changed = values.get(name, 0)
            yield Measure("restated", name, _share(changed, common), common, changed)


def _share(moved: int, rows: int) -> float:
    """Moved rows as a share, 0 where they are too few to ask about."""
    return moved / rows if rows and moved >= LEAST_MOVED else 0.0


def _of_columns(
    before: Profile,
    after: Profile,
    added: Profile | None,
    key: set[str],
    history: History,
) -> Iterator[Measure]:
    for name, now in after["columns"].items():
        was = before["columns"].get(name)
        if was is None or was["type"] != now["type"] or not before["rows"] or not after["rows"]:
            continue
        share = (was["nulls"] / before["rows"], now["nulls"] / after["rows"])
        few = now["nulls"] - was["nulls"] < LEAST_MOVED and share[1] < 1
        yield Measure("nulls", name, 0.0 if few else max(0.0, share[1] - share[0]), *share)
        fresh = added["columns"][name] if added and added["rows"] >= LEAST_ROWS else None
        if added and fresh is not None and name not in key:
            empty = fresh["nulls"] / added["rows"]
            yield Measure("new_nulls", name, max(0.0, empty - share[0]), share[0], empty)
        if min(before["rows"], after["rows"]) < LEAST_ROWS:
            continue
        if measured(now["type"]):
            yield from _of_numbers(name, was, now)
            if fresh is not None and name not in key:
                yield from _of_new_numbers(name, was, fresh)
        elif now["type"] == "text":
            known = history.categories.get(name, frozenset())
            yield from _of_texts(name, was, now, known)
            if fresh is not None and name not in key:
                yield from _of_new_texts(name, was, fresh, known)
        elif now["type"] == "boolean" and None not in (was.get("true"), now.get("true")):
            yield Measure("truth", name, abs(now["true"] - was["true"]), was["true"], now["true"])
        elif now["type"] == "geometry" and was.get("bounds") and now.get("bounds"):
            yield Measure("bounds", name, _beyond(was["bounds"], now["bounds"]), was["bounds"],
                          now["bounds"])  # fmt: skip


def _of_numbers(name: str, was: Profile, now: Profile) -> Iterator[Measure]:
    if not was.get("quantiles") or not now.get("quantiles"):
        return
    old, new = _Spread(was), _Spread(now)
    if was["type"] not in ("date", "datetime"):  # time goes on
        yield Measure("level", name, old.distance(new.middle), old.middle, new.middle)
    scale = _ratio(old.width, new.width)
    if not new.width and old.width and was["distinct"] > MOST_CATEGORIES:
        scale = FAR  # everything became one value
    yield Measure("scale", name, scale, old.width, new.width)
    reach = [was["min"] - now["min"]]
    if was["type"] not in ("date", "datetime"):
        reach.append(now["max"] - was["max"])
    width = (was["max"] - was["min"]) or abs(was["max"]) / 10 or 1.0
    yield Measure("reach", name, max(0.0, *(min(one / width, FAR) for one in reach)),
                  [was["min"], was["max"]], [now["min"], now["max"]])  # fmt: skip


def _of_new_numbers(name: str, was: Profile, new: Profile) -> Iterator[Measure]:
    """New rows alone: in a long series, what is wrong with them is lost among all rows."""
    if not was.get("quantiles") or not new.get("quantiles") or new["type"] in ("date", "datetime"):
        return
    old, fresh = _Spread(was), _Spread(new)
    yield Measure("new_level", name, old.distance(fresh.middle), old.middle, fresh.middle)
    # Some days of a season spread less than all seasons; they never spread much more.
    ratio, wider = _ratio(old.width, fresh.width), fresh.width > old.width
    yield Measure("new_scale", name, ratio if wider else 0.0, old.width, fresh.width)
    # Where one value is usual, as of the rain that does not fall, many new rows may all have it.
    moved = was["distinct"] > MOST_CATEGORIES and was["mode_share"] < 0.3
    narrower = ratio if moved and not wider else 0.0
    yield Measure("new_narrow", name, narrower, old.width, fresh.width)
    frozen = moved and new["distinct"] == 1
    yield Measure("frozen", name, float(frozen), was["distinct"], new["distinct"])


def _of_texts(name: str, was: Profile, now: Profile, known: frozenset[str]) -> Iterator[Measure]:
    if "distinct" not in was or "distinct" not in now:
        return
    old, new = was.get("categories"), now.get("categories")
    if old and new:
        distance = sum(abs(new.get(k, 0) - old.get(k, 0)) for k in {*old, *new}) / 2
        yield Measure("categories", name, distance, _largest(old), _largest(new))
        unknown = {k: share for k, share in new.items() if k not in old and k not in known}
        yield Measure("unknown_categories", name, sum(unknown.values()), None, _largest(unknown))
    yield Measure("garbled", name, max(0.0, now["garbled"] - was["garbled"]), was["garbled"],
                  now["garbled"])  # fmt: skip
    fall, script = max((was[script] - now[script], script) for script in ("arabic", "latin"))
    yield Measure("script", name, max(0.0, fall), {script: was[script]}, {script: now[script]})
    yield Measure("length", name, _ratio(was["length"], now["length"]), was["length"],
                  now["length"])  # fmt: skip


def _of_new_texts(
    name: str, was: Profile, new: Profile, known: frozenset[str]
) -> Iterator[Measure]:
    """New rows alone, as for numbers; only where the rows before had few different values."""
    if "distinct" not in was or "distinct" not in new:
        return
    worse = max(0.0, new["garbled"] - was["garbled"])
    yield Measure("new_garbled", name, worse, was["garbled"], new["garbled"])
    if was.get("categories") and new.get("categories"):
        categories = {**dict.fromkeys(known), **was["categories"]}
        unknown = {k: share for k, share in new["categories"].items() if k not in categories}
        yield Measure("new_categories", name, sum(unknown.values()), None, _largest(unknown))


@dataclass(frozen=True)
class _Spread:
    """Middle and width of a column's values."""

    column: Profile

    @property
    def middle(self) -> float:
        return float(self.column["quantiles"][2])

    @property
    def width(self) -> float:
        low, lower, _, upper, high = self.column["quantiles"]
        return float(max(upper - lower, (high - low) / 4))

    def distance(self, other: float) -> float:
        """How far another middle is, in widths; of a constant, in tenths of its value."""
        width = self.width or abs(self.middle) / 10 or 1.0
        return min(abs(other - self.middle) / width, FAR)


def _ratio(before: float | None, after: float | None) -> float:
    """How many doublings or halvings lie between two sizes; 0 where one of them is nothing."""
    if not before or not after or before < 0 or after < 0:
        return 0.0
    return abs(math.log2(after / before))


def _beyond(was: list[float], now: list[float]) -> float:
    """How far bounds reach beyond the old ones, in their own width and height."""
    width, height = (was[2] - was[0]) or 1.0, (was[3] - was[1]) or 1.0
    outside = ((was[0] - now[0]) / width, (now[2] - was[2]) / width,
               (was[1] - now[1]) / height, (now[3] - was[3]) / height)  # fmt: skip
    return max(0.0, *outside)


def _largest(categories: dict[str, float]) -> dict[str, float]:
    ranked = sorted(categories.items(), key=lambda item: (-item[1], item[0]))
    return {name: round(share, 4) for name, share in ranked[:5]}
