"""The SQL console without scripts, its engine for browsers, and the lines that readers copy."""

from __future__ import annotations

import contextlib
import hashlib
import html
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import brotli
import duckdb
import httpx
import pytest

from moulouya import duck
from moulouya.portal.console import engine, names
from moulouya.portal.headers import SECURITY
from moulouya.settings import Settings

from . import lakes
from .conftest import PROGRAM, Client, Server, client_of, free_port

READS = ("python", "pandas", "polars", "duckdb")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A portal whose release names the address at which it is served."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    root = tmp_path_factory.mktemp("console") / "lake"
    lakes.build(root, url)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(root), str(port), url],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert any("Started worker" in line for line in process.stdout)
        with httpx.Client(transport=httpx.HTTPTransport(retries=6)) as client:
            client.get(f"{url}/health/live")
        yield Server(process, url)
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture(scope="module")
def portal(pristine: lakes.Built) -> Client:
    return client_of(pristine)


def cells(page: str) -> list[list[str]]:
    """The rows of the table of a result."""
    body = page.partition('id="result"')[2].partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        [html.unescape(re.sub("<[^>]+>", "", cell)) for cell in re.findall(r"<td.*?</td>", row)]
        for row in re.findall(r"<tr>.*?</tr>", body)
    ]


def alert(page: str) -> str:
    """What is said to be wrong."""
    return html.unescape(page.partition('role="alert"')[2].partition("</div>")[0])


def snippets(server: Server, slug: str) -> dict[str, str]:
    """The lines to copy on the page of a dataset, by what they are for."""
    page = httpx.get(f"{server.url}/en/datasets/{slug}").text
    found = re.findall(r'<pre id="use-(\w+)"[^>]*>(.*?)</pre>', page, re.DOTALL)
    return {name: html.unescape(text) for name, text in found}


def test_a_statement_is_run_without_scripts_by_form_and_by_address(server: Server) -> None:
    sql = "SELECT name, population, NULL AS gap FROM demography.communes WHERE code = '77.002'"
    asked = httpx.post(f"{server.url}/fr/sql", data={"sql": sql}, timeout=60)
    assert asked.status_code == 200
    assert cells(asked.text) == [[lakes.HOSTILE, "84561", "—"]]
    link = re.search(r'href="(/fr/sql\?q=[^"]+)"[^>]*>Un lien', asked.text)
    assert link is not None
    linked = httpx.get(server.url + html.unescape(link[1]))
    assert cells(linked.text) == cells(asked.text)
    assert linked.headers["cache-control"] == "no-store"
    for address in re.findall(r'href="(/api/v1/sql\?[^"]+)"', asked.text):
        answer = httpx.get(server.url + html.unescape(address))
        assert answer.status_code == 200, address
        assert answer.headers["Result-Rows"] == "1"


def test_a_result_that_is_cut_says_so(server: Server) -> None:
    page = httpx.get(f"{server.url}/en/sql", params={"q": "FROM range(201)"}).text
    assert len(cells(page)) == 200
    assert "Only the first 200 rows are shown" in page
    whole = httpx.get(f"{server.url}/en/sql", params={"q": "FROM range(200)"}).text
    assert len(cells(whole)) == 200
    assert "Only the first" not in whole.partition('id="result"')[2]


@pytest.mark.parametrize(
    ("sql", "status", "told"),
    [
        ("SELECT nam\nFROM communes", 400, ("Line 1, column 8", "name")),
        ("SELECT 1\nFROM comunes", 400, ("Line 2, column 6", "demography.communes")),
        ("DELETE FROM communes", 403, ("not allowed", "read-only")),
        ("FROM read_csv('/etc/passwd')", 403, ("not allowed",)),
    ],
)
def test_a_mistake_is_told_with_its_place_and_a_hint(
    server: Server, sql: str, status: int, told: tuple[str, ...]
) -> None:
    page = httpx.post(f"{server.url}/en/sql", data={"sql": sql}, timeout=60)
    assert page.status_code == status
    assert all(one in alert(page.text) for one in told), alert(page.text)
    assert html.escape(sql, quote=False) in html.unescape(page.text).replace("&#39;", "'")


def test_explain_tells_what_a_statement_would_read(server: Server) -> None:
    data = {"sql": "SELECT name FROM communes", "explain": "1"}
    page = httpx.post(f"{server.url}/en/sql", data=data, timeout=60).text
    assert f"It would read about {len(lakes.COMMUNE_ROWS)} rows." in page
    assert '<code dir="ltr">communes</code>' in page.partition('id="result"')[2]


@pytest.mark.parametrize("slug", ["communes", "boundaries", "density"])
def test_every_example_of_a_dataset_runs(server: Server, slug: str) -> None:
    page = httpx.get(f"{server.url}/ar/sql", params={"dataset": slug}).text
    offered = [html.unescape(one) for one in re.findall(r'data-example="([^"]+)"', page)]
    assert len(offered) >= 2
    for sql in offered:
        answer = httpx.post(f"{server.url}/api/v1/sql", json={"sql": sql}, timeout=60)
        assert answer.status_code == 200, (sql, answer.text)


def test_the_examples_of_the_catalogue_run(server: Server) -> None:
    for code in ("ar", "fr", "en"):
        page = httpx.get(f"{server.url}/{code}/sql").text
        for sql in re.findall(r'data-example="([^"]+)"', page):
            answer = httpx.post(f"{server.url}/api/v1/sql", json={"sql": html.unescape(sql)})
            assert answer.json()["row_count"], sql


def test_the_page_lists_every_table_with_its_columns_and_its_file(portal: Client) -> None:
    page = portal.get("/fr/sql").text
    assert re.findall(r'data-table="(\w+)"', page) == ["communes", "density", "boundaries"]
    assert re.findall(r'data-column="(\w+)"', page)[:5] == [
        "code", "name", "year", "population", "kind",
    ]  # fmt: skip
    assert 'data-file="/files/communes/1/communes.duckdb"' in page
    assert (
        portal.get("/fr/sql").headers["Content-Security-Policy"]
        == (SECURITY["Content-Security-Policy"])
    )
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", page)


@pytest.mark.parametrize(
    ("body", "status"), [(b"sql=" + b"x" * 70_000, 413), (b"sql=%zz\xff", 400)], ids=["long", "odd"]
)
def test_a_form_that_cannot_be_read_gets_a_page_that_says_so(
    server: Server, body: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = httpx.post(f"{server.url}/en/sql", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


def test_names_are_quoted_only_where_they_must_be() -> None:
    assert names.table("demography", "communes") == "demography.communes"
    assert names.name("order") == '"order"'
    assert names.name("Ab c") == '"Ab c"'


def test_the_engine_is_sent_packed_or_whole_and_runs_under_its_own_policy(
    portal: Client, pristine: lakes.Built
) -> None:
    wasm = portal.get(engine.href(engine.WASM), Accept_Encoding="br")
    assert wasm.headers["content-encoding"] == "br"
    assert wasm.headers["content-type"] == "application/wasm"
    assert "immutable" in wasm.headers["cache-control"]
    plain = portal.get(engine.href(engine.WASM), Accept_Encoding="identity")
    assert "content-encoding" not in plain.headers
    assert plain.content[:4] == b"\0asm"
    # httpx has unpacked the first one.
    assert hashlib.sha256(plain.content).digest() == hashlib.sha256(wasm.content).digest()
    tag = wasm.headers["etag"]
    assert portal.get(
        engine.href(engine.WASM), Accept_Encoding="br", If_None_Match=tag
    ).status_code == 304  # fmt: skip
    worker = portal.get(engine.href(engine.WORKER))
    assert worker.headers["content-security-policy"] == engine.WORKER_POLICY
    assert portal.get("/engine/000000000000/duckdb-eh.wasm").status_code == 404
    assert portal.get(f"/engine/{engine.digest()}/engine.json").status_code == 404


def test_the_engine_stays_out_of_memory_and_near_the_size_that_is_told() -> None:
    assert engine.packed(engine.WASM).stat().st_size < 6_500_000
    assert engine.fetched_bytes() < 7_000_000
    statics = Path(engine.__file__).parents[1] / "static"
    assert not list(statics.rglob("*.wasm*"))


def test_a_damaged_engine_is_not_handed_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / f"{engine.WASM}.br").write_bytes(brotli.compress(b"\0asm nothing"))
    monkeypatch.setattr(engine, "packed", lambda name: tmp_path / f"{name}.br")
    with pytest.raises(OSError, match="does not hold"):
        engine.unpacked(engine.WASM)


@pytest.mark.parametrize("slug", ["communes", "boundaries", "density"])
@pytest.mark.parametrize("name", READS)
def test_the_lines_for_python_and_duckdb_give_the_rows(
    server: Server, slug: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = snippets(server, slug)[name]
    # The extension comes from its wheel: INSTALL would ask another site for it.
    con = duckdb.connect()
    duck.load_extension(con, "httpfs")
    code = code.replace("INSTALL httpfs; LOAD httpfs", "SELECT 1")
    if name == "duckdb":
        for statement in code.replace("INSTALL httpfs;\nLOAD httpfs;\n", "").split(";\n"):
            if statement.strip():
                con.execute(statement)
        assert len(con.fetchall()) == (5 if slug == "communes" else 3)
        return
    monkeypatch.setattr(duckdb, "connect", lambda: con)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, name, "exec"), {})
    assert "77.001" in printed.getvalue()


def test_the_lines_with_latest_read_the_newest_version(server: Server) -> None:
    code = snippets(server, "communes")["pandas"].replace("/communes/1/", "/communes/latest/")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "pandas", "exec"), {})
    assert "77.001" in printed.getvalue()


def missing(program: str) -> None:
    if os.environ.get("MOULOUYA_REQUIRE_SERVICES"):
        pytest.fail(f"{program} is required, and not installed")
    pytest.skip(f"{program} is not installed")


def test_the_lines_for_the_shell_fetch_the_files(server: Server, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        missing("curl")
    code = snippets(server, "communes")["curl"]
    subprocess.run(["sh", "-euc", code], cwd=tmp_path, check=True, capture_output=True)
    with duckdb.connect() as con:
        for file in ("communes.parquet", "communes.csv"):
            found = con.execute(f"SELECT count(*) FROM '{tmp_path / file}'").fetchone()
            assert found == (len(lakes.COMMUNE_ROWS),)


def test_the_lines_for_javascript_run_in_node(server: Server) -> None:
    if shutil.which("node") is None:
        missing("node")
    code = snippets(server, "communes")["javascript"]
    command = ["node", "--input-type=module", "-e", code]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "77.001" in said
    assert said.rstrip().endswith("true") or said.rstrip().endswith("false")


@pytest.mark.parametrize("slug", ["communes", "boundaries"])
def test_the_address_for_qgis_is_one_that_its_library_opens(server: Server, slug: str) -> None:
    pyogrio = pytest.importorskip("pyogrio")
    address = snippets(server, slug)["qgis"].strip()
    found = pyogrio.read_info(address)
    assert found["features"] in (3, len(lakes.COMMUNE_ROWS), -1)
    assert "code" in list(found["fields"])


@pytest.mark.parametrize(
    ("slug", "rows"), [("communes", len(lakes.COMMUNE_ROWS)), ("boundaries", 3)]
)
def test_the_lines_for_r_run_without_a_package_and_keep_codes_as_text(
    server: Server, slug: str, rows: int
) -> None:
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed; nothing of the project needs it")
    code = snippets(server, slug)["r"] + "cat(nrow(frame), class(frame$code), frame$code[1])"
    said = subprocess.run(["Rscript", "-e", code], check=True, capture_output=True, text=True)
    assert said.stdout.endswith(f"{rows} character 77.001"), said.stdout
    assert not said.stderr


def test_the_address_for_excel_is_a_table_in_utf_8(server: Server) -> None:
    code = snippets(server, "communes")["excel"]
    address = re.search(r'Web\.Contents\("([^"]+)"\)', code)
    assert address is not None
    answer = httpx.get(address[1], follow_redirects=True)
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[0] == '"code","name","year","population","kind"'
    assert len(lines) == len(lakes.COMMUNE_ROWS) + 1


def test_without_an_address_of_the_portal_there_is_nothing_to_copy(
    pristine: lakes.Built, tmp_path: Path
) -> None:
    changed = {"public_url": "", "state": tmp_path / "state"}
    settings: Settings = pristine.settings.model_copy(update=changed)
    page = client_of(lakes.Built(pristine.lake, settings)).get("/en/datasets/communes").text
    assert 'id="use-python"' not in page
