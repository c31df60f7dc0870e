"""Whatever a table holds, staging gives the same rows back."""

from __future__ import annotations

import csv
import datetime as dt
import io
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from small_workspace import rows_of, stage_bytes

GENTLY = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
# Surrogates are no text; NUL is refused by DuckDB's reader (its own test).
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def staged_rows(
    rows: list[list[Any]], columns: dict[str, Any], **dialect: Any
) -> tuple[list[Any], int]:
    """Write rows as CSV, stage them, and return them in the order they were written."""
    text = io.StringIO(newline="")
    written = csv.writer(text, delimiter=dialect.get("delimiter", ","))
    written.writerow(["n", *columns])
    written.writerows([n, *row] for n, row in enumerate(rows))
    with tempfile.TemporaryDirectory() as folder:
        result = stage_bytes(
            Path(folder),
            text.getvalue().encode(dialect.get("encoding", "utf-8")),
            {"n": "integer", **columns},
            source={"dialect": dialect},
        )
        return [list(row[1:]) for row in rows_of(result.table)], result.rejected


@GENTLY
@given(st.lists(st.lists(TEXTS, min_size=3, max_size=3), max_size=6))
def test_texts_come_back_as_they_were_written(rows):
    expected = [[value or None for value in row] for row in rows]
    columns = {"a": "text", "b": "text", "c": "text"}
    assert staged_rows(rows, columns) == (expected, 0)


@GENTLY
@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=6))
def test_texts_come_back_through_another_encoding_and_delimiter(rows):
    expected = [[value or None for value in row] for row in rows]
    found = staged_rows(rows, {"a": "text", "b": "text"}, encoding="utf-16", delimiter=";")
    assert found == (expected, 0)


@GENTLY
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=8))
def test_integers_come_back(values):
    assert staged_rows([[v] for v in values], {"x": "integer"}) == ([[v] for v in values], 0)


@GENTLY
@given(st.lists(st.decimals(-(10**12), 10**12, places=4), min_size=1, max_size=8))
def test_decimals_come_back(values):
    found, rejected = staged_rows([[format(v, "f")] for v in values], {"x": "decimal(18,4)"})
    assert ([row[0] for row in found], rejected) == (values, 0)


@GENTLY
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_numbers_come_back(values):
    assert staged_rows([[repr(v)] for v in values], {"x": "number"}) == ([[v] for v in values], 0)


@GENTLY
@given(st.lists(st.dates(dt.date(1000, 1, 1)), min_size=1, max_size=8))
def test_dates_come_back(values):
    assert staged_rows([[v.isoformat()] for v in values], {"x": "date"}) == (
        [[v] for v in values],
        0,
    )


@GENTLY
@given(
    st.lists(
        st.one_of(
            st.decimals(-(10**6), 10**6, places=3).map(lambda v: format(v, "f")),
            st.from_regex(r"[ +-]?[0-9]{0,4}[.,]?[0-9]{0,4}(e-?[0-9])?", fullmatch=True),
            st.sampled_from(["nan", "inf", "-inf", "0x1F", "1_000", "true", "12.7", "1e400"]),
            TEXTS,
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_value_is_either_the_same_number_or_rejected(texts):
    rows, rejected = staged_rows(
        [[text] * 3 for text in texts],
        {"x": {"type": "text"}, "y": "integer", "z": "decimal(9,2)"},
    )
    assert len(rows) + rejected == len(texts)
    for text, whole, exact in rows:
        if text is None:
            assert (whole, exact) == (None, None)
        else:
            assert Decimal(whole) == exact == Decimal(text.strip())
