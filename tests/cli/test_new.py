"""``moulouya new``: a draft from a sample checks and runs at once."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import duckdb
import pytest
import xlsxwriter
from typer.testing import CliRunner

from moulouya.cli import app
from small_workspace import SmallWorkspace


@pytest.fixture
def new(workspace: SmallWorkspace, monkeypatch, tmp_path):
    monkeypatch.setenv("MOULOUYA_LAKE", str(workspace.settings.lake_root))

    def call(content: bytes, name: str = "sample.csv", *arguments: str, code: int = 0) -> str:
        sample = tmp_path / name
        sample.write_bytes(content)
        result = CliRunner().invoke(
            app, ["new", "drafted", "--from", str(sample), "--workspace", str(workspace.root),
                  *arguments],
        )  # fmt: skip
        assert result.exit_code == code, result.output
        return result.output

    return call


def assert_it_runs(workspace: SmallWorkspace, rows: list) -> None:
    assert workspace.faults() == []
    (record,) = workspace.run("drafted")
    assert record["outcome"] == "published", record["error"]
    assert record["rejected"] == 0
    assert workspace.published("drafted") == rows


CSV = (
    "Code géo,Nom,Population,Taux (%),Jour\n"
    "01,Berkane,100,1.5,2024-09-01\n"
    "02,وجدة,200,2.25,2024-09-02\n"
)
CSV_ROWS = [("01", "Berkane", 100), ("02", "وجدة", 200)]


@pytest.mark.parametrize("packed", [False, True])
def test_a_csv_sample_checks_and_runs(workspace, new, packed):
    body = CSV.encode()
    new(
        gzip.compress(body, mtime=0) if packed else body,
        "sample.csv.gz" if packed else "sample.csv",
    )
    columns = workspace.dataset("drafted").definition.columns
    assert {name: column.type for name, column in columns.items()} == {
        "code_geo": "text", "nom": "text", "population": "integer", "taux": "number", "jour": "date"
    }  # fmt: skip
    assert workspace.faults() == []
    assert workspace.outcome("drafted") == "published"
    assert [row[:3] for row in workspace.published("drafted")] == CSV_ROWS


@pytest.mark.parametrize(
    ("body", "dialect"),
    [
        ("code;nom\n01;é\n02;b\n".encode("cp1252"), {"delimiter": ";", "encoding": "cp1252"}),
        ("code\tnom\n01\té\n02\tb\n".encode(), {"delimiter": "\t", "encoding": "utf-8"}),
        ("code|nom\n01|é\n02|b\n".encode(), {"delimiter": "|", "encoding": "utf-8"}),
    ],
)
def test_the_dialect_of_a_sample_is_found(workspace, new, body, dialect):
    new(body)
    found = workspace.dataset("drafted").definition.source.dialect
    assert found.delimiter == dialect["delimiter"]
    assert "é".encode(found.encoding) == "é".encode(dialect["encoding"])
    assert_it_runs(workspace, [("01", "é"), ("02", "b")])


RECORDS = [{"code": "a1", "n": 5, "more": {"x": [1]}}, {"code": "a2", "n": 6, "more": {"x": []}}]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (json.dumps(RECORDS), "sample.json"),
        (json.dumps({"meta": {}, "result": {"records": RECORDS}}), "sample.json"),
        ("\n".join(map(json.dumps, RECORDS)), "sample.ndjson"),
    ],
)
def test_a_json_sample_checks_and_runs(workspace, new, content, name):
    new(content.encode(), name)
    columns = workspace.dataset("drafted").definition.columns
    assert [column.type for column in columns.values()] == ["text", "integer", "json"]
    assert_it_runs(workspace, [("a1", 5, '{"x":[1]}'), ("a2", 6, '{"x":[]}')])


def test_a_parquet_sample_checks_and_runs(workspace, new, tmp_path):
    made = tmp_path / "made.parquet"
    with duckdb.connect() as con:
        con.execute(
            "COPY (SELECT 'a' || range AS code, range AS n, true AS yes, "
            f"1.50::DECIMAL(9,2) AS share FROM range(2)) TO '{made}' (FORMAT parquet)"
        )
    new(made.read_bytes(), "sample.parquet")
    from decimal import Decimal

    share = Decimal("1.50")
    assert_it_runs(workspace, [("a0", 0, True, share), ("a1", 1, True, share)])


def test_a_sample_from_outside_is_kept_in_the_workspace(workspace, new):
    new(CSV.encode())
    assert workspace.dataset("drafted").definition.source.path == "data/sample.csv"
    assert (workspace.root / "data/sample.csv").read_bytes() == CSV.encode()


def test_nothing_is_left_beside_the_sample(new, tmp_path):
    before = {path.name for path in tmp_path.iterdir()}
    new(json.dumps({"x": RECORDS}).encode(), "sample.json")
    assert {path.name for path in tmp_path.iterdir()} - before <= {"sample.json", "lake", "state"}


def test_a_draft_says_that_its_texts_are_drafts(workspace, new):
    output = new(CSV.encode())
    definition = workspace.dataset("drafted").definition
    assert (definition.title.en, definition.title.fr) == ("drafted (draft)", "drafted (brouillon)")
    assert "moulouya check && moulouya run drafted" in output


def test_the_key_is_what_identifies_a_row(workspace, new):
    new(b"code,year,n\na,2014,5\na,2024,5\nb,2014,5\n")
    assert workspace.dataset("drafted").definition.key == ["code", "year"]


def test_names_of_any_script_become_names_of_sql(workspace, new):
    new("الرمز,Nom,nom,2024\na,b,c,d\nx,y,z,w\n".encode())
    assert list(workspace.dataset("drafted").definition.columns) == [
        "column", "nom", "nom_2", "column_2024"
    ]  # fmt: skip
    assert_it_runs(workspace, [("a", "b", "c", "d"), ("x", "y", "z", "w")])


def test_theme_and_publisher_may_be_chosen(workspace, new):
    new(CSV.encode(), "sample.csv", "--theme", "people", "--publisher", "bureau")
    dataset = workspace.dataset("drafted")
    assert (dataset.theme, dataset.definition.publisher) == ("people", "bureau")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--theme", "peopel"), "no theme 'peopel' in region.yml; did you mean 'people'?"),
        (("--publisher", "burea"), "no publisher 'burea' in region.yml; did you mean 'bureau'?"),
    ],
)
def test_an_unknown_theme_or_publisher_names_the_close_one(new, arguments, message):
    assert message in new(CSV.encode(), "sample.csv", *arguments, code=2)


def test_a_slug_that_is_taken_is_refused(workspace, new):
    workspace.define("drafted")
    assert "exists already" in new(CSV.encode(), code=2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"  \n",
        b"\x00\x01\x02\xff",
        b"[1, 2]",
        b"{}",
        b"PAR1PAR1",
        b"\x1f\x8bx",
        b"{broken",
        b"[" * 100_000,
        gzip.compress(b"a,b\n1,2\n" * 999, mtime=0)[:50],
    ],
)
def test_a_sample_that_cannot_be_read_writes_nothing(workspace, new, content):
    new(content, "sample.bin", code=1)
    assert not list(workspace.root.glob("datasets/*/*"))


def workbook() -> bytes:
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content)
    book.add_worksheet("Notes").write(0, 0, "x")
    sheet = book.add_worksheet("Data")
    for line, row in enumerate([["Title"], ["code", "n"], ["a1", 5], ["a2", 6]]):
        sheet.write_row(line, 0, row)
    book.close()
    return content.getvalue()


@contextmanager
def answering(content: bytes) -> Iterator[str]:
    """A server on loopback with the same answer to every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the test's output is for the test."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


XML = b"<l><i><code>a1</code><n>5</n></i><i><code>a2</code><n>6</n></i></l>"
HTML = b"<html><table><tr><th>code<th>n<tr><td>a1<td>5<tr><td>a2<td>6</table></html>"


@pytest.mark.parametrize("content", [workbook(), XML, HTML])
def test_a_document_of_any_kind_checks_and_runs(workspace, new, content):
    new(content, "sample.bin")
    assert_it_runs(workspace, [("a1", 5), ("a2", 6)])


@pytest.mark.parametrize("content", [CSV.encode(), workbook(), XML, json.dumps(RECORDS).encode()])
def test_a_sample_behind_an_address_checks_and_runs(workspace, monkeypatch, content):
    monkeypatch.setenv("MOULOUYA_LAKE", str(workspace.settings.lake_root))
    with answering(content) as url:
        address = f"{url}/files/sample.dat?x=1"
        result = CliRunner().invoke(
            app, ["new", "drafted", "--from", address, "--workspace", str(workspace.root)]
        )
        assert result.exit_code == 0, result.output
        assert workspace.outcome("drafted") == "published"
    assert str(workspace.dataset("drafted").definition.source.url) == address
