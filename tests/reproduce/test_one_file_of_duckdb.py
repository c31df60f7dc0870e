"""The DuckDB file of a version: the same rows give the same bytes, whatever memory held before."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from moulouya import standalone
from reproduce.files import hashes
from small_workspace import bare_dataset

KINDS = {
    "a": ("integer", "CASE WHEN i % 3 > 0 THEN i * 7919 % 1000 END"),
    "b": ("decimal(9,2)", "CASE WHEN i % 7 > 0 THEN (i % 900)::DECIMAL(9,2) END"),
    "c": ("boolean", "CASE WHEN i % 5 > 0 THEN i % 2 = 0 END"),
    "d": ("date", "CASE WHEN i % 4 > 0 THEN DATE '2000-01-01' + (i % 3000)::INTEGER END"),
    "e": ("number", "CASE WHEN i % 6 > 0 THEN (i % 1013) / 7 END"),
    "f": ("text", "'a long text of some words ' || hash(i)"),
    "g": ("text", "CASE WHEN i % 9 > 0 THEN 'وجدة ' || i % 40 END"),
    "h": ("datetime", "CASE WHEN i % 4 > 0 THEN TIMESTAMPTZ '2000-01-01 00:00:00Z' + "
                      "to_seconds(i % 900) END"),
}  # fmt: skip


@pytest.mark.parametrize("rows", [1, 595, 5000, 130_000])
def test_the_same_rows_give_the_same_bytes(settings, tmp_path, rows):
    table = made(tmp_path, rows)
    definition = bare_dataset({name: kind for name, (kind, _) in KINDS.items()}, ["a"]).definition
    for number in range(4):
        noise = [os.urandom(size) for size in range(100, 20_000, 70)]
        del noise[::2]  # what new memory holds is another thing each time
        (tmp_path / "made" / str(number)).mkdir(parents=True)
        standalone.write(
            table,
            tmp_path / "made" / str(number) / "sample.duckdb",
            "sample",
            definition,
            settings=settings.model_copy(update={"threads": number + 1}),
            spill=tmp_path / "spill",
        )
    assert len(set(hashes(tmp_path / "made").values())) == 1
    with duckdb.connect(str(tmp_path / "made" / "0" / "sample.duckdb"), read_only=True) as con:
        same = con.execute(
            f"SELECT count(*) FROM (FROM sample EXCEPT ALL FROM read_parquet('{table}'))"
        ).fetchone()
        assert same == (0,)
        assert con.execute("SELECT count(*) FROM sample").fetchone() == (rows,)


def made(folder: Path, rows: int) -> Path:
    selected = ", ".join(f"{sql} AS {name}" for name, (_, sql) in KINDS.items())
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT {selected} FROM range({rows}) r(i)) TO '{folder}/t.parquet'")
    return folder / "t.parquet"
