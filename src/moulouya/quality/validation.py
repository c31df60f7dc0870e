"""Run the suite of a dataset over one Parquet file and tell what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb
from great_expectations.core import ExpectationValidationResult

from moulouya import duck
from moulouya.definition import STAGED
from moulouya.errors import DataError
from moulouya.quality import running, suite
from moulouya.quality.sentences import cell, plain, rows_in_words, sentence
from moulouya.quality.suite import Moment, Rule, Severity
from moulouya.settings import Settings
from moulouya.workspace import Dataset


@dataclass(frozen=True)
class Check:
    """One rule and what came of it; ``rows`` are some that break it, key columns first."""

    moment: Moment
    type: str
    column: str | None
    kwargs: dict[str, Any]
    severity: Severity
    success: bool
    unexpected_count: int | None
    unexpected_percent: float | None
    observed: Any
    rows: tuple[dict[str, Any], ...]
    message: str
    source: Literal["contract", "expectations"]
    reason: str | None
    title: dict[str, str] | None = None
    reason_texts: dict[str, str] | None = None


@dataclass(frozen=True)
class Validation:
    """The checks of one table at one moment."""

    moment: Moment
    rows: int
    checks: tuple[Check, ...]

    @property
    def success(self) -> bool:
        """True when no critical rule is broken."""
        return not any(check.severity == "critical" for check in self.failed)

    @property
    def failed(self) -> tuple[Check, ...]:
        """Every check that failed, whatever its severity."""
        return tuple(check for check in self.checks if not check.success)

    @property
    def warnings(self) -> tuple[Check, ...]:
        """The failed checks that do not stop a publication."""
        return tuple(check for check in self.failed if check.severity != "critical")

    def to_json(self) -> dict[str, Any]:
        """The part of ``validation.json`` that this moment fills."""
        return {
            "moment": self.moment,
            "success": self.success,
            "rows": self.rows,
            "checks": [{**asdict(check), "rows": list(check.rows)} for check in self.checks],
        }

    def raise_for_critical(self) -> None:
        """Raise DataError that names each broken critical rule, with some of its rows."""
        broken = [check for check in self.failed if check.severity == "critical"]
        if not broken:
            return
        lines = [
            f"{check.message}: {rows_in_words(check.rows)}" if check.rows else check.message
            for check in broken
        ]
        raise DataError(
            "\n".join(lines),
            hint="repair the rows (transform, corrections, or at the publisher), "
            "or change the rule if it is wrong",
        )


def validate(
    table: Path,
    dataset: Dataset,
    *,
    moment: Moment,
    inputs: Mapping[str, Path],
    settings: Settings,
    fuse: bool = True,
) -> Validation:
    """Check the rows of a Parquet file against the rules of a dataset.

    ``inputs`` maps the slugs of other datasets to their Parquet files, for references. With
    ``fuse=False`` GX runs its own queries, one or more for each rule: slower, the same results.
    Raises DefinitionError when the expectations file is wrong.
    """
    rules = suite.rules(dataset, moment, inputs.keys())
    name = STAGED if moment == "incoming" else dataset.slug
    views = {**inputs, dataset.slug: table, name: table}
    with duck.connect(
        memory_limit=settings.memory_limit,
        threads=settings.threads,
        spill=table.parent / "spill",
    ) as con:
        for view, path in views.items():
            con.execute(
                f"CREATE VIEW {duck.identifier(view)} AS "
                f"FROM read_parquet({duck.literal(str(path))})"
            )
        count, columns = _shape(con, name)
        key = [column for column in dataset.definition.key if column in columns]
        expectations = suite.compile_suite(dataset.slug, rules, key).expectations
        results = running.results(con, name, expectations, key, fuse=fuse)
    checks = [_check(rule, moment, results.get(number), count) for number, rule in enumerate(rules)]
    return Validation(moment, count, tuple(checks))


def _shape(con: duckdb.DuckDBPyConnection, name: str) -> tuple[int, list[str]]:
    table = duck.identifier(name)
    columns = [row[0] for row in con.execute(f"DESCRIBE {table}").fetchall()]
    row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0]), columns


def _check(
    rule: Rule, moment: Moment, result: ExpectationValidationResult | None, rows: int
) -> Check:
    raised = raised_by(result) if rule.unchecked is None else None
    found = result.result if result is not None and raised is None else {}
    count = found.get("unexpected_count")
    if count is None and "element_count" in found:
        count = 0
    elif "unexpected_rows" in (found.get("details") or {}):
        count = found.get("observed_value")
    if raised is None and rule.unchecked is None and result is not None:
        raised = _silence(rule, result, rows)
    success = rule.unchecked is not None or (
        raised is None and result is not None and bool(result.success)
    )
    column = rule.kwargs.get("column")
    about = f"{column}: " if column else ""
    if rule.unchecked is not None:
        message = f"{about}not checked against {rule.unchecked}"
    elif raised is not None:
        message = f"{about}{rule.type} could not be checked: {raised}"
    else:
        message = sentence(rule.type, rule.kwargs, found, success)
    return Check(
        moment=moment,
        type=rule.type,
        column=column if isinstance(column, str) else None,
        kwargs=plain(rule.kwargs),
        severity=rule.severity,
        success=success,
        unexpected_count=count,
        unexpected_percent=found.get("unexpected_percent"),
        observed=plain(found.get("observed_value")),
        rows=_rows(found, rule) if raised is None else (),
        message=message,
        source=rule.source,
        reason=rule.reason,
        title=rule.title,
        reason_texts=rule.reason_texts,
    )


def raised_by(result: ExpectationValidationResult | None) -> str | None:
    """The message of what a metric raised; GX reports one exception, or one for each metric."""
    if result is None:
        return "Great Expectations returned no result"
    info: Any = result.exception_info or {}
    every = [info] if "raised_exception" in info else list(info.values())
    raised = [one for one in every if one["raised_exception"]]
    if not raised:
        return None
    return str(raised[0]["exception_message"]).split("\n\n")[0].strip() or "an exception"


def _silence(rule: Rule, result: ExpectationValidationResult, rows: int) -> str | None:
    """GX takes a metric that it does not have for one without faults; here that is a failure."""
    found = result.result
    if "element_count" not in found:
        return None
    # No row at all, or none that a condition chose, leaves nothing to count.
    if not found["element_count"] and (not rows or rule.kwargs.get("row_condition")):
        return None
    if found.get("unexpected_count") is None or not found["element_count"]:
        return "a metric has no value"
    return None


def _rows(found: Mapping[str, Any], rule: Rule) -> tuple[dict[str, Any], ...]:
    rows = found.get("partial_unexpected_index_list")
    if rows is None:
        rows = (found.get("details") or {}).get("unexpected_rows")
    if rows is None:
        values = found.get("partial_unexpected_list") or []
        column = rule.kwargs.get("column", "value")
        rows = [value if isinstance(value, dict) else {column: value} for value in values]
    return tuple(
        {name: cell(value) for name, value in row.items()} for row in rows[: running.MOST_ROWS]
    )
