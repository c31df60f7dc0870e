"""The quality score of a version: five dimensions from 0 to 100, and their mean.

Every dimension is a formula over what the lake keeps of a version, described in
docs/explanation/quality.md; nothing of the table is read again, and nobody's opinion is part of it.
A score belongs to its version and never changes: ``METHOD`` is raised when a formula does.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from moulouya import ledger, release, versions
from moulouya.errors import LakeError
from moulouya.release import Release
from moulouya.storage.files import listed, read_json
from moulouya.storage.lake import Lake
from moulouya.versions import Version

TABLE = "catalogue.scores.parquet"
METHOD = 1
DIMENSIONS = ("completeness", "validity", "uniqueness", "timeliness", "metadata")
OVERALL = "overall"
LATE_AFTER_PERIODS = 3
LEAST_DESCRIPTION = 60
DRAFTS = ("(مسودة)", "(brouillon)", "(draft)")
UNIQUE = ("to_be_unique", "to_be_unique_within_record")
# What a rule about empty values finds is counted as completeness already.
EMPTY = ("expect_column_values_to_not_be_null", "expect_column_values_to_be_null")
MEASURED = ("integer", "number", "decimal")
Record = dict[str, Any]
_DURATION: TypeAdapter[dt.timedelta] = TypeAdapter(dt.timedelta)


@dataclass(frozen=True)
class Score:
    """One dimension: its score, None where it cannot be rated, and the figures behind it."""

    dimension: str
    score: float | None
    explanation: str
    figures: dict[str, Any]


Scored = dict[tuple[str, int], list[Score]]


def last_scores(lake: Lake, last: Release | None, slugs: Collection[str]) -> Scored:
    """What the newest release says of every version of some datasets, if by the same method."""
    recorded = last.recorded(TABLE) if last is not None else None
    if last is None or recorded is None:
        return {}
    try:
        path = lake.local(last.path / TABLE)
        release.require(path, recorded)
    except LakeError:
        return {}  # damaged: it is worked out again
    table: pa.Table = pq.read_table(path)
    found: Scored = {}
    for row in table.filter(pc.is_in(table["slug"], pa.array(slugs, pa.string()))).to_pylist():
        if row["method"] == METHOD:
            one = Score(row["dimension"], row["score"], row["explanation"], _figures(row))
            found.setdefault((row["slug"], row["version"]), []).append(one)
    return found


def _figures(row: Record) -> dict[str, Any]:
    return dict(json.loads(row["figures"] or "{}"))


def history(lake: Lake, version: Version, known: Scored) -> Iterator[tuple[int, list[Score]]]:
    """The scores of a version and of those before it, by number, oldest first."""
    before: Record | None = None
    for number in lake.numbers(lake.versions(version.slug)):
        if number > version.number:
            return
        found = known.get((version.slug, number))
        if found is None:
            if before is None and number > 1:
                before = _record_before(lake, version.slug, number)
            one = version if number == version.number else versions.read(lake, version.slug, number)
            found = _of_version(lake, one, before)
            before = one.record
        else:
            before = None
        yield number, found


def _record_before(lake: Lake, slug: str, number: int) -> Record | None:
    earlier = [one for one in lake.numbers(lake.versions(slug)) if one < number]
    return versions.read(lake, slug, earlier[-1]).record if earlier else None


def _of_version(lake: Lake, version: Version, before: Record | None) -> list[Score]:
    previous = _moment(before["created"]) if before is not None else None
    looks: list[dt.datetime] = []
    if previous is not None and _limit(version.record["definition"].get("refresh") or {}):
        looks = list(_looks(lake, version.slug, previous, _moment(version.record["created"])))
    validation = version.path / "validation.json"
    checked = read_json(validation) if validation.exists() else {}
    return score(version.record, checked, looks, previous)


def _looks(lake: Lake, slug: str, since: dt.datetime, until: dt.datetime) -> Iterator[dt.datetime]:
    """When runs of a dataset that found its source well ended; a run's name begins with its slug.

    A run is kept under the day on which it started, which may be the day before.
    """
    lake.refresh(lake.ledger)
    day = since.date() - dt.timedelta(days=1)
    while day <= until.date():
        for path in listed(lake.ledger / f"{day:%Y/%m/%d}", f"{slug}-*.json"):
            run = ledger.read(path)
            if run is not None and run["outcome"] in ("published", "unchanged"):
                yield _moment(run["ended"])
        day += dt.timedelta(days=1)


def score(
    record: Record,
    validation: Record,
    looks: Iterable[dt.datetime],
    previous: dt.datetime | None,
) -> list[Score]:
    """Every dimension of a version, and ``overall``: the mean of those that are rated.

    ``record`` is its version.json and ``validation`` its validation.json; ``looks`` are the ends
    of the runs that found the source well between the version before, made at ``previous``, and
    this one.
    """
    rated = [
        _completeness(record),
        _validity(validation),
        _uniqueness(validation),
        _timeliness(record, looks, previous),
        _metadata(record["definition"]),
    ]
    known = [one.score for one in rated if one.score is not None]
    mean = round(sum(known) / len(known), 1)
    told = f"the mean of {len(known)} dimensions"
    return [*rated, Score(OVERALL, mean, told, {"dimensions": len(known)})]


def _completeness(record: Record) -> Score:
    """Cells that have a value, and rows of the delivery that could be read."""
    rows, rejected = int(record["rows"]), int(record.get("rejected") or 0)
    cells = rows * len(record["columns"])
    empty = sum(int(column.get("nulls") or 0) for column in record["columns"])
    figures = {"cells": cells, "empty": empty, "rows": rows, "rejected": rejected}
    if not cells:
        return Score("completeness", None, "no rows", figures)
    share = (cells - empty) / cells * rows / (rows + rejected)
    told = f"{empty} of {cells} cells are empty, {rejected} of {rows + rejected} rows were rejected"
    return Score("completeness", _percent(share), told, figures)


def _validity(validation: Record) -> Score:
    """The share of values that keep each rule, over all rules but those about uniqueness."""
    rules = [
        check
        for check in validation.get("checks", [])
        if not _about_uniqueness(check) and check["type"] not in EMPTY and not _unchecked(check)
    ]
    return _kept("validity", rules)


def _uniqueness(validation: Record) -> Score:
    """The share of rows that keep each rule about repeated values: the key, and unique columns."""
    return _kept("uniqueness", [one for one in validation.get("checks", []) if
                                _about_uniqueness(one)])  # fmt: skip


def _kept(dimension: str, rules: Sequence[Record]) -> Score:
    shares = [_share_kept(check) for check in rules]
    failed = sum(not check.get("success") for check in rules)
    figures = {"rules": len(rules), "failed": failed}
    if not shares:
        return Score(dimension, None, "no rule", figures)
    told = f"{failed} of {len(rules)} rules are broken"
    return Score(dimension, _percent(sum(shares) / len(shares)), told, figures)


def _share_kept(check: Record) -> float:
    """How much of the table keeps a rule; a rule about the table as a whole holds or does not."""
    percent = check.get("unexpected_percent")
    if percent is None:
        return float(bool(check.get("success")))
    return 1 - float(percent) / 100


def _about_uniqueness(check: Record) -> bool:
    return str(check["type"]).endswith(UNIQUE)


def _unchecked(check: Record) -> bool:
    """A rule about a table that was not there: told as information, and never tried."""
    return (
        check.get("severity") == "info"
        and bool(check.get("success"))
        and check.get("unexpected_count") is None
        and check.get("observed") is None
    )


def _timeliness(
    record: Record, looks: Iterable[dt.datetime], previous: dt.datetime | None
) -> Score:
    """How much of the time since the version before it was not late."""
    limit = _limit(record["definition"].get("refresh") or {})
    if limit is None:
        return Score("timeliness", None, "no rhythm is promised", {})
    days = round(limit.total_seconds() / 86400, 2)
    created = _moment(record["created"])
    if previous is None or created <= previous:
        return Score("timeliness", 100.0, "the first version", {"limit": days})
    times = [previous, *sorted(one for one in looks if previous < one < created), created]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    late = sum((max(gap - limit, dt.timedelta()) for gap in gaps), dt.timedelta())
    whole = created - previous
    figures = {"limit": days, "late": _days(late), "days": _days(whole), "looks": len(times) - 1}
    told = (
        f"late for {figures['late']} of {figures['days']} days; "
        f"it is late {days} days after a look at the source"
    )
    return Score("timeliness", _percent(1 - late / whole), told, figures)


def _limit(refresh: Record) -> dt.timedelta | None:
    if refresh.get("stale_after"):
        return _DURATION.validate_python(refresh["stale_after"])
    if refresh.get("every"):
        return _DURATION.validate_python(refresh["every"]) * LATE_AFTER_PERIODS
    return None


def _days(span: dt.timedelta) -> float:
    return round(span.total_seconds() / 86400, 2)


def _metadata(definition: Record) -> Score:
    """What a reader is told about the data: the mean of what is there."""
    columns = definition["columns"]
    parts = {
        "description": _mean(
            len(text) >= LEAST_DESCRIPTION for text in definition["description"].values()
        ),
        "keywords": _mean(bool(_of(definition, "keywords", code)) for code in ("ar", "fr", "en")),
        "period": float(bool(definition.get("temporal"))),
        "rhythm": float(_has_rhythm(definition)),
        "columns": _mean(_explained(column) for column in columns.values()),
        "no_drafts": float(not _is_draft(definition)),
    }
    units = [
        column.get("unit") is not None
        for name, column in columns.items()
        if _is_amount(name, column, definition)
    ]
    if units:
        parts["units"] = _mean(units)
    missing = [name for name, share in parts.items() if share < 1]
    told = f"wanting: {', '.join(missing)}" if missing else "everything is described"
    rounded = {name: round(share, 3) for name, share in parts.items()}
    return Score("metadata", _percent(sum(parts.values()) / len(parts)), told, rounded)


def _of(definition: Record, name: str, language: str) -> Any:
    return (definition.get(name) or {}).get(language)


def _has_rhythm(definition: Record) -> bool:
    refresh = definition.get("refresh") or {}
    return definition.get("source") is None or bool(refresh.get("every") or refresh.get("cron"))


def _explained(column: Record) -> bool:
    """A description in every language that says more than the title does."""
    title, description = column["title"], column["description"]
    return all(
        text.strip() and text.strip(" .") != title[language].strip(" .")
        for language, text in description.items()
    )


def _is_draft(definition: Record) -> bool:
    texts = [definition["title"], definition["description"]]
    texts += [column["title"] for column in definition["columns"].values()]
    return any(text.endswith(DRAFTS) for one in texts for text in one.values())


def _is_amount(name: str, column: Record, definition: Record) -> bool:
    """Whether a column's numbers are amounts of something: a key, a code or a year is none."""
    if column["type"].partition("(")[0] not in MEASURED or name in definition["key"]:
        return False
    return not (column.get("references") or column.get("values") or "year" in name)


def _mean(truths: Iterable[bool]) -> float:
    every = list(truths)
    return sum(every) / len(every)


def _percent(share: float) -> float:
    """A score of one decimal; what is not quite 100 never reads so."""
    rounded = round(max(0.0, share) * 100, 1)
    return 99.9 if rounded == 100 and share < 1 else rounded


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
