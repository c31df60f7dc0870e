"""``moulouya read``: any file ends in rows and a report, or in one sentence."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from typer.testing import CliRunner

from moulouya.cli import app
from small_workspace import definition, rows_of

CSV = b"code,n\na,1\nb,2\n"
RECORDS = [{"code": "a", "n": 1}, {"code": "b", "n": 2}]
TABLE = pa.table({"code": ["a", "b"], "n": [1, 2]})
XML = b"<list><item><code>a</code><n>1</n></item><item><code>b</code><n>2</n></item></list>"
HTML = b"<html><table><tr><th>code<th>n<tr><td>a<td>1<tr><td>b<td>2</table>"
GEOJSON = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": record,
            "geometry": {"type": "Point", "coordinates": [-2.3, 34.9]},
        }
        for record in RECORDS
    ],
}
ROWS = [("a", 1), ("b", 2)]


def zipped(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, body in members.items():
            archive.writestr(name.replace("_", "."), body)
    return content.getvalue()


def tarred(name: str, body: bytes) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(body)
        archive.addfile(entry, io.BytesIO(body))
    return content.getvalue()


def workbook(**sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def parquet() -> bytes:
    content = io.BytesIO()
    pq.write_table(TABLE, content)
    return content.getvalue()


def arrow() -> bytes:
    content = io.BytesIO()
    with pa.ipc.new_file(content, TABLE.schema) as writer:
        writer.write_table(TABLE)
    return content.getvalue()


SHEET = [["code", "n"], ["a", 1], ["b", 2]]


@pytest.fixture
def read(workspace, tmp_path):
    def call(body: bytes, *more: str, name: str = "sample", code: int = 0) -> dict[str, Any]:
        sample, out, report = tmp_path / name, tmp_path / "out.parquet", tmp_path / "report.json"
        sample.write_bytes(body)
        result = CliRunner().invoke(
            app, ["read", str(sample), "--out", str(out), "--report", str(report), "--workspace",
                  str(workspace.root), *more],
        )  # fmt: skip
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        if code:
            assert not out.exists()
            return {"output": result.output + (result.stderr or "")}
        return {**json.loads(report.read_text()), "table": rows_of(out)}

    return call


@pytest.mark.parametrize(
    ("body", "format", "reading"),
    [
        (CSV, "csv", {}),
        (gzip.compress(CSV, mtime=0), "csv", {"compression": "gzip"}),
        (bz2.compress(CSV), "csv", {"compression": "bzip2"}),
        (zstandard.compress(CSV), "csv", {"compression": "zstd"}),
        (zipped(x_csv=CSV), "csv", {"archive": {"kind": "zip", "members": "x.csv"}}),
        (tarred("d/x.csv", CSV), "csv", {"archive": {"kind": "tar", "members": "d/x.csv"}}),
        (zipped(x_json=json.dumps(RECORDS).encode()), "json", {}),
        (json.dumps(RECORDS).encode(), "json", {}),
        (json.dumps({"a": {"b": RECORDS}}).encode(), "json", {"records": "a.b"}),
        (json.dumps([{"page": 1}, RECORDS]).encode(), "json", {"records": "[1]"}),
        (json.dumps({"x": {"code": ["a", "b"], "n": [1, 2]}}).encode(), "json",
         {"records": "x", "columnar": True}),
        (json.dumps({"x": {"code": "a", "n": 1}, "y": {"code": "b", "n": 2}, "z": {"code": "c"}})
         .encode(), "json", {"records": "*"}),
        ("\n".join(map(json.dumps, RECORDS)).encode(), "ndjson", {}),
        (json.dumps(RECORDS).encode("utf-16"), "json", {}),
        (XML, "xml", {"records": "list/item"}),
        (HTML, "html", {}),
        (workbook(A=SHEET), "xlsx", {}),
        (workbook(A=[["notes"], [None], *SHEET]), "xlsx", {"sheet": {"header": 3}}),
        (workbook(Notes=[["x"]], Data=SHEET), "xlsx", {"sheet": {"name": "Data"}}),
        (parquet(), "parquet", {}),
        (arrow(), "arrow", {}),
    ],
)  # fmt: skip
def test_the_bytes_say_what_a_file_is(read, body, format, reading):
    found = read(body, name="sample.bin")
    assert found["format"] == format
    assert reading.items() <= found["reading"].items()
    types = {column["from"]: column["type"] for column in found["columns"]}
    assert (types["code"], types["n"]) == ("text", "integer")
    code, n = (list(types).index(name) for name in ("code", "n"))
    assert [(row[code], row[n]) for row in found["table"]][:2] == ROWS


def test_the_suffix_does_not_decide(read):
    assert read(json.dumps(RECORDS).encode(), name="sample.csv")["format"] == "json"


def test_shapes_are_written_as_geometry(read, tmp_path):
    found = read(json.dumps(GEOJSON).encode())
    assert found["format"] == "geojson"
    assert "geometry" in {column["type"] for column in found["columns"]}
    assert b"geo" in pq.read_metadata(tmp_path / "out.parquet").metadata


def test_rows_stay_in_the_order_of_the_file_and_none_is_lost(read):
    found = read(b"code,n\nb,1\na,\nb,1\n,\n")
    assert found["rejected"] == 0
    assert found["table"][:3] == [("b", 1), ("a", None), ("b", 1)]


def test_as_text_nothing_is_typed(read):
    found = read(b"code,day\n1,2024-09-01\n", "--text")
    assert found["table"] == [("1", "2024-09-01")]
    assert {column["type"] for column in found["columns"]} == {"text"}


def test_what_was_guessed_is_told(read):
    found = read(workbook(Notes=[["x"]], Data=[["Title"], *SHEET]))
    assert "of the sheets Notes, Data 'Data' was read" in found["warnings"]
    assert "row 2 was taken for the header" in found["warnings"]
    assert read(parquet())["warnings"] == []


def test_broken_rows_are_counted_and_shown(read):
    found = read(b'{"code": "a"}\nnonsense\n{"code": "b"}\n')
    assert (found["rows"], found["rejected"]) == (2, 1)
    assert (found["rejects"][0]["line"], found["rejects"][0]["original"]) == (2, "nonsense")


@pytest.mark.parametrize(
    ("body", "option", "value"),
    [
        (workbook(A=SHEET, B=[["code", "n"], ["x", 9]]), "--sheet", "B"),
        (HTML + HTML.replace(b">a", b">x").replace(b">1", b">9"), "--table", "2"),
        (json.dumps({"a": RECORDS, "b": [{"code": "x", "n": 9}]}).encode(), "--records", "b"),
        (XML.replace(b"</list>", b"<e><code>x</code><n>9</n></e></list>"), "--records", "list/e"),
    ],
)
def test_a_person_chooses_where_there_are_several_tables(read, body, option, value):
    assert read(body)["table"] == ROWS
    assert read(body, option, value)["table"][0] == ("x", 9)


def test_a_choice_beside_a_contract_is_wrong_usage(read, workspace, tmp_path):
    contract = workspace.write_yaml("c.yml", definition("sample"))
    read(CSV, "--contract", str(contract), "--text", code=2)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"%PDF-1.7 ...",
        b"\x89PNG\r\n\x1a\n" + bytes(50),
        b"{broken",
        b"[1, 2]",
        b"<a>",
        b"<html><p>nothing here</html>",
        b"<!DOCTYPE a [<!ENTITY x 'y'>]><a><b/></a>",
        b"PAR1" + bytes(40) + b"PAR1",
        b"ARROW1" + bytes(40),
        b"PK\x03\x04" + bytes(40),
        bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000),
        b"\x1f\x8b" + bytes(30),
        gzip.compress(CSV * 99, mtime=0)[:60],
        b"BZh91AY&SY" + bytes(30),
        b"\x28\xb5\x2f\xfd" + bytes(30),
        b"SQLite format 3\0" + bytes(4000),
        zipped(),
        zipped(x_csv=b""),
        workbook(A=[]),
        bytes(range(256)) * 40,
    ],
)
def test_what_cannot_be_read_is_one_sentence_and_exit_code_1(read, body):
    assert "error" in read(body, code=1)["output"]


@pytest.mark.parametrize("name", ["zip-slip"])
def test_real_files_made_to_harm_end_in_rows_or_one_sentence(
    shared_data, workspace, tmp_path, name
):
    for path in sorted((shared_data / "robustness" / name).iterdir()):
        result = CliRunner().invoke(
            app, ["read", str(path), "--out", str(tmp_path / "x.parquet"), "--workspace",
                  str(workspace.root)],
        )  # fmt: skip
        assert result.exit_code in (0, 1), path
        assert "Traceback" not in result.output
    assert not Path("/tmp/evil.txt").exists()


def test_the_written_file_is_read_by_duckdb(read, tmp_path):
    read(CSV)
    with duckdb.connect() as con:
        table = con.execute(f"DESCRIBE FROM '{tmp_path / 'out.parquet'}'").fetchall()
    assert [row[:2] for row in table] == [("code", "VARCHAR"), ("n", "BIGINT")]
