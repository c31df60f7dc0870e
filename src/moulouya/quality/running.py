"""Great Expectations at work: a list of expectations, a table of an open connection, results."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import duckdb
import great_expectations as gx
from great_expectations.core import ExpectationSuite, ExpectationValidationResult
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.datasource.fluent.interfaces import Batch
from great_expectations.expectations.core.unexpected_rows_expectation import (
    UnexpectedRowsExpectation as UnexpectedRows,
)
from great_expectations.expectations.expectation import Expectation

from moulouya.quality import metrics, ordered, uniqueness
from moulouya.quality.engine import DuckDBDatasource

# What DuckDB computes by itself: the imports register it with GX.
REGISTERED = (metrics, ordered, uniqueness)
MOST_ROWS = 10
# What they observe is a sum of floating-point numbers, which depends on the order of its parts.
IN_ORDER = frozenset({
    "expect_column_kl_divergence_to_be_less_than",
    "expect_column_mean_to_be_between",
    "expect_column_stdev_to_be_between",
    "expect_column_sum_to_be_between",
    "expect_column_value_z_scores_to_be_less_than",
    "expect_column_values_to_not_be_outliers",
})  # fmt: skip
ONE_THREAD = "SET threads = 1"
_lock = threading.Lock()


def results(
    con: duckdb.DuckDBPyConnection,
    name: str,
    expectations: Sequence[Expectation],
    key: list[str],
    *,
    fuse: bool,
) -> dict[int, ExpectationValidationResult]:
    """GX's results by the number of the rule.

    Rules are counted first, and those with something to show are run again for their rows: GX
    plans every sample in advance, which costs more than the counts of a sound table. One thread
    computes what depends on the order of rows, so that the same table gives the same results.
    """
    queries = [one for one in expectations if isinstance(one, UnexpectedRows)]
    others = [one for one in expectations if not isinstance(one, UnexpectedRows)]
    sample: dict[str, Any] = {"partial_unexpected_count": MOST_ROWS}
    if key:
        sample["unexpected_index_column_names"] = key
    with batch(con, name, fuse=fuse) as rows:
        if any(one.expectation_type in IN_ORDER for one in others):
            con.execute(ONE_THREAD)
        found = _results_as(rows, others, result_format="BASIC", partial_unexpected_count=0)
        shown = [one for one in others if _broken(found.get(_rule(one.meta)))]
        if shown or queries:
            con.execute(ONE_THREAD)
        found |= _results_as(rows, shown, result_format="SUMMARY", **sample)
        # The rows of a query come only in the form that would fetch every value of a rule.
        found |= _results_as(rows, queries, result_format="COMPLETE", **sample)
    return found


def _results_as(
    rows: Batch, expectations: Sequence[Expectation], **result_format: Any
) -> dict[int, ExpectationValidationResult]:
    if not expectations:
        return {}
    part = ExpectationSuite(name="part", expectations=list(expectations))
    form = {"return_unexpected_index_query": False, **result_format}
    results = rows.validate(part, result_format=form).results
    raised = getattr(rows.data.execution_engine, "raised", {})
    for result in results:
        for metric, info in (result.exception_info or {}).items():
            if metric in raised:
                info["exception_message"] = raised[metric]
    return {_number(result): result for result in results}


def _broken(result: ExpectationValidationResult | None) -> bool:
    return result is not None and bool(result.result.get("unexpected_count"))


def _number(result: ExpectationValidationResult) -> int:
    assert result.expectation_config is not None
    return _rule(result.expectation_config.meta)


def _rule(meta: dict[str, Any] | None) -> int:
    assert meta is not None
    return int(meta["rule"])


@contextmanager
def batch(con: duckdb.DuckDBPyConnection, name: str, *, fuse: bool = True) -> Iterator[Batch]:
    """A table or view of an open connection as a GX batch; one at a time in a process."""
    with _lock:
        source = datasource()
        source.use(con, fuse=fuse)
        asset = source.add_table_asset(name, table_name=name)
        try:
            yield asset.get_batch(asset.build_batch_request())
        finally:
            source.delete_asset(name)
            source.get_execution_engine().close()


@cache
def datasource() -> DuckDBDatasource:
    """One for the process: GX needs a tenth of a second to make its context."""
    # Nothing is sent anywhere, no bar is drawn, and no folder for Data Docs is left behind.
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    source: DuckDBDatasource = context.data_sources.add_duckdb(
        "moulouya", connection_string="duckdb:///:memory:"
    )
    return source
