"""Seeded tables with faults in them, judged by GX on DuckDB and by GX on pandas."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from moulouya import duck
from moulouya.quality import running
from moulouya.quality.suite import Rule, compile_suite

# Names that are words of SQL, or not words at all.
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("order", pa.int64()),
        ("at", pa.timestamp("us")),
        ("day", pa.date32()),
        ("the value", pa.float64()),
        ("Größe", pa.float64()),
        ("text", pa.string()),
        ("label", pa.string()),
        ("flag", pa.bool_()),
        ("price", pa.decimal128(10, 2)),
    ]
)
TEXTS = (
    "بركان",
    "Oujda-Angad",
    "l'Oriental",
    'a "b"',
    "",
    " ",
    "IND-001",
    "100%",
    "a_b",
    "{x}",
    "é\n",
)
LABELS = ("a", "b", "c", "bb")


def corrupted(seed: int) -> list[dict[str, Any]]:
    """Rows with faults of every kind; now and then none at all, or a column without a value."""
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for number in range(rng.choice([0, 1, 2, 7, 20, 40])):
        rows.append(
            {
                "id": number,
                "order": number * rng.choice([1, 1, 1, 3]),
                "at": dt.datetime(2024, 1, 1) + dt.timedelta(hours=number),
                "day": dt.date(2024, 1, 1) + dt.timedelta(days=rng.randrange(40)),
                "the value": rng.choice([rng.uniform(0, 10), float(rng.randrange(10))]),
                "Größe": rng.gauss(5, 2),
                "text": rng.choice(TEXTS),
                "label": rng.choice(LABELS[:2]),
                "flag": rng.random() < 0.8,
                "price": round(rng.uniform(0, 100), 2),
            }
        )
    for _ in range(rng.randrange(8)):
        if rows:
            CORRUPTIONS[rng.randrange(len(CORRUPTIONS))](rows, rng)
    return rows


def _empty_cells(rows: list[dict[str, Any]], rng: random.Random) -> None:
    name = rng.choice(SCHEMA.names)
    for row in rng.sample(rows, max(1, len(rows) // 5)):
        row[name] = None


def _empty_column(rows: list[dict[str, Any]], rng: random.Random) -> None:
    name = rng.choice(SCHEMA.names[1:])
    for row in rows:
        row[name] = None


def _repeat_rows(rows: list[dict[str, Any]], rng: random.Random) -> None:
    rows.extend(dict(rng.choice(rows)) for _ in range(3))


def _shuffle(rows: list[dict[str, Any]], rng: random.Random) -> None:
    rng.shuffle(rows)


def _other_unit(rows: list[dict[str, Any]], rng: random.Random) -> None:
    name = rng.choice(["the value", "Größe", "order"])
    for row in rows:
        if row[name] is not None:
            row[name] *= -1000


def _outlier(rows: list[dict[str, Any]], rng: random.Random) -> None:
    rng.choice(rows)["Größe"] = 1e12


def _strange_text(rows: list[dict[str, Any]], rng: random.Random) -> None:
    row = rng.choice(rows)
    row[rng.choice(["text", "label"])] = rng.choice([*TEXTS, "zz"])


def _constant(rows: list[dict[str, Any]], rng: random.Random) -> None:
    name = rng.choice(SCHEMA.names)
    for row in rows:
        row[name] = rows[0][name]


def _old_day(rows: list[dict[str, Any]], rng: random.Random) -> None:
    rng.choice(rows)["day"] = dt.date(1899, 12, 31)


CORRUPTIONS = (_empty_cells, _empty_cells, _empty_column, _repeat_rows, _shuffle, _other_unit,
               _outlier, _strange_text, _constant, _old_day)  # fmt: skip


def arrow(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows as a table with the types of the schema."""
    columns = {}
    for field in SCHEMA:
        values = [row[field.name] for row in rows]
        if pa.types.is_decimal(field.type):
            values = [None if v is None else Decimal(str(v)) for v in values]
        columns[field.name] = pa.array(values, field.type)
    return pa.table(columns, schema=SCHEMA)


def on_duckdb(table: pa.Table, rules: Sequence[Rule], *, fuse: bool = True) -> dict[int, Any]:
    """GX's results on our engine."""
    with duck.connect() as con:
        con.register("arrived", table)
        con.execute("CREATE TABLE corrupted AS FROM arrived")
        suite = compile_suite("x", list(rules)).expectations
        return running.results(con, "corrupted", suite, ["id"], fuse=fuse)


def on_pandas(table: pa.Table, rules: Sequence[Rule]) -> dict[int, Any]:
    """GX's results on its own pandas engine."""
    frame = table.to_pandas(date_as_object=True)
    for name in ("text", "label"):
        frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    context = running.datasource().data_context
    source = context.data_sources.add_pandas("frames")
    try:
        batch = source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("all")
        found = batch.get_batch({"dataframe": frame}).validate(
            compile_suite("x", list(rules)),
            result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["id"],
                           "return_unexpected_index_query": False},
        )  # fmt: skip
    finally:
        context.data_sources.delete("frames")
    return {result.expectation_config.meta["rule"]: result for result in found.results}


def outcome(result: Any) -> tuple[Any, ...]:
    """What must be the same: whether it holds, the counts, and what was observed."""
    raised = _raised(result)
    if raised is not None:
        return ("raised", raised)
    found = dict(result.result)
    if "element_count" in found:  # what is counted in no row
        found["unexpected_count"] = found["unexpected_count"] or 0
    kept = ("unexpected_count", "missing_count", "element_count", "observed_value")
    return (bool(result.success), *(_plain(found.get(name)) for name in kept))


def _raised(result: Any) -> str | None:
    info = result.exception_info or {}
    every = [info] if "raised_exception" in info else list(info.values())
    return next((one["exception_message"] for one in every if one["raised_exception"]), None)


def _plain(value: Any) -> Any:
    if value is None or value is pd.NaT or isinstance(value, str):
        return None if value is pd.NaT else value
    if isinstance(value, bool | np.bool):
        return bool(value)
    if isinstance(value, list | tuple | set):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, dt.date):
        return str(value).removesuffix(" 00:00:00")
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return None if math.isnan(number) else float(f"{number:.9g}")
