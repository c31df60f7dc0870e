"""Records are found alike however a file is cut into blocks, and in whatever encoding it is."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moulouya import duck
from moulouya.definition import Reading
from moulouya.readers.delimited import csv as delimited
from moulouya.readers.delimited import gate

GENTLY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
LETTERS = st.sampled_from(list("ab ,;\"'\n\r|é\u0661\\"))
ROWS = st.lists(
    st.lists(st.text(LETTERS, max_size=9), min_size=3, max_size=3), min_size=1, max_size=12
)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(gate, "BLOCK", 48)
    monkeypatch.setattr(gate, "SMALLEST_WINDOW", 5)


def read(body: bytes, dialect: dict[str, Any]) -> tuple[list[list[str]], list[int]]:
    """The rows, and the lines of the records that are none."""
    with tempfile.TemporaryDirectory() as scratch, duck.connect() as con:
        path = Path(scratch) / "sample.csv"
        path.write_bytes(body)
        source = Reading.model_validate({"format": "csv", "dialect": dialect})
        raw = delimited.read(con, [path], source, Path(scratch))
        found = con.execute(f"SELECT * EXCLUDE filename FROM {raw.relation}").fetchall()
        assert len(found) == raw.rows
        return [[value or "" for value in row] for row in found], [
            bad.line for bad in raw.malformed()
        ]


@GENTLY
@given(
    ROWS,
    st.sampled_from([",", ";", "|", "ab"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-be"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
)
def test_rows_come_back_as_they_were_written(rows, delimiter, end, encoding, quoting):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter="\x1f", lineterminator="\x1e", quoting=quoting)
    writer.writerows([["x", "y", "z"], *rows])
    body = text.getvalue().replace("\x1f", delimiter).replace("\x1e", end).encode(encoding)
    found = read(body, {"delimiter": delimiter, "encoding": encoding})
    assert found == (rows, [])


@GENTLY
@given(
    st.lists(st.sampled_from(["1,2,3", '1,"2,3', '"1"2,3', "1,2", '"a\nb",2,3', ""]), max_size=9)
)
def test_what_is_broken_is_rejected_at_its_line_in_blocks_of_any_size(records):
    body = "\n".join(["x,y,z", "0,0,0", *records, ""]).encode()
    strict = {"stray_quotes": "reject"}
    rows, lines = read(body, strict)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("BLOCK", "SMALLEST_WINDOW"):
            patch.setattr(gate, name, 1 << 20)
        assert read(body, strict) == (rows, lines)
    assert all(row in (["0", "0", "0"], ["1", "2", "3"], ["a\nb", "2", "3"]) for row in rows)
