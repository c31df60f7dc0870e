"""What depends on the order of rows or of values: rising columns, quantiles, outliers.

GX has no rising or falling column for SQL, where a table has no order; a Parquet file has one. Its
quantiles and outliers know no DuckDB: ours are those of its pandas engine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from great_expectations.expectations.metrics.column_aggregate_metric_provider import (
    ColumnAggregateMetricProvider,
)
from great_expectations.expectations.metrics.column_aggregate_metrics.column_outlier_statistics import (  # noqa: E501
    OutlierStatistics,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.metrics.metric_provider import metric_value

from moulouya.quality.engine import COUNT, DuckDBExecutionEngine
from moulouya.quality.uniqueness import RowsMetric, domain, register

Column = sa.ColumnElement[Any]
# No column of a dataset is named so.
_BREAKS = "breaks the order of rows"
# GX's names of the ways to choose between two values; it has no other in SQL.
_CHOICES: dict[Any, Callable[[float], int]] = {"lower": math.floor, "higher": math.ceil}


class Ordered(RowsMetric):
    """Values that are less (or more) than the one before them in the file, empty ones left out."""

    @staticmethod
    def count(*, falling: bool, **kwargs: Any) -> int:
        """The number of values out of order."""
        steps, _ = _steps(falling, [], **kwargs)
        total = sa.select(sa.func.count()).where(steps.c[_BREAKS])
        return int(kwargs["execution_engine"].execute_query(total).scalar_one())

    @staticmethod
    def values(*, falling: bool, **kwargs: Any) -> list[Any]:
        """Some of the values out of order."""
        column = kwargs["metric_domain_kwargs"]["column"]
        return [row[column] for row in _broken(falling, [column], **kwargs)]

    @staticmethod
    def no_query(**_: Any) -> None:
        """GX asks every SQL metric for the text of a query; nobody reads it here."""

    @staticmethod
    def index(*, falling: bool, **kwargs: Any) -> list[dict[str, Any]] | None:
        """Some of the rows with values out of order, by the columns that identify them."""
        key = kwargs["metric_value_kwargs"]["result_format"].get("unexpected_index_column_names")
        if not key:
            return None
        return _broken(falling, [kwargs["metric_domain_kwargs"]["column"], *key], **kwargs)


def _broken(falling: bool, shown: Sequence[str], **kwargs: Any) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(shown))
    steps, columns = _steps(falling, names, **kwargs)
    limit = kwargs["metric_value_kwargs"]["result_format"]["partial_unexpected_count"]
    query = sa.select(*columns).where(steps.c[_BREAKS]).limit(limit)
    return [dict(row) for row in kwargs["execution_engine"].execute_query(query).mappings()]


def _steps(
    falling: bool,
    shown: Sequence[str],
    *,
    execution_engine: DuckDBExecutionEngine,
    metric_domain_kwargs: dict[str, Any],
    metric_value_kwargs: dict[str, Any],
    **_: Any,
) -> tuple[sa.Subquery, list[Column]]:
    """The rows in the order of the file, each with whether it breaks that order."""
    source, (name,) = domain(execution_engine, metric_domain_kwargs)
    this: Column = sa.column(name)
    before = sa.func.lag(this).over()
    breaks = this > before if falling else this < before
    if metric_value_kwargs.get("strictly"):
        breaks = sa.or_(breaks, this == before)
    columns: list[Column] = [sa.column(one) for one in shown]
    query = sa.select(*columns, breaks.label(_BREAKS)).select_from(source.subquery())
    steps = query.subquery()
    return steps, [steps.c[one] for one in shown]


for _name, _falling in {
    "column_values.increasing": False,
    "column_values.decreasing": True,
}.items():
    _keys = ColumnMapMetricProvider.condition_domain_keys
    for _suffix, _function, _values in (
        (COUNT, Ordered.count, ("strictly",)),
        (".unexpected_values", Ordered.values, ("strictly", "result_format")),
        (".unexpected_index_list", Ordered.index, ("strictly", "result_format")),
    ):
        register(Ordered, _name + _suffix, _keys, partial(_function, falling=_falling), *_values)
    register(Ordered, f"{_name}.unexpected_index_query", _keys, Ordered.no_query, "strictly",
             "result_format")  # fmt: skip


class QuantileValues(ColumnAggregateMetricProvider):
    """Values that stand at some shares of the sorted column: the nearest one, as in pandas."""

    metric_name = "column.quantile_values"
    value_keys = ("quantiles", "allow_relative_error")

    @metric_value(engine=DuckDBExecutionEngine)
    def _duckdb(
        cls,
        execution_engine: DuckDBExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        **_: Any,
    ) -> list[Any]:
        source, (name,) = domain(execution_engine, metric_domain_kwargs)
        rows = source.subquery()
        count = execution_engine.execute_query(
            sa.select(sa.func.count()).select_from(rows)
        ).scalar_one()
        choose = _CHOICES.get(metric_value_kwargs.get("allow_relative_error"), round)
        # quantile_disc(p) takes the value at ceil(p * count); the middle of a place has no doubt.
        places = [
            (choose(share * (count - 1)) + 0.5) / count if count else share
            for share in metric_value_kwargs["quantiles"]
        ]
        wanted: Column = sa.literal_column(
            "[" + ", ".join(f"{place!r}::DOUBLE" for place in places) + "]"
        )
        query = sa.select(sa.func.quantile_disc(sa.column(name), wanted)).select_from(rows)
        found = execution_engine.execute_query(query).scalar_one()
        return list(found) if found is not None else [None] * len(places)


class OutlierBounds(ColumnAggregateMetricProvider):
    """The quartiles, or the mean and the standard deviation, that an outlier is far from."""

    metric_name = "column.outlier_statistics"
    value_keys = ("method",)

    @metric_value(engine=DuckDBExecutionEngine)
    def _duckdb(
        cls,
        execution_engine: DuckDBExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        **_: Any,
    ) -> OutlierStatistics:
        source, (name,) = domain(execution_engine, metric_domain_kwargs)
        column: Column = sa.column(name)
        asked: tuple[Column, ...]
        if metric_value_kwargs.get("method", "iqr") == "std":
            asked = (sa.func.avg(column), sa.func.avg(column), sa.func.stddev_samp(column))
        else:
            quartiles = [sa.func.quantile_cont(column, share) for share in (0.25, 0.75)]
            asked = (*quartiles, quartiles[1] - quartiles[0])
        query = sa.select(*asked).select_from(source.subquery())
        return OutlierStatistics(*map(_finite, execution_engine.execute_query(query).one()))


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
