"""Expectations tried before there is any data, so that what cannot work is a fault in a file.

Each expectation runs on a made-up row of the dataset's columns and types. Whether it holds says
nothing; that it raises says that it would never work: an argument that does not fit, a mean of
texts, a pattern that DuckDB does not read, a condition about a column that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import duckdb
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.expectations.core.unexpected_rows_expectation import (
    UnexpectedRowsExpectation as UnexpectedRows,
)
from great_expectations.expectations.expectation import Expectation

from moulouya import duck
from moulouya.definition import STAGED
from moulouya.definition.columns import StagedColumn
from moulouya.errors import Fault
from moulouya.expectations import ExpectationSuiteFile
from moulouya.quality import running
from moulouya.quality.suite import Moment, Rule, expectation
from moulouya.quality.validation import raised_by
from moulouya.workspace import Dataset, Workspace
from moulouya.yamlfile import YamlFile, read_yaml, validate

_VALUES = {
    "VARCHAR": "'x'",
    "JSON": "'{}'",
    "BOOLEAN": "true",
    "DATE": "'2000-01-01'",
    "TIMESTAMP": "'2000-01-01 00:00:00'",
    "TIMESTAMP WITH TIME ZONE": "'2000-01-01 00:00:00+00'",
    "TIME": "'00:00:00'",
    "GEOMETRY": "'POINT(0 0)'",
}
_EMPTY = "empty_"


def rehearsed(loaded: Workspace) -> Workspace:
    """A workspace without the datasets whose expectations cannot work, and with those faults."""
    found = {slug: faults(one, loaded.datasets) for slug, one in loaded.datasets.items()}
    broken = {slug: tuple(told) for slug, told in found.items() if told}
    return replace(
        loaded,
        datasets={slug: one for slug, one in loaded.datasets.items() if slug not in broken},
        faults=(*loaded.faults, *(fault for told in broken.values() for fault in told)),
        broken={**loaded.broken, **broken},
    )


def faults(dataset: Dataset, others: Mapping[str, Dataset]) -> list[Fault]:
    """The expectations of a dataset's file that can never be computed, each with its line.

    ``others`` are the datasets of the workspace, for expectations that look into their tables.
    """
    if dataset.expectations is None:
        return []
    file = read_yaml(dataset.expectations)
    suite = validate(ExpectationSuiteFile, file)
    made: dict[Moment, dict[int, Expectation]] = {"incoming": {}, "outgoing": {}}
    for number, written in enumerate(suite.expectations if suite else []):
        moment = written.meta.moment if dataset.transform is not None else "outgoing"
        try:
            rule = Rule(written.type, written.kwargs, severity=written.severity)
            made[moment][number] = expectation(rule, number)
        except (ValueError, TypeError, GreatExpectationsError) as error:
            told = "; ".join(line.strip() for line in str(error).splitlines())
            file.faults.append(_fault(file, number, f"{written.type}: {told}"))
    with duck.connect() as con:
        for slug in dataset.references:
            if slug in others:
                _create(con, slug, others[slug].definition.columns)
        for moment, expectations in made.items():
            file.faults.extend(_tried(con, dataset, moment, expectations, file))
    return file.faults


def _tried(
    con: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    moment: Moment,
    expectations: Mapping[int, Expectation],
    file: YamlFile,
) -> Iterator[Fault]:
    definition = dataset.definition
    name: str = dataset.slug
    columns: Mapping[str, StagedColumn] = definition.columns
    if moment == "incoming":
        name, columns = STAGED, definition.staged_columns
    if not expectations or not columns:
        return
    _create(con, name, columns)
    _create(con, _EMPTY + name, columns)
    con.execute(
        f"INSERT INTO {duck.identifier(name)} VALUES ({', '.join(map(_value, columns.values()))})"
    )
    key = [column for column in definition.key if column in columns]
    # A query is SQL that may rightly refuse a made-up value.
    queries = [one for one in expectations.values() if isinstance(one, UnexpectedRows)]
    others = [one for one in expectations.values() if not isinstance(one, UnexpectedRows)]
    results = running.results(con, name, others, key, fuse=True)
    results |= running.results(con, _EMPTY + name, queries, key, fuse=True)
    for number, one in sorted(expectations.items()):
        raised = raised_by(results.get(number))
        if raised is not None:
            message = f"{one.expectation_type} cannot be computed: {raised}"
            yield _fault(file, number, message)


def _fault(file: YamlFile, number: int, message: str) -> Fault:
    return file.fault(("expectations", number, "kwargs"), message)


def _create(con: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, StagedColumn]) -> None:
    listed = ", ".join(
        f"{duck.identifier(one)} {column.sql_type}" for one, column in columns.items()
    )
    con.execute(f"CREATE TABLE {duck.identifier(name)} ({listed})")


def _value(column: StagedColumn) -> str:
    return _VALUES.get(column.sql_type, "0")
