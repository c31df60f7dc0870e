"""The rules of the benchmark ``validation`` as two peers have them, each over a frame in memory.

A function reads a Parquet file and judges it: the CPU seconds that took and the number of rules
that are broken.
"""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from typing import Any

from benchmarks.validation import COLUMNS, RULES

FIRST, LAST = dt.date(2015, 1, 1), dt.date(2026, 12, 31)


def pandera_on_polars(path: Path) -> tuple[float, int]:
    """Pandera with polars; eager, as over a LazyFrame it looks at nothing but the schema."""
    import pandera.polars as pa
    import polars as pl

    types = {
        "integer": pl.Int64,
        "number": pl.Float64,
        "text": pl.String,
        "date": pl.Date,
        "decimal(12,2)": pl.Decimal(12, 2),
    }

    def checks(name: str) -> list[Any]:
        column = COLUMNS[name]
        found = []
        if "range" in column:
            low, high = (FIRST, LAST) if column["type"] == "date" else column["range"]
            found.append(pa.Check.in_range(low, high))
        if "values" in column:
            found.append(pa.Check.isin(column["values"]))
        if "pattern" in column:
            found.append(pa.Check.str_matches(column["pattern"]))
        return found + {
            "label": [pa.Check.str_length(3, 80)],
            "value": [pa.Check(lambda data: _one(data, pl.col(data.key).mean(), 4000, 6000))],
            "quantity": [pa.Check(lambda data: _one(data, pl.col(data.key).max(), 100, 5000))],
        }.get(name, [])

    schema = pa.DataFrameSchema(
        {
            name: pa.Column(
                types[column["type"]],
                checks(name),
                nullable=name != "id" and not column.get("required", False),
                unique=name == "id",
            )
            for name, column in COLUMNS.items()
        },
        checks=[pa.Check(lambda data: _one(data, pl.len(), 1, 10**12))],
        strict=True,
        ordered=True,
    )
    # Its checks, and: names in order, types, no empty value (four columns), one unique column.
    every = sum(len(checks(name)) for name in COLUMNS) + len(schema.checks) + 1 + 1 + 4 + 1
    assert every == RULES, every
    start = time.process_time()
    frame = pl.read_parquet(path)
    failed = 0
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        failed = len(errors.schema_errors)
    return time.process_time() - start, failed


def _one(data: Any, expression: Any, low: float, high: float) -> Any:
    return data.lazyframe.select(expression.is_between(low, high))


def gx_on_pandas(path: Path) -> tuple[float, int]:
    """Great Expectations with pandas, which gives only whether a rule holds.

    The types of all columns are one rule of ours; here it is the type of one column.
    """
    import pandas as pd
    from great_expectations.core import ExpectationSuite
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    from moulouya.quality import running

    rules: list[tuple[str, dict[str, Any]]] = [
        ("expect_table_row_count_to_be_between", {"min_value": 1}),
        ("expect_table_columns_to_match_ordered_list", {"column_list": list(COLUMNS)}),
        ("expect_column_values_to_be_of_type", {"column": "value", "type_": "float64"}),
        ("expect_column_values_to_be_unique", {"column": "id"}),
        (
            "expect_column_value_lengths_to_be_between",
            {"column": "label", "min_value": 3, "max_value": 80},
        ),
        (
            "expect_column_mean_to_be_between",
            {"column": "value", "min_value": 4000, "max_value": 6000},
        ),
        (
            "expect_column_max_to_be_between",
            {"column": "quantity", "min_value": 100, "max_value": 5000},
        ),
    ]
    for name, column in COLUMNS.items():
        this = {"column": name}
        if column.get("required") or name == "id":
            rules.append(("expect_column_values_to_not_be_null", this))
        if "pattern" in column:
            kwargs = {**this, "regex": column["pattern"]}
            rules.append(("expect_column_values_to_match_regex", kwargs))
        if "range" in column:
            low, high = (FIRST, LAST) if column["type"] == "date" else column["range"]
            kwargs = {**this, "min_value": low, "max_value": high}
            rules.append(("expect_column_values_to_be_between", kwargs))
        if "values" in column:
            kwargs = {**this, "value_set": column["values"]}
            rules.append(("expect_column_values_to_be_in_set", kwargs))
    assert len(rules) == RULES, len(rules)
    made = [
        ExpectationConfiguration(type=name, kwargs=kwargs).to_domain_obj() for name, kwargs in rules
    ]
    suite = ExpectationSuite(name="rules", expectations=made)
    context = running.datasource().data_context
    source = context.data_sources.add_pandas("frames")
    whole = source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("all")
    start = time.process_time()
    batch = whole.get_batch({"dataframe": pd.read_parquet(path)})
    found = batch.validate(suite, result_format="BOOLEAN_ONLY").results
    seconds = time.process_time() - start
    context.data_sources.delete("frames")
    return seconds, sum(not result.success for result in found)
