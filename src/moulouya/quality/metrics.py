"""The metrics that GX cannot compute in DuckDB, or not cheaply: registered for our engine only.

Patterns go through ``regexp_matches``, column types come from a description of the table,
and references are looked up in another table. Uniqueness has a module of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation, ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.util import get_sqlalchemy_selectable

from moulouya.quality.engine import DuckDBExecutionEngine

Column = sa.ColumnElement[Any]


class ColumnTypes(TableMetricProvider):
    """Names and types of the columns, without SQLAlchemy's slow look into system tables."""

    metric_name = "table.column_types"
    value_keys = ("include_nested",)
    default_kwarg_values: dict[str, Any] = {"include_nested": True}  # noqa: RUF012 - as in GX

    @metric_value(engine=DuckDBExecutionEngine)
    def _duckdb(
        cls,
        execution_engine: DuckDBExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        **_: Any,
    ) -> list[dict[str, Any]]:
        table = get_sqlalchemy_selectable(execution_engine.get_domain_records(metric_domain_kwargs))
        result = execution_engine.execute_query(sa.select(sa.text("*")).select_from(table).limit(0))
        return [
            {"name": name, "type": column_type(str(type_code))}
            for name, type_code, *_ in result.cursor.description
        ]


def column_type(name: str) -> sa.types.TypeEngine[Any]:
    """A SQLAlchemy type that GX's type expectations know by DuckDB's name for it.

    They compare class names, so ``DECIMAL(10,2)`` becomes a class of that name. JSON is text to
    DuckDB, and the coordinate system of a geometry is no part of its type here.
    """
    name = {"JSON": "VARCHAR"}.get(name, name)
    if name.startswith("GEOMETRY"):
        name = "GEOMETRY"
    base = getattr(sa.types, name.partition("(")[0], sa.types.NullType)
    made: sa.types.TypeEngine[Any] = type(name, (base,), {"__str__": lambda _: name})()
    return made


class MatchRegex(ColumnMapMetricProvider):
    """A pattern that is found somewhere in the value's text."""

    condition_metric_name = "column_values.match_regex"
    condition_value_keys = ("regex",)

    @column_condition_partial(engine=DuckDBExecutionEngine)
    def _duckdb(cls, column: Column, regex: str, **_: Any) -> Column:
        return _matches(column, regex)


class NotMatchRegex(ColumnMapMetricProvider):
    """A pattern that is found nowhere in the value's text."""

    condition_metric_name = "column_values.not_match_regex"
    condition_value_keys = ("regex",)

    @column_condition_partial(engine=DuckDBExecutionEngine)
    def _duckdb(cls, column: Column, regex: str, **_: Any) -> Column:
        return sa.not_(_matches(column, regex))


class MatchRegexList(ColumnMapMetricProvider):
    """Any or all of some patterns found in the value's text."""

    condition_metric_name = "column_values.match_regex_list"
    condition_value_keys = ("regex_list", "match_on")

    @column_condition_partial(engine=DuckDBExecutionEngine)
    def _duckdb(
        cls,
        column: Column,
        regex_list: Sequence[str],
        match_on: str | None = None,
        **_: Any,
    ) -> Column:
        join = sa.and_ if match_on == "all" else sa.or_
        return join(*(_matches(column, regex) for regex in regex_list))


class NotMatchRegexList(ColumnMapMetricProvider):
    """None of some patterns found in the value's text."""

    condition_metric_name = "column_values.not_match_regex_list"
    condition_value_keys = ("regex_list",)

    @column_condition_partial(engine=DuckDBExecutionEngine)
    def _duckdb(cls, column: Column, regex_list: Sequence[str], **_: Any) -> Column:
        return sa.and_(*(sa.not_(_matches(column, regex)) for regex in regex_list))


class JsonParseable(ColumnMapMetricProvider):
    """Text that is valid JSON."""

    condition_metric_name = "column_values.json_parseable"

    @column_condition_partial(engine=DuckDBExecutionEngine)
    def _duckdb(cls, column: Column, **_: Any) -> Column:
        return sa.func.json_valid(sa.cast(column, sa.VARCHAR))


class MatchStrftime(ColumnMapMetricProvider):
    """Text that reads as a date or time of a format."""

    condition_metric_name = "column_values.match_strftime_format"
    condition_value_keys = ("strftime_format",)

    @column_condition_partial(engine=DuckDBExecutionEngine)
    def _duckdb(cls, column: Column, strftime_format: str, **_: Any) -> Column:
        text = sa.cast(column, sa.VARCHAR)
        return sa.func.try_strptime(text, _constant(strftime_format)).is_not(None)


class FoundInTable(ColumnMapMetricProvider):
    """A value that stands in a column of another table, or of the same one."""

    condition_metric_name = "column_values.found_in_table"
    condition_value_keys = ("other_table", "other_column")

    @column_condition_partial(engine=DuckDBExecutionEngine)
    def _duckdb(
        cls,
        column: Column,
        other_table: str,
        other_column: str,
        **_: Any,
    ) -> Column:
        other: Column = sa.column(other_column)
        known = sa.select(other).select_from(sa.table(other_table)).where(other.is_not(None))
        return column.in_(known)


class ExpectColumnValuesToBeFoundInTable(ColumnMapExpectation):
    """Expect every value to stand in a column of another table: a foreign key."""

    other_table: str
    other_column: str

    map_metric = "column_values.found_in_table"
    success_keys = ("other_table", "other_column", "mostly")


class ExpectTableColumnsToHaveTypes(BatchExpectation):
    """Expect columns to have these types of DuckDB, by the table's schema: one check for all."""

    column_types: dict[str, str]

    metric_dependencies = ("table.column_types",)
    success_keys = ("column_types",)
    domain_keys = ("batch_id",)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: ExecutionEngine[Any] | None = None,
    ) -> dict[str, Any]:
        found = {one["name"]: str(one["type"]) for one in metrics["table.column_types"]}
        observed = {name: found[name] for name in self.column_types if name in found}
        wrong = {name for name in observed if observed[name] != self.column_types[name]}
        return {"success": not wrong, "result": {"observed_value": observed}}


def _matches(column: Column, regex: str) -> Column:
    return sa.func.regexp_matches(sa.cast(column, sa.VARCHAR), _constant(regex))


def _constant(text: str) -> sa.BindParameter[str]:
    # Written into the SQL: DuckDB compiles a constant pattern once, a parameter for each batch.
    return sa.bindparam(None, text, sa.String, literal_execute=True)
