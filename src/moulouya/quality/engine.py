"""Great Expectations on DuckDB: a datasource, and an execution engine that scans a table once.

Three things differ from GX's own SQL engine.

* One connection lives as long as the engine. GX gives a connection back to the pool before it
  fetches, and DuckDB drops a pending result then.
* The metrics of a suite are resolved in three turns: what reads no rows, then every aggregate and
  every count of unexpected values in one SELECT, then samples of unexpected values, and those only
  where there are any. GX by itself runs a query for samples even where nothing failed, and a
  SELECT for each level of its dependency graph. ``fuse=False`` gives GX's own order.
* Patterns, uniqueness and column types have metrics written for DuckDB (see ``metrics``).

The hooks used are GX's public methods ``get_connection``, ``get_domain_records``,
``resolve_metrics``, ``resolve_metric_bundle`` and ``close``. Read,
and therefore a reason to pin GX exactly: that a metric which ``resolve_metrics`` leaves out is
asked for again in the next round (``ValidationGraph``), the suffixes that GX gives to the names of
metrics, and the attribute ``_connection`` of its engine.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar, Literal

import duckdb
import sqlalchemy as sa
from duckdb_sqlalchemy import ConnectionWrapper
from great_expectations.compatibility import pydantic
from great_expectations.datasource.fluent.interfaces import DataAsset
from great_expectations.datasource.fluent.sql_datasource import (
    QueryAsset,
    SQLDatasource,
    TableAsset,
)
from great_expectations.execution_engine.execution_engine import MetricComputationConfiguration
from great_expectations.execution_engine.sqlalchemy_execution_engine import (
    SqlAlchemyExecutionEngine,
)
from great_expectations.expectations.registry import get_metric_provider
from great_expectations.validator.metric_configuration import (
    MetricConfiguration,
    MetricConfigurationID,
)
from sqlalchemy.dialects import postgresql

SAMPLES = (".unexpected_values", ".unexpected_index_list", ".unexpected_rows")
COUNT = ".unexpected_count"
# One connection for all; without AUTOCOMMIT a failed statement would leave a transaction open.
_ENGINE: dict[str, Any] = {"poolclass": sa.StaticPool, "isolation_level": "AUTOCOMMIT"}


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """Computes GX's metrics in DuckDB, all of a suite in as few scans as possible."""

    def __init__(self, *args: Any, fuse: bool = True, **kwargs: Any) -> None:
        self.fuse = fuse
        # What each metric raised: GX tells all that fail in one turn with the message of the last.
        self.raised: dict[str, str] = {}
        if kwargs.get("engine") is None:
            kwargs = {**_ENGINE, **kwargs}
        super().__init__(*args, **{"create_temp_table": False, **kwargs})
        # DuckDB's dialect is derived from this one, but GX knows LIKE and type names by module.
        self.dialect_module = postgresql
        # …and so are the words that it puts in quotes: DuckDB has more of them, such as "at".
        self.engine.dialect.identifier_preparer.reserved_words = set(_keywords())

    @contextmanager
    def get_connection(self) -> Iterator[sa.Connection]:
        """The engine's one connection."""
        if self._connection is None:
            self._connection = self.engine.connect()
        yield self._connection

    def get_domain_records(self, domain_kwargs: dict[str, Any]) -> sa.Selectable:
        """The rows that metrics are about, in a form that can stand after FROM.

        GX gives the rows of a condition as a bare SELECT, which half of its own metrics cannot use.
        """
        rows: sa.Selectable = super().get_domain_records(domain_kwargs)
        return rows.subquery() if isinstance(rows, sa.Select) else rows

    def close(self) -> None:
        """Close the connection and with it the in-memory database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        super().close()

    def resolve_metrics(
        self,
        metrics_to_resolve: Iterable[MetricConfiguration],
        metrics: dict[MetricConfigurationID, Any] | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> dict[MetricConfigurationID, Any]:
        """Resolve the metrics whose turn it is; GX asks for the others again."""
        wanted = list(metrics_to_resolve)
        if not self.fuse or not wanted:
            return super().resolve_metrics(wanted, metrics, runtime_configuration)
        turns: list[list[MetricConfiguration]] = [[], [], []]
        for metric in wanted:
            turns[self._turn(metric)].append(metric)
        if turns[0] or turns[1]:
            return super().resolve_metrics(turns[0] or turns[1], metrics, runtime_configuration)
        empty = [metric for metric in wanted if _nothing_to_show(metric, metrics or {})]
        resolved: dict[MetricConfigurationID, Any] = {metric.id: [] for metric in empty}
        rest = [metric for metric in wanted if metric.id not in resolved]
        if rest:
            resolved.update(super().resolve_metrics(rest, metrics, runtime_configuration))
        return resolved

    def resolve_metric_bundle(
        self, metric_fn_bundle: Iterable[MetricComputationConfiguration]
    ) -> dict[MetricConfigurationID, Any]:
        """Compute metrics in one SELECT for each domain; GX asks for them singly where it fails."""
        bundle = list(metric_fn_bundle)
        try:
            found: dict[MetricConfigurationID, Any] = super().resolve_metric_bundle(bundle)
        except Exception as error:
            if len(bundle) == 1:
                self.raised[str(bundle[0].metric_configuration.id)] = str(error)
            raise
        return found

    def _turn(self, metric: MetricConfiguration) -> int:
        if metric.metric_name.endswith(SAMPLES):
            return 2
        # A metric without a function of its own is an aggregate that GX bundles into a SELECT.
        _, function = get_metric_provider(metric.metric_name, self)
        return 1 if function is None else 0


@cache
def _keywords() -> frozenset[str]:
    """The words that DuckDB may take for its own where a name stands."""
    with duckdb.connect() as con:
        found = con.execute("SELECT keyword_name FROM duckdb_keywords()").fetchall()
    return frozenset(word for (word,) in found)


def _nothing_to_show(
    metric: MetricConfiguration, metrics: dict[MetricConfigurationID, Any]
) -> bool:
    """True for a sample of no rows, and where the count of unexpected values is known to be 0."""
    values = dict(metric.metric_value_kwargs)
    if values.pop("result_format", {}).get("partial_unexpected_count") == 0:
        return True
    name = metric.metric_name.rpartition(".")[0] + COUNT
    return metrics.get(MetricConfiguration(name, metric.metric_domain_kwargs, values).id) == 0


class DuckDBDatasource(SQLDatasource):
    """A DuckDB database as a GX datasource: ``context.data_sources.add_duckdb(…)``.

    With ``use`` it works on a connection that the caller opened and will close.
    """

    asset_types: ClassVar[list[type[DataAsset[Any, Any]]]] = [TableAsset, QueryAsset]
    type: Literal["duckdb"] = "duckdb"  # type: ignore[assignment]
    fuse: bool = True
    _shared: DuckDBExecutionEngine | None = pydantic.PrivateAttr(None)

    def use(self, con: duckdb.DuckDBPyConnection, *, fuse: bool = True) -> None:
        """Compute on this connection from now on, with nothing remembered from before."""
        engine = sa.create_engine(
            "duckdb://", creator=lambda: ConnectionWrapper(con.cursor()), **_ENGINE
        )
        self._shared = DuckDBExecutionEngine(engine=engine, fuse=fuse)

    @property
    def execution_engine_type(self) -> builtins.type[SqlAlchemyExecutionEngine]:
        """The engine that this datasource computes with."""
        return DuckDBExecutionEngine

    def get_execution_engine(self) -> SqlAlchemyExecutionEngine:
        """The engine on the connection in use, or on one of its own."""
        return self._shared or super().get_execution_engine()

    def get_engine(self) -> sa.Engine:
        """The execution engine's own: a database in memory is seen through its connection only."""
        return self.get_execution_engine().engine
