"""Uniqueness in DuckDB: one streaming pass over a table, and grouping only where it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from great_expectations.core.metric_function_types import MetricFunctionTypes
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_map_metric_provider import (  # noqa: E501
    MulticolumnMapMetricProvider,
)
from great_expectations.expectations.metrics.metric_provider import MetricProvider
from great_expectations.expectations.registry import register_metric
from great_expectations.util import get_sqlalchemy_selectable

from moulouya.quality.engine import COUNT, DuckDBExecutionEngine

Column = sa.ColumnElement[Any]


class RowsMetric(MetricProvider):
    """A metric about rows beside each other, computed by a query of its own."""

    @classmethod
    def _get_evaluation_dependencies(cls, *_: Any, **__: Any) -> dict[str, Any]:
        return {}


class Repeated(RowsMetric):
    """Values, alone or several columns together, that stand in more than one row.

    As in pandas, empty values of a single column are left out, and empty values inside of several
    columns are equal to each other.
    """

    @staticmethod
    def count(
        execution_engine: DuckDBExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        **_: Any,
    ) -> int:
        """The number of rows whose value stands in another row too."""
        source, columns = domain(execution_engine, metric_domain_kwargs)
        if _ascending(execution_engine, source, columns):
            return 0
        groups = _groups(source, columns).subquery()
        total = sa.select(sa.func.coalesce(sa.func.sum(groups.c.rows), 0))
        return int(execution_engine.execute_query(total).scalar_one())

    @staticmethod
    def values(metric_value_kwargs: dict[str, Any], **kwargs: Any) -> list[Any]:
        """Some of the repeated values: scalars of one column, mappings of several.

        Of several columns GX asks no SQL for the rows, so the columns that identify a row come with
        the values.
        """
        if "column" not in kwargs["metric_domain_kwargs"]:
            return _sample(result_format=metric_value_kwargs["result_format"], **kwargs)
        alone = {**metric_value_kwargs["result_format"], "unexpected_index_column_names": []}
        return [next(iter(row.values())) for row in _sample(result_format=alone, **kwargs)]

    @staticmethod
    def index(metric_value_kwargs: dict[str, Any], **kwargs: Any) -> list[dict[str, Any]] | None:
        """Some of the rows with repeated values, by the columns that identify them."""
        result_format = metric_value_kwargs["result_format"]
        if not result_format.get("unexpected_index_column_names"):
            return None
        return _sample(result_format=result_format, **kwargs)


def domain(
    engine: DuckDBExecutionEngine, kwargs: dict[str, Any]
) -> tuple[sa.Select[Any], list[str]]:
    """The rows that a metric is about, and its columns; a single one without empty values."""
    table: Any = get_sqlalchemy_selectable(engine.get_domain_records(kwargs))
    source = sa.select(sa.text("*")).select_from(table)
    if "column" in kwargs:
        return source.where(sa.column(kwargs["column"]).is_not(None)), [kwargs["column"]]
    return source, list(kwargs["column_list"])


def _groups(source: sa.Select[Any], columns: list[str]) -> sa.Select[Any]:
    names: list[Column] = [sa.column(name) for name in columns]
    rows = sa.func.count().label("rows")
    grouped = sa.select(*names, rows).select_from(source.subquery())
    return grouped.group_by(*names).having(sa.func.count() > 1)


def _ascending(engine: DuckDBExecutionEngine, source: sa.Select[Any], columns: list[str]) -> bool:
    """True when each row is greater than the one before, which only unique rows can be.

    ``lag() OVER ()`` streams in the order of the file: it needs no memory, where grouping needs
    all the values. An empty value is greater than nothing and ends it.
    """
    greater: Column = sa.false()
    for name in reversed(columns):
        this: Column = sa.column(name)
        before = sa.func.lag(this).over()
        greater = sa.or_(this > before, sa.and_(this == before, greater))
    steps = sa.select(greater.label("greater")).select_from(source.subquery()).subquery()
    breaks = sa.select(sa.func.count()).where(steps.c.greater.is_not(sa.true()))
    # The first row has none before it.
    return int(engine.execute_query(breaks).scalar_one()) <= 1


def _sample(
    execution_engine: DuckDBExecutionEngine,
    metric_domain_kwargs: dict[str, Any],
    result_format: dict[str, Any],
    **_: Any,
) -> list[dict[str, Any]]:
    source, columns = domain(execution_engine, metric_domain_kwargs)
    limit = result_format["partial_unexpected_count"]
    key = result_format.get("unexpected_index_column_names") or []
    shown = list(dict.fromkeys([*columns, *key]))
    repeated = (_groups(source, columns).order_by(*map(sa.column, columns)).limit(limit)).subquery(
        "repeated"
    )
    rows = sa.select(*map(sa.column, shown)).select_from(source.subquery()).subquery()
    same = sa.and_(*(rows.c[name].is_not_distinct_from(repeated.c[name]) for name in columns))
    query = (
        sa.select(rows)
        .select_from(rows.join(repeated, same))
        .order_by(*(rows.c[name] for name in shown))
        .limit(limit)
    )
    return [dict(row) for row in execution_engine.execute_query(query).mappings()]


def register(
    metric_class: type[RowsMetric],
    name: str,
    domain_keys: tuple[str, ...],
    function: Callable[..., Any],
    *value_keys: str,
) -> None:
    """Make a function a metric of our engine, which GX cannot make from a condition on one row."""

    def call(cls: type[MetricProvider], **kwargs: Any) -> Any:
        return function(**kwargs)

    register_metric(
        metric_name=name,
        metric_domain_keys=domain_keys,
        metric_value_keys=value_keys,
        execution_engine=DuckDBExecutionEngine,
        metric_class=metric_class,
        metric_provider=call,
        metric_fn_type=MetricFunctionTypes.VALUE,
    )


for _name, _provider in {
    "column_values.unique": ColumnMapMetricProvider,
    "compound_columns.unique": MulticolumnMapMetricProvider,
}.items():
    _keys = _provider.condition_domain_keys
    register(Repeated, _name + COUNT, _keys, Repeated.count)
    register(Repeated, f"{_name}.unexpected_values", _keys, Repeated.values, "result_format")
    register(Repeated, f"{_name}.unexpected_index_list", _keys, Repeated.index, "result_format")
