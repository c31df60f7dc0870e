"""Parquet: typed already; only what does not fit the contract is rejected."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moulouya.errors import ReadError
from small_workspace import rows_of

PARQUET = {"format": "parquet"}


@pytest.fixture
def parquet(tmp_path):
    def call(query: str) -> dict[str, bytes]:
        path = tmp_path / "made.parquet"
        with duckdb.connect() as con:
            con.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
        return {"x.parquet": path.read_bytes()}

    return call


def test_types_that_fit_are_taken_over(staged, parquet):
    files = parquet(
        "SELECT 1::SMALLINT AS code, 'a' AS name, 1.50::DECIMAL(9,2) AS share, "
        "DATE '2024-09-01' AS day, true AS yes, 2.5::FLOAT AS x"
    )
    columns = {"code": "integer", "name": "text", "share": "decimal(4,2)", "day": "date",
               "yes": "boolean", "x": "number"}  # fmt: skip
    assert rows_of(staged(files, columns, source=PARQUET).table) == [
        (1, "a", Decimal("1.50"), dt.date(2024, 9, 1), True, 2.5)
    ]


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("12.7::DOUBLE", "integer"),
        ("'12.7'", "integer"),
        ("'x'", "integer"),
        ("1e30::DOUBLE", "integer"),
        ("18446744073709551615::UBIGINT", "integer"),
        ("'nan'::DOUBLE", "number"),
        ("'inf'::DOUBLE", "number"),
        ("123.45::DECIMAL(9,2)", "decimal(3,2)"),
        ("1.239::DECIMAL(9,3)", "decimal(4,2)"),
        ("'x'", "date"),
        ("5", "boolean"),
        ("9007199254740993::BIGINT", "number"),
        ("TIMESTAMP '2024-09-01 12:00:00'", "date"),
    ],
)
def test_a_value_that_does_not_fit_is_rejected_never_changed(staged, parquet, value, type_):
    files = parquet(f"SELECT 1 AS code, {value} AS x UNION ALL SELECT 2, NULL")
    result = staged(files, {"code": "integer", "x": type_}, source=PARQUET)
    assert rows_of(result.table) == [(2, None)]
    assert rows_of(result.rejects, "file, record, line") == [("x.parquet", 1, None)]


def test_a_missing_column_names_the_close_one(staged, parquet):
    with pytest.raises(ReadError, match=r"no column 'name' .*did you mean 'names'"):
        staged(parquet("SELECT 1 AS code, 'a' AS names"), {"code": "integer", "name": "text"},
               source=PARQUET)  # fmt: skip


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"code,name\n1,a\n", "cut", "flipped"])
def test_a_damaged_file_is_refused(staged, parquet, damage):
    body = parquet("SELECT range AS code FROM range(1000)")["x.parquet"]
    if damage == "cut":
        damage = body[: len(body) // 2]
    elif damage == "flipped":
        footer = int.from_bytes(body[-8:-4], "little")
        damage = body[: -8 - footer] + bytes(footer) + body[-8:]
    with pytest.raises(ReadError, match=r"x\.parquet"):
        staged({"x.parquet": damage}, {"code": "integer"}, source=PARQUET)


def test_nested_values_are_json(staged, parquet):
    files = parquet("SELECT 1 AS code, [1, NULL] AS list, {'a': {'b': 'x'}} AS object")
    columns = {"code": "integer", "list": "json", "object": "json"}
    assert rows_of(staged(files, columns, source=PARQUET).table) == [
        (1, "[1,null]", '{"a":{"b":"x"}}')
    ]


def test_bytes_that_are_text_are_text_and_others_are_refused_where_they_are_wanted(staged, parquet):
    files = parquet("SELECT 1 AS code, encode('é') AS old, '\\xFF\\xFE'::BLOB AS image")
    columns = {"code": "integer", "old": "text"}
    assert rows_of(staged(files, columns, source=PARQUET).table) == [(1, "é")]
    with pytest.raises(ReadError, match="'image' has bytes that are no text"):
        staged(files, {**columns, "image": "text"}, source=PARQUET)


def test_a_page_that_is_not_that_of_its_checksum_is_refused(staged):
    content = io.BytesIO()
    table = pa.table({"code": pa.array(range(1000))})
    pq.write_table(table, content, write_page_checksum=True, compression="none",
                   use_dictionary=False)  # fmt: skip
    body = bytearray(content.getvalue())
    place = body.index((500).to_bytes(8, "little"))
    assert staged({"x.parquet": bytes(body)}, {"code": "integer"}, source=PARQUET).rows == 1000
    body[place] ^= 1
    with pytest.raises(ReadError, match="damaged"):
        staged({"x.parquet": bytes(body)}, {"code": "integer"}, source=PARQUET)


def test_an_encrypted_file_is_told(staged):
    with pytest.raises(ReadError, match="is encrypted"):
        staged(b"PARE" + bytes(100) + b"PARE", {"code": "integer"}, source=PARQUET)
