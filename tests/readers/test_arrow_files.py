"""Arrow IPC: files and streams keep their types, and are whole or refused."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import feather

from moulouya.errors import ReadError
from small_workspace import rows_of

ARROW = {"format": "arrow"}
TABLE = pa.table(
    {
        "code": pa.array(["1", "2"]),
        "n": pa.array([5, None], pa.int16()),
        "share": pa.array([Decimal("1.50"), Decimal("2.25")], pa.decimal128(9, 2)),
        "day": pa.array([dt.date(2024, 9, 1)] * 2),
        "kind": pa.array(["x", "y"]).dictionary_encode(),
        "more": pa.array([{"a": [1]}, None]),
    }
)
COLUMNS = {"code": "text", "n": "integer", "share": "decimal(9,2)", "day": "date",
           "kind": "text", "more": "json"}  # fmt: skip
ROWS = [
    ("1", 5, Decimal("1.50"), dt.date(2024, 9, 1), "x", '{"a":[1]}'),
    ("2", None, Decimal("2.25"), dt.date(2024, 9, 1), "y", None),
]


def as_file(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=1)
    return sink.getvalue()


def as_stream(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=1)
    return sink.getvalue()


def as_feather(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    feather.write_feather(table, sink, compression="zstd")
    return sink.getvalue()


@pytest.mark.parametrize("written", [as_file, as_stream, as_feather])
def test_types_are_taken_over(staged, written):
    assert rows_of(staged(written(TABLE), COLUMNS, source=ARROW).table) == ROWS


@pytest.mark.parametrize("written", [as_file, as_stream])
@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.995])
def test_a_file_that_was_cut_off_is_refused(staged, written, keep):
    plain = TABLE.drop_columns(["kind"])
    body = written(pa.concat_tables([plain] * 50))
    columns = {name: kind for name, kind in COLUMNS.items() if name != "kind"}
    with pytest.raises(ReadError, match=r"x\.arrow"):
        staged({"x.arrow": body[: int(len(body) * keep)]}, columns, source=ARROW)


def test_a_stream_that_was_cut_between_its_batches_is_refused(staged):
    body = as_stream(TABLE.drop_columns(["kind"]))
    columns = {name: kind for name, kind in COLUMNS.items() if name != "kind"}
    with pytest.raises(ReadError, match="cut off"):
        staged(body[:-8], columns, source=ARROW)


@pytest.mark.parametrize("body", [b"", b"ARROW1", b"ARROW1\0\0ARROW1", b"FEA1xxxx", b"code\n1\n"])
def test_what_is_no_arrow_is_refused(staged, body):
    with pytest.raises(ReadError, match=r"x\.arrow"):
        staged({"x.arrow": body}, {"code": "text"}, source=ARROW)


def test_a_type_that_no_table_has_is_told(staged):
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array(["x"])])
    with pytest.raises(ReadError, match="not readable Arrow"):
        staged(as_file(pa.table({"code": union})), {"code": "text"}, source=ARROW)
