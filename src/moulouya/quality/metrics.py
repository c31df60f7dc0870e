"""The metrics that GX cannot compute in DuckDB, or not cheaply: registered for our engine only.

Patterns go through ``regexp_matches``, column types come from a description of the table,
and references are looked up in another table. Uniqueness has a module of its own.
"""

from __future__ import annotations

import re
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
from great_expectations.expectations.metrics.map_metric_provider.column_pair_condition_partial import (  # noqa: E501
    column_pair_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_pair_map_metric_provider import (  # noqa: E501
    ColumnPairMapMetricProvider,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_condition_partial import (  # noqa: E501
    multicolumn_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_map_metric_provider import (  # noqa: E501
    MulticolumnMapMetricProvider,
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


class PairGreater(ColumnPairMapMetricProvider):
    """A value greater than the one beside it; as in pandas, nothing is greater than nothing."""

    condition_metric_name = "column_pair_values.a_greater_than_b"
    condition_value_keys = ("or_equal",)

    @column_pair_condition_partial(engine=DuckDBExecutionEngine)  # type: ignore[untyped-decorator]
    def _duckdb(
        cls, column_A: Column, column_B: Column, or_equal: bool | None = None, **_: Any
    ) -> Column:
        greater = column_A >= column_B if or_equal else column_A > column_B
        return sa.func.coalesce(greater, sa.false())


class PairInSet(ColumnPairMapMetricProvider):
    """A pair of values that is one of some pairs, in which None is an empty cell."""

    condition_metric_name = "column_pair_values.in_set"
    # GX forgets here that a condition may choose rows (see ``moulouya.expectations``).
    condition_domain_keys = ("batch_id", "table", "column_A", "column_B", "ignore_row_if")
    condition_value_keys = ("value_pairs_set",)

    @column_pair_condition_partial(engine=DuckDBExecutionEngine)  # type: ignore[untyped-decorator]
    def _duckdb(
        cls,
        column_A: Column,
        column_B: Column,
        value_pairs_set: Sequence[Sequence[Any]] | None = None,
        **_: Any,
    ) -> Column:
        if value_pairs_set is None:
            return sa.true()
        same = (
            sa.and_(column_A.is_not_distinct_from(a), column_B.is_not_distinct_from(b))
            for a, b in value_pairs_set
        )
        return sa.or_(sa.false(), *same)


class MulticolumnSum(MulticolumnMapMetricProvider):
    """Columns that add up to a total; as in pandas, none with an empty cell among them do."""

    condition_metric_name = "multicolumn_sum.equal"
    condition_value_keys = ("sum_total",)

    @multicolumn_condition_partial(engine=DuckDBExecutionEngine)  # type: ignore[untyped-decorator]
    def _duckdb(cls, column_list: Sequence[Column], sum_total: float, **_: Any) -> Column:
        total: Column = sum(column_list[1:], column_list[0])
        return sa.func.coalesce(total == sum_total, sa.false())


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
    return sa.func.regexp_matches(sa.cast(column, sa.VARCHAR), _constant(re2(regex)))


# What a class of Python's means in RE2: letters of every script, and every blank.
_LETTERS, _BLANKS = r"\p{L}\p{N}_", r"\s\x0b\x1c-\x1f\x85\p{Z}"
_CLASSES = {
    "w": (f"[{_LETTERS}]", _LETTERS),
    "W": (f"[^{_LETTERS}]", r"\W"),
    "s": (f"[{_BLANKS}]", _BLANKS),
    "S": (f"[^{_BLANKS}]", r"\S"),
    "Z": (r"\z", r"\Z"),
}
_ESCAPES = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))|(\[\^?\]?)|(\])", re.DOTALL)


def re2(pattern: str) -> str:
    """A pattern as GX has them, which are Python's, for DuckDB's engine RE2.

    Without this ``\\w`` would find no Arabic letter, and ``\\u0600`` and ``\\Z`` would be errors.
    Left as RE2 has them: a digit ``\\d`` is one of 0 to 9, a boundary ``\\b`` is of Latin words,
    and ``$`` is the very end of a text. Looking ahead and behind, which RE2 lacks, is an error.
    """
    inside = False

    def translated(match: re.Match[str]) -> str:
        nonlocal inside
        short, long, letter, opening, closing = match.groups()
        if short or long:
            return f"\\x{{{short or long}}}"
        if letter:
            return _CLASSES[letter][inside] if letter in _CLASSES else match[0]
        if opening and not inside:
            inside = True
            return match[0]
        if closing:
            inside = False
        return match[0]

    return _ESCAPES.sub(translated, pattern)


def _constant(text: str) -> sa.BindParameter[str]:
    # Written into the SQL: DuckDB compiles a constant pattern once, a parameter for each batch.
    return sa.bindparam(None, text, sa.String, literal_execute=True)
