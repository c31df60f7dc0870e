"""What makes no version: nothing new at the source, the same bytes, or the same rows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import duckdb
import pytest

from moulouya import versions
from moulouya.settings import Settings
from small_workspace import COLUMNS, ROWS, SmallWorkspace, column

KINDS = {
    "code": column("text"), "share": column("number"), "price": column("decimal(10,2)"),
    "day": column("date"), "at": column("datetime"), "open": column("boolean"),
}  # fmt: skip
TABLE = """code,share,price,day,at,open
é1,0.5,10.00,2024-01-31,2024-01-31T12:00:00Z,true
b2,1000,1234.50,2024-02-01,2024-02-01T00:00:00Z,false
c3,,,,,
"""


@pytest.fixture
def table(workspace: SmallWorkspace) -> SmallWorkspace:
    workspace.define("prices", columns=KINDS)
    workspace.data("prices", TABLE)
    assert workspace.outcome("prices") == "published"
    return workspace


def steps(space: SmallWorkspace, slug: str) -> tuple[str, list[str]]:
    (record,) = space.run(slug)
    return record["outcome"], [step["step"] for step in record["steps"]]


# Level 1: the source says that there is nothing new


@pytest.fixture
def publisher() -> Iterator[ThreadingHTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("If-None-Match") == server.tag  # type: ignore[attr-defined]
            server.answered.append(304 if known else 200)  # type: ignore[attr-defined]
            self.send_response(server.answered[-1])  # type: ignore[attr-defined]
            body = b"" if known else server.body  # type: ignore[attr-defined]
            self.send_header("ETag", server.tag)  # type: ignore[attr-defined]
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.tag, server.body, server.answered = '"1"', ROWS.encode(), []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def online(workspace: SmallWorkspace, publisher: ThreadingHTTPServer) -> SmallWorkspace:
    host = f"127.0.0.1:{publisher.server_port}"
    source = {"kind": "http", "url": f"http://{host}/communes.csv", "format": "csv"}
    workspace.define("communes", source=source)
    given = workspace.settings
    settings = Settings(workspace=given.workspace_root, lake=given.lake_root,
                        state=given.state_root, private_hosts=host)  # fmt: skip
    return SmallWorkspace(workspace.root, settings)


def test_a_source_that_answers_not_modified_is_read_no_further(online, publisher):
    assert steps(online, "communes")[0] == "published"
    assert steps(online, "communes") == ("unchanged", ["fetch"])
    assert publisher.answered == [200, 304]
    assert online.lake.numbers(online.lake.snapshots("communes")) == [1]


# Level 2: the same bytes


def test_the_same_bytes_under_another_tag_are_kept_once(online, publisher):
    online.run("communes")
    publisher.tag = '"2"'
    assert steps(online, "communes") == ("unchanged", ["fetch"])
    assert publisher.answered == [200, 200]
    assert online.lake.numbers(online.lake.snapshots("communes")) == [1]


def test_the_same_bytes_by_another_contract_are_worked_through(table):
    table.define("prices", columns={**KINDS, "open": column("text")})
    assert steps(table, "prices")[0] == "published"


# Level 3: other bytes with the same rows


def as_written_elsewhere(text: str) -> bytes:
    """The same table as an office writes it: semicolons, a decimal comma, cp1252, CRLF."""
    head, *rows = text.replace(".", "·").replace(",", ";").replace("·", ",").splitlines()
    return ("\r\n".join([head, *reversed(rows)]) + "\r\n").encode("cp1252")


@pytest.mark.parametrize(
    "text",
    [
        "\n".join([TABLE.splitlines()[0], *reversed(TABLE.splitlines()[1:])]) + "\n",
        TABLE.replace("0.5", "0.500").replace("1000", "1e3").replace("1234.50", "1234.5"),
        TABLE.replace("10.00", "+10.0").replace("12:00:00Z", "13:00:00+01:00"),
        TABLE.replace("é1,0.5,10.00", '"é1","0.5","10.00"').replace("\n", "\r\n"),
        "\ufeff" + TABLE,
        TABLE.replace("code,share", "code,note,share").replace("é1,", "é1,x,")
        .replace("b2,", "b2,y,").replace("c3,", "c3,z,"),
    ],
    ids=["other order", "other numbers", "other zone", "quoted", "byte order mark",
         "a column that is not read"],
)  # fmt: skip
def test_the_same_rows_in_other_bytes_are_unchanged(table, text):
    table.data("prices", text)
    assert steps(table, "prices") == (
        "unchanged", ["fetch", "stage", "validate", "transform", "publish"]
    )  # fmt: skip
    assert steps(table, "prices") == ("unchanged", ["fetch"])
    assert table.lake.numbers(table.lake.versions("prices")) == [1]


def test_the_same_rows_in_another_dialect_change_only_what_is_said_about_them(table):
    before = versions.latest(table.lake, "prices").record
    dialect = {"delimiter": ";", "decimal": ",", "encoding": "cp1252"}
    source = {"kind": "file", "path": "data/prices.csv", "format": "csv", "dialect": dialect}
    table.define("prices", columns=KINDS, source=source)
    table.data("prices", as_written_elsewhere(TABLE))
    assert steps(table, "prices")[0] == "published"
    after = versions.latest(table.lake, "prices").record
    assert after["changes"] == {"added": 0, "removed": 0, "changed": 0}
    assert after["content_hash"] == before["content_hash"]


def test_the_same_rows_as_parquet_change_only_what_is_said_about_them(table):
    path = table.root / "data/prices.parquet"
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"COPY (FROM '{versions.latest(table.lake, 'prices').table}' "
                    f"ORDER BY code DESC) TO '{path}'")  # fmt: skip
    table.define("prices", columns=KINDS, source={"kind": "file", "path": "data/prices.parquet",
                                                  "format": "parquet"})  # fmt: skip
    assert steps(table, "prices")[0] == "published"
    after = versions.latest(table.lake, "prices").record
    assert after["changes"] == {"added": 0, "removed": 0, "changed": 0}


@pytest.mark.parametrize(
    "text",
    [TABLE.replace("0.5", "0.50000001"), TABLE.replace("é1", "e\u03011"),
     TABLE.replace("c3,,,,,", "c3,0,,,,"), TABLE.replace("12:00:00Z", "12:00:01Z")],
)  # fmt: skip
def test_the_smallest_difference_is_a_version(table, text):
    table.data("prices", text)
    assert steps(table, "prices")[0] == "published"


def test_a_row_delivered_twice_is_no_second_row_of_a_dataset_that_adds(workspace):
    source = {"kind": "file", "path": "data/communes.csv", "format": "csv",
              "write_disposition": "merge"}  # fmt: skip
    workspace.define("communes", source=source, columns=COLUMNS)
    assert workspace.outcome("communes") == "published"
    head, first, *rest = ROWS.splitlines()
    workspace.data("communes", "\n".join([head, first, first, *rest, first]) + "\n")
    assert workspace.outcome("communes") == "unchanged"
