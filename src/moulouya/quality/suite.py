"""What must hold for a dataset, as a GX suite: its contract first, then its expectations file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from great_expectations.core import ExpectationSuite
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metadata_types import FailureSeverity

from moulouya.definition import Column
from moulouya.errors import DefinitionError, Fault
from moulouya.expectations import Expectation as Written
from moulouya.expectations import ExpectationSuiteFile
from moulouya.quality import metrics, regional, series, uniqueness
from moulouya.region import Text
from moulouya.workspace import Dataset
from moulouya.yamlfile import YamlFile, read_yaml, validate

Moment = Literal["incoming", "outgoing"]
Severity = Literal["critical", "warning", "info"]
# What DuckDB computes by itself: the imports register it with GX.
REGISTERED = (metrics, uniqueness, regional, series)
MONOTONE = "expect_column_values_to_be_monotone"
FOUND_IN_TABLE = "expect_column_values_to_be_found_in_table"


@dataclass(frozen=True)
class Rule:
    """One thing that must hold, and who says so; ``unchecked`` tells why it cannot be tried."""

    type: str
    kwargs: dict[str, Any]
    source: Literal["contract", "expectations"] = "contract"
    severity: Severity = "critical"
    reason: str | None = None
    unchecked: str | None = None
    title: dict[str, str] | None = None
    reason_texts: dict[str, str] | None = None


def rules(dataset: Dataset, moment: Moment, tables: Collection[str]) -> list[Rule]:
    """The rules of a dataset at a moment; ``tables`` are the other datasets that can be read.

    Raises DefinitionError when the expectations file is broken.
    """
    contract = _incoming(dataset) if moment == "incoming" else _outgoing(dataset, tables)
    return [*contract, *_from_file(dataset, moment, tables)]


def compile_suite(name: str, every: list[Rule], key: Sequence[str] = ()) -> ExpectationSuite:
    """The rules that can be checked as a suite; ``meta["rule"]`` is a rule's place in the list.

    ``key`` are the columns that name a row, for the expectations that select rows themselves.
    """
    expectations = [
        expectation(_with_key(rule, key), number)
        for number, rule in enumerate(every)
        if rule.unchecked is None
    ]
    return ExpectationSuite(name=name, expectations=expectations)


def _with_key(rule: Rule, key: Sequence[str]) -> Rule:
    return (
        replace(rule, kwargs={**rule.kwargs, "key": list(key)}) if rule.type == MONOTONE else rule
    )


def expectation(rule: Rule, number: int = 0) -> Expectation:
    """A rule as GX's own object; raises what GX raises when the arguments do not fit."""
    configuration = ExpectationConfiguration(
        type=rule.type,
        kwargs=rule.kwargs,
        severity=FailureSeverity(rule.severity),
        meta={"rule": number},
    )
    return configuration.to_domain_obj()


def _incoming(dataset: Dataset) -> Iterator[Rule]:
    staged = dataset.definition.staged_columns
    yield Rule("expect_table_row_count_to_be_between", {"min_value": 1})
    yield Rule(
        "expect_table_columns_to_match_set", {"column_set": list(staged), "exact_match": False}
    )
    for name, column in staged.items():
        if column.required:
            yield Rule("expect_column_values_to_not_be_null", {"column": name})


def _outgoing(dataset: Dataset, tables: Collection[str]) -> Iterator[Rule]:
    definition = dataset.definition
    rows = {"min_value": definition.rows.at_least, "max_value": definition.rows.at_most}
    yield Rule("expect_table_row_count_to_be_between", _given(rows))
    yield Rule(
        "expect_table_columns_to_match_ordered_list", {"column_list": list(definition.columns)}
    )
    types = {name: column.sql_type for name, column in definition.columns.items()}
    yield Rule("expect_table_columns_to_have_types", {"column_types": types})
    key = definition.key
    if len(key) > 1:
        compound = {"column_list": key, "ignore_row_if": "never"}
        yield Rule("expect_compound_columns_to_be_unique", compound)
    for name, column in definition.columns.items():
        this = {"column": name}
        if column.required or name in key:
            yield Rule("expect_column_values_to_not_be_null", this)
        if column.unique or key == [name]:
            yield Rule("expect_column_values_to_be_unique", this)
        yield from _value_rules(dataset, name, column)
        if column.references:
            yield _reference(dataset, name, column.references, tables)


def _value_rules(dataset: Dataset, name: str, column: Column) -> Iterator[Rule]:
    if column.pattern is not None:
        kwargs = {"column": name, "regex": column.pattern}
        yield Rule("expect_column_values_to_match_regex", kwargs)
    if column.range is not None:
        if column.type in ("text", "json", "geometry", "boolean"):
            raise DefinitionError(
                [Fault(dataset.path, 1, f"columns.{name}.range", f"a {column.type} has no range",
                       "use `pattern` or `values`")]
            )  # fmt: skip
        low, high = (None if end is None else _typed(column, str(end)) for end in column.range)
        bounds = _given({"min_value": low, "max_value": high})
        if bounds:
            yield Rule("expect_column_values_to_be_between", {"column": name, **bounds})
    if column.values is not None:
        allowed = [_typed(column, value) for value in column.values]
        yield Rule("expect_column_values_to_be_in_set", {"column": name, "value_set": allowed})


def _reference(dataset: Dataset, name: str, target: str, tables: Collection[str]) -> Rule:
    slug, column = target.split(".")
    kwargs = {"column": name, "other_table": slug, "other_column": column}
    if slug == dataset.slug or slug in tables:
        return Rule(FOUND_IN_TABLE, kwargs)
    return Rule(
        FOUND_IN_TABLE, kwargs, severity="info", unchecked=f"{target}, as {slug} is not published"
    )


def _given(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in kwargs.items() if value is not None}


def _typed(column: Column, text: str) -> Any:
    """A value of the contract in the column's type, so that DuckDB compares like with like."""
    if column.type == "integer":
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    if column.type == "number":
        return float(text)
    if column.type.startswith("decimal"):
        number = Decimal(text)
        return int(number) if number == number.to_integral() else float(number)
    if column.type == "boolean":
        return text.lower() == "true"
    if column.type == "date":
        return dt.datetime.fromisoformat(text).date()
    if column.type == "datetime":
        moment = dt.datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return text


def _from_file(dataset: Dataset, moment: Moment, tables: Collection[str]) -> list[Rule]:
    if dataset.expectations is None:
        return []
    file = read_yaml(dataset.expectations)
    suite = validate(ExpectationSuiteFile, file)
    if suite is None:
        raise DefinitionError(file.faults)
    found = []
    for number, written in enumerate(suite.expectations):
        reason = written.meta.reason or written.notes
        rule = Rule(
            type=written.type,
            kwargs=_arguments_of(written),
            source="expectations",
            severity=written.severity,
            reason=reason.en if isinstance(reason, Text) else reason,
            title=written.meta.title.model_dump() if written.meta.title else None,
            reason_texts=reason.model_dump() if isinstance(reason, Text) else None,
        )
        _check_arguments(rule, number, file)
        for other in written.other_tables(dataset.references):
            if other not in tables and other != dataset.slug:
                rule = replace(rule, severity="info", unchecked=f"{other}, which is not published")
        # Without a transform the staged table is the published one: there is one moment.
        if written.meta.moment == moment or dataset.transform is None:
            found.append(rule)
    if file.faults:
        raise DefinitionError(file.faults)
    return found


def _arguments_of(written: Written) -> dict[str, Any]:
    """Its arguments; a query has no words of its own but its description."""
    if written.type != "unexpected_rows_expectation" or written.description is None:
        return written.kwargs
    return {**written.kwargs, "description": written.description}


def _check_arguments(rule: Rule, number: int, file: YamlFile) -> None:
    try:
        expectation(rule)
    except (ValueError, TypeError, GreatExpectationsError) as error:
        place = ("expectations", number, "kwargs")
        lines = [line.strip() for line in str(error).splitlines()]
        file.faults.append(file.fault(place, f"{rule.type}: {'; '.join(lines)}"))
