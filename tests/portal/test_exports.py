"""Files made on request: every format read back by a real reader, whole, resumed, refused."""

from __future__ import annotations

import asyncio
import errno
import io
import shutil
import threading
from pathlib import Path
from typing import Any

import duckdb
import geopandas as gpd
import openpyxl
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moulouya.portal.app import create_app
from moulouya.portal.records.making import Slots, Work
from moulouya.portal.records.producing import FORMULA
from moulouya.portal.records.spool import Draft, Spool
from moulouya.settings import Settings
from moulouya.storage.lake import Lake

from . import lakes, tables
from .conftest import Client, client_of

BASE = "/exports/mixture/1/mixture"
PLAIN = {"accept_encoding": "identity"}


@pytest.fixture(scope="session")
def typed(pristine: lakes.Built, tmp_path_factory: pytest.TempPathFactory) -> lakes.Built:
    """A lake with the table of every type."""
    root = tmp_path_factory.mktemp("typed") / "lake"
    shutil.copytree(pristine.lake.root, root)
    url = pristine.settings.public_url
    settings = Settings(lake=root, state=root.parent / "state", public_url=url)
    built = lakes.Built(Lake(root), settings)
    tables.publish(built)
    lakes.commit(built)
    return built


@pytest.fixture(scope="session")
def site(typed: lakes.Built) -> Client:
    return client_of(typed)


@pytest.fixture(scope="session")
def truth(typed: lakes.Built) -> pa.Table:
    """The committed table."""
    return pq.read_table(typed.lake.version("mixture", 1) / "mixture.parquet")


def got(site: Client, suffix: str, query: str = "") -> bytes:
    response = site.get(f"{BASE}.{suffix}{query}", **PLAIN)
    assert response.status_code == 200, response.text
    return response.content


def test_csv_reads_back_as_the_table(site: Client, truth: pa.Table, tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_bytes(got(site, "csv"))
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        types = {"id": "BIGINT", "label": "VARCHAR", "size": "DOUBLE", "price": "DECIMAL(10,2)",
                 "open": "BOOLEAN", "day": "DATE", "at": "TIMESTAMPTZ", "more": "VARCHAR",
                 "kind": "VARCHAR", "shape": "VARCHAR"}  # fmt: skip
        read = con.execute(
            "FROM read_csv(?, columns = ?, header = true, delim = ',', quote = '\"', "
            "escape = '\"', allow_quoted_nulls = false, max_line_size = 10000000)",
            [str(file), types],
        ).to_arrow_table()
    for name in types:
        if name != "shape":
            assert read[name].to_pylist() == truth[name].to_pylist(), name
    assert file.read_bytes().count(b"\r\n") == tables.ROWS + 1


def test_json_and_ndjson_read_back_as_the_table(site: Client, truth: pa.Table) -> None:
    rows = orjson.loads(got(site, "json"))
    assert rows == [orjson.loads(line) for line in got(site, "ndjson").splitlines()]
    for name in ("id", "label", "size", "open", "kind"):
        assert [row[name] for row in rows] == truth[name].to_pylist(), name
    assert [row["day"] for row in rows] == [day.isoformat() for day in truth["day"].to_pylist()]
    assert [row["price"] for row in rows] == [
        None if one is None else float(one) for one in truth["price"].to_pylist()
    ]
    assert rows[1]["more"] == {"n": 1}
    assert pd.read_json(io.BytesIO(got(site, "json"))).shape == (tables.ROWS, 10)


def test_empty_view_is_a_sound_file_in_every_format(site: Client) -> None:
    assert orjson.loads(got(site, "json", "?id__gt=999")) == []
    assert got(site, "ndjson", "?id__gt=999") == b""
    assert orjson.loads(got(site, "geojson", "?id__gt=999"))["features"] == []
    assert pq.read_table(io.BytesIO(got(site, "parquet", "?id__gt=999"))).num_rows == 0
    assert len(got(site, "csv", "?id__gt=999").splitlines()) == 1


def test_parquet_of_a_view_has_the_types_and_its_shapes(site: Client, truth: pa.Table) -> None:
    content = got(site, "parquet", "?id__lt=50&_sort_desc=id")
    read = pq.read_table(io.BytesIO(content))
    assert read["id"].to_pylist() == list(range(49, -1, -1))
    for name in ("price", "day", "at", "size", "label"):
        assert read.schema.field(name).type == truth.schema.field(name).type, name
        assert read[name].to_pylist()[::-1] == truth[name].to_pylist()[:50], name
    shapes = gpd.read_parquet(io.BytesIO(content))
    assert shapes.geometry.notna().sum() == sum(i % 17 != 1 for i in range(50))
    assert orjson.loads(read.schema.metadata[b"moulouya"])["licence"] == "ODbL-1.0"


def test_whole_parquet_is_the_committed_file(site: Client) -> None:
    response = site.get(f"{BASE}.parquet")
    assert response.status_code == 302
    assert response.headers["location"] == "/files/mixture/1/mixture.parquet"


def test_geojson_opens_in_a_geographic_program(site: Client, tmp_path: Path) -> None:
    file = tmp_path / "m.geojson"
    file.write_bytes(got(site, "geojson"))
    read = gpd.read_file(file)
    assert len(read) == tables.ROWS
    assert read.crs.to_epsg() == 4326
    assert read.geometry[0].x == pytest.approx(-2)
    collection = orjson.loads(file.read_bytes())
    assert collection["licence"] == "ODbL-1.0"
    assert "shape" not in collection["features"][0]["properties"]
    refused = site.get("/exports/communes/1/communes.geojson")
    assert refused.status_code == 400


def test_workbook_holds_the_rows_and_what_they_mean(site: Client, truth: pa.Table) -> None:
    book = openpyxl.load_workbook(io.BytesIO(got(site, "xlsx", "?_lang=ar")))
    data, meaning = book.worksheets
    assert data.sheet_view.rightToLeft
    rows = list(data.iter_rows(values_only=True))
    assert rows[0][0] == "رقم"
    assert [row[0] for row in rows[1:]] == truth["id"].to_pylist()
    assert [row[2] for row in rows[1:]] == pytest.approx(truth["size"].to_pylist(), nan_ok=True)
    assert not any(cell.data_type == "f" for line in data.iter_rows() for cell in line)
    assert data["G2"].value.year == 2024
    told = " ".join(str(cell.value) for line in meaning.iter_rows() for cell in line)
    assert "ODbL-1.0" in told
    assert "رقم في الجماعة." in told
    french = openpyxl.load_workbook(io.BytesIO(got(site, "xlsx", "?_lang=fr")))
    assert french.worksheets[0]["A1"].value == "Numéro"
    assert not french.worksheets[0].sheet_view.rightToLeft


def test_csv_for_excel_runs_no_formula(site: Client, truth: pa.Table) -> None:
    content = got(site, "excel.csv", "?_lang=fr")
    assert content.startswith("\ufeff".encode())
    read = pd.read_csv(io.BytesIO(content), sep=";", decimal=",", keep_default_na=False)
    assert list(read.columns)[:3] == ["Numéro", "Libellé", "Taille"]
    begun = [one for one in read["Libellé"] if one and one[0] in FORMULA]
    assert begun == []
    written = [f"'{one}" if one and one[0] in FORMULA else one or ""
               for one in truth["label"].to_pylist()]  # fmt: skip
    assert [one.replace("\r\n", "\n") for one in read["Libellé"]] == written
    prices = [
        None if one == "" else float(one.replace(",", ".")) for one in read["Prix"].astype(str)
    ]
    assert prices == [None if one is None else float(one) for one in truth["price"].to_pylist()]
    english = got(site, "excel.csv", "?_lang=en")
    assert b"-6.25" in english
    assert b"-6,25" in content


def test_same_view_has_the_same_bytes_and_tag(typed: lakes.Built, tmp_path: Path) -> None:
    url = typed.settings.public_url
    elsewhere = Settings(lake=typed.lake.root, state=tmp_path, public_url=url)
    again = lakes.Built(typed.lake, elsewhere)
    one, other = client_of(typed), client_of(again)
    for suffix in ("csv", "excel.csv", "xlsx", "json", "ndjson", "geojson"):
        first, second = (
            each.get(f"{BASE}.{suffix}?kind__exact=a", **PLAIN) for each in (one, other)
        )
        assert first.content == second.content, suffix
        assert first.headers["etag"] == second.headers["etag"]
        assert first.headers["content-length"] == str(len(first.content))


def test_what_the_client_has_is_not_made_again(site: Client) -> None:
    response = site.get(f"{BASE}.csv", **PLAIN)
    tag = response.headers["etag"]
    for known in (tag, f'"x", W/{tag}', tag.replace('"', '-br"', 2).replace('-br"', '"', 1)):
        again = site.get(f"{BASE}.csv", if_none_match=known)
        assert (again.status_code, again.content) == (304, b""), known
    assert site.get(f"{BASE}.csv?id=1", if_none_match=tag).status_code == 200


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "geojson"])
def test_download_goes_on_where_it_stopped(site: Client, suffix: str) -> None:
    path = f"{BASE}.{suffix}?id__lt=40"
    rest = site.get(path, range="bytes=100-")
    assert rest.status_code == 206
    whole = site.get(path, **PLAIN)
    assert rest.content == whole.content[100:]
    tag = whole.headers["etag"]
    assert site.get(path, range="bytes=0-9", if_range=tag).content == whole.content[:10]
    assert site.get(path, range="bytes=0-9", if_range='"other"', **PLAIN).status_code == 200
    assert site.get(path, range="bytes=99999999-").status_code == 416


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip"])
def test_text_is_packed_for_those_who_ask(site: Client, coding: str) -> None:
    packed = site.get(f"{BASE}.ndjson", accept_encoding=coding)
    assert packed.headers["content-encoding"] == coding
    assert packed.headers["etag"].endswith(f'-{coding}"')
    assert packed.content == got(site, "ndjson")


def test_head_says_what_get_would(site: Client) -> None:
    head = site.head(f"{BASE}.json?id=3", **PLAIN)
    get = site.get(f"{BASE}.json?id=3", **PLAIN)
    for name in ("etag", "content-type", "content-disposition", "link"):
        assert head.headers[name] == get.headers[name]
    assert head.content == b""
    assert 'rel="license"' in get.headers["link"]
    assert get.headers["content-disposition"].startswith('attachment; filename="mixture-v1-')


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{BASE}.xls", 404),
        ("/exports/mixture/2/mixture.csv", 404),
        ("/exports/nope/1/nope.csv", 404),
        ("/exports/mixture/1/other.csv", 404),
        (f"{BASE}.csv?labl=1", 400),
        (f"{BASE}.csv?_lang=xx", 400),
        (f"{BASE}.csv?id__gt=x", 400),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_reason(site: Client, path: str, status: int) -> None:
    response = site.get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_latest_leads_to_the_version_with_the_same_view(site: Client) -> None:
    response = site.get("/exports/mixture/latest/mixture.csv?id__lt=3")
    assert response.status_code == 302
    assert response.headers["location"] == "/exports/mixture/1/mixture.csv?id__lt=3"


def test_older_version_can_still_be_taken_as_any_format(built: lakes.Built) -> None:
    lakes.publish_communes(built, lakes.COMMUNE_ROWS[:5])
    lakes.commit(built)
    portal = client_of(built)
    old = portal.get("/exports/communes/1/communes.json", **PLAIN)
    new = portal.get("/exports/communes/2/communes.json", **PLAIN)
    assert (len(old.json()), len(new.json())) == (30, 5)


def test_too_many_at_once_are_asked_to_come_back(typed: lakes.Built, tmp_path: Path) -> None:
    app = create_app(typed.settings, look_every=0)
    app.state.spool = Spool(tmp_path)
    app.state.slots = Slots(1)
    with app.state.slots:
        refused = Client(app).get(f"{BASE}.csv?id__lt=77", **PLAIN)
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0
    assert Client(app).get(f"{BASE}.csv?id__lt=77", **PLAIN).status_code == 200


def test_client_that_hangs_up_stops_the_query(typed: lakes.Built, tmp_path: Path) -> None:
    app = create_app(typed.settings, look_every=0)
    app.state.spool = Spool(tmp_path)
    scope: dict[str, Any] = {
        "type": "http", "method": "GET", "path": f"{BASE}.csv", "raw_path": b"", "root_path": "",
        "query_string": b"", "headers": [], "http_version": "1.1", "scheme": "http",
        "server": ("portal", 80), "client": ("x", 1),
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    assert not any(message.get("more_body") is False for message in sent)
    assert list(tmp_path.iterdir()) == [], "no half of a file stays"
    with app.state.slots:
        pass


def test_running_query_is_interrupted_from_another_thread() -> None:
    con = duckdb.connect()
    begun = threading.Event()

    def pieces() -> Any:
        begun.set()
        con.execute("SELECT count(*) FROM range(10000000000) a, range(1000000) b").fetchall()
        yield b""

    work = Work(lambda stack: (con, pieces()))
    work.start()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work.next()
        except duckdb.Error as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    begun.wait()
    while thread.is_alive():
        work.stop()
        thread.join(0.05)
    work.close()
    con.close()
    assert isinstance(failed[0], duckdb.InterruptException)


def test_spool_keeps_to_its_bound_and_forgets_the_oldest(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most=250)
    for number in range(4):
        with spool.draft(f"f{number}") as draft:
            draft.write(b"x" * 100)
            draft.keep()
        if number == 1:
            assert spool.find("f0") is not None
    left = {path.name for path in tmp_path.iterdir()}
    assert len(left) == 2
    assert "f3" in left
    with spool.draft("broken") as draft:
        draft.write(b"y")
    assert spool.find("broken") is None


def test_packed_streams_unpack(typed: lakes.Built, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers too long to be sent with a length are packed piece by piece."""
    monkeypatch.setattr("moulouya.portal.records.making.AHEAD", 1)
    monkeypatch.setattr("moulouya.portal.records.producing.BATCH", 16)
    portal = client_of(typed)
    plain = portal.get(f"{BASE}.csv?id__gte=1", **PLAIN)
    assert "content-length" not in plain.headers
    for coding in ("br", "zstd", "gzip"):
        assert portal.get(f"{BASE}.csv?id__gte=1", accept_encoding=coding).content == plain.content
    kept = portal.get(f"{BASE}.csv?id__gte=1", **PLAIN)
    assert kept.headers["content-length"] == str(len(plain.content)), (
        "it was kept when it was whole"
    )


def test_file_that_has_no_room_is_asked_for_later(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Draft, "write", full)
    refused = site.get(f"{BASE}.xlsx?_sort=label&_size=3", **PLAIN)
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0
    assert "no room" in refused.text
    assert site.get(f"{BASE}.csv", **PLAIN).status_code == 200
