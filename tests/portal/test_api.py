"""The records API: found, described, asked page by page, in every format, and refused clearly."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import duckdb
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shapely.geometry import shape

from moulouya import catalogue, duck, release
from moulouya.portal.api import openapi, parameters, records
from moulouya.portal.api.operations import OPERATIONS
from moulouya.portal.app import ROUTES
from moulouya.portal.reading import TooSlow
from moulouya.portal.records import making
from moulouya.withdrawals import Withdrawal

from . import lakes, tables
from .conftest import Client, client_of
from .test_exports import site, truth, typed

__all__ = ["site", "truth", "typed"]
MIXTURE = "/api/v1/datasets/mixture/records"
COMMUNES = "/api/v1/datasets/communes/records"


def asked(client: Client, path: str, **parameters: object) -> dict[str, Any]:
    response = client.get(f"{path}?{urlencode(parameters)}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def refused(client: Client, path: str, status: int, **parameters: object) -> dict[str, Any]:
    response = client.get(f"{path}?{urlencode(parameters)}")
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["access-control-allow-origin"] == "*"
    told: dict[str, Any] = response.json()
    assert told["status"] == status
    return told


def below(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def pages(client: Client, path: str) -> list[dict[str, Any]]:
    """Every record, following the links to the end."""
    found: list[dict[str, Any]] = []
    following: str | None = path
    while following:
        page = client.get(following).json()
        found += page["records"]
        following = below(page["next"]) if page["next"] else None
        assert len(found) <= tables.ROWS
    return found


def test_every_record_is_had_as_it_was_published(site: Client, truth: pa.Table) -> None:
    found = asked(site, MIXTURE, limit=1000)
    assert found["count"] == found["total"] == tables.ROWS
    assert found["next"] is None
    for name in ("id", "label", "size", "open", "kind"):
        assert [one[name] for one in found["records"]] == truth[name].to_pylist(), name
    assert [one["day"] for one in found["records"]] == [
        str(day) for day in truth["day"].to_pylist()
    ]
    moments = [at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for at in truth["at"].to_pylist()]
    assert [one["at"] for one in found["records"]] == moments
    assert found["records"][1]["shape"] is None
    assert shape(found["records"][2]["shape"]).wkt == "POINT (-1.98 34.02)"
    assert found["records"][1]["more"] == {"n": 1}


@pytest.mark.parametrize(
    "order", ["", "id", "-id", "size", "-size", "label,-price", "open,-day", "-at", "more,kind,-id"]
)
@pytest.mark.parametrize("limit", [1, 7])
def test_pages_fit_together_in_any_order(site: Client, order: str, limit: int) -> None:
    parameters = {"select": "id", "where": "id < 60", **({"order_by": order} if order else {})}
    if limit == 1 and order not in ("", "size", "open,-day"):
        return
    whole = asked(site, MIXTURE, limit=1000, **parameters)["records"]
    assert len(whole) == 60
    assert pages(site, f"{MIXTURE}?{urlencode({**parameters, 'limit': limit})}") == whole


def test_order_puts_missing_values_last(site: Client) -> None:
    for order in ("size", "-size"):
        sizes = [one["size"] for one in asked(site, MIXTURE, order_by=order, limit=1000)["records"]]
        known = [one for one in sizes if one is not None]
        assert sizes == sorted(known, reverse=order == "-size") + [None] * (120 - len(known))


def test_offset_leaves_out_as_many_in_any_order(site: Client) -> None:
    for order in ("id", "-id"):
        found = asked(site, MIXTURE, select="id", order_by=order, offset=100, limit=5)["records"]
        first = 100 if order == "id" else 19
        step = 1 if order == "id" else -1
        assert [one["id"] for one in found] == [first + step * n for n in range(5)]
    assert [one["id"] for one in asked(site, MIXTURE, offset=118)["records"]] == [118, 119]
    assert asked(site, MIXTURE, offset=10**14)["records"] == []


def test_groups_are_those_of_the_table(site: Client, truth: pa.Table) -> None:
    found = asked(
        site, MIXTURE, group_by="kind,open", order_by="-n,kind",
        select="kind,open,count(*) as n,count(price),count_distinct(day),sum(id),sum(price),"
        "avg(size),min(label),max(day),median(id),stddev(size)",
    )  # fmt: skip
    with duckdb.connect() as con:
        con.register("t", truth)
        expected = con.execute(
            "SELECT kind, open, count(*), count(price), count(DISTINCT day), sum(id), "
            "sum(price)::DOUBLE, avg(size), min(label), max(day)::VARCHAR, median(id), "
            "stddev(size) FROM t GROUP BY ALL ORDER BY 3 DESC, 1 NULLS LAST, 2 NULLS LAST"
        ).fetchall()
    assert [pytest.approx(tuple(one.values())) for one in found["records"]] == expected
    names = [one["name"] for one in found["columns"]]
    assert names[2:6] == ["n", "count_price", "count_distinct_day", "sum_id"]
    assert found["total"] == len(expected)


def test_groups_come_in_pages(site: Client) -> None:
    whole = asked(site, MIXTURE, group_by="day", order_by="-day")["records"]
    assert len(whole) == 100
    found = pages(site, f"{MIXTURE}?group_by=day&order_by=-day&limit=31")
    assert found[:100] == whole
    assert len(found) == 120


def test_sum_of_whole_numbers_keeps_its_digits(built: lakes.Built) -> None:
    lakes.publish(
        built, "density", "demography", {
            **lakes.DENSITY,
            "columns": {**lakes.DENSITY["columns"],
                        "big": lakes.column("integer", "ك", "g", "b", computed=True)},
        },
        "SELECT format('77.{:03}', i) AS code, 0.5 AS density, 9223372036854775807 AS big "
        "FROM range(1, 4) r(i)", inputs={"boundaries": 1, "communes": 1},
    )  # fmt: skip
    lakes.commit(built)
    path = "/api/v1/datasets/density/records"
    got = client_of(built)
    assert asked(got, path, select="sum(big) as s")["records"] == [{"s": 3 * (2**63 - 1)}]
    where = "big = 9223372036854775806"
    assert asked(got, path, where=where)["records"] == []
    assert refused(got, path, 409, where="big * big * big = 1")["type"].endswith("values")
    read = pa.ipc.open_stream(got.get(f"{path}?format=arrow&select=sum(big)").content).read_all()
    assert read["sum_big"].to_pylist() == [3 * (2**63 - 1)]


def test_total_is_counted_when_it_is_asked_for(site: Client) -> None:
    where = {"where": "kind = 'a'", "limit": 3}
    assert "total" not in asked(site, MIXTURE, **where)
    for total in ("exact", "estimate"):
        assert asked(site, MIXTURE, **where, total=total)["total"] == 60
    assert asked(site, MIXTURE, where="id < 0")["total"] == 0
    grouped = asked(site, MIXTURE, group_by="day", limit=3, total="exact")
    assert grouped["total"] == 120


def test_box_keeps_what_touches_it(site: Client) -> None:
    found = asked(site, MIXTURE, bbox="-1.5,34,-1,35", select="id")["records"]
    assert found == [{"id": n} for n in range(50, 101) if n % 17 != 1]
    assert asked(site, MIXTURE, bbox="-1.5,34,-1,35", where="id < 53", total="exact")["total"] == 2
    assert refused(site, COMMUNES, 409, bbox="-1.5,34,-1,35")["parameter"] == "bbox"


def test_formats_read_back_alike(site: Client, truth: pa.Table, tmp_path: Path) -> None:
    query = "select=id,label,price,day,at&where=id%20%3C%2050&limit=50"
    wanted = truth.select(["id", "label", "price", "day", "at"]).slice(0, 50)
    arrow = pa.ipc.open_stream(site.get(f"{MIXTURE}?{query}&format=arrow").content).read_all()
    parquet = pq.read_table(io.BytesIO(site.get(f"{MIXTURE}?{query}&format=parquet").content))
    assert arrow.to_pylist() == parquet.to_pylist() == wanted.to_pylist()
    lines = site.get(f"{MIXTURE}?{query}&format=ndjson").text.splitlines()
    assert len(lines) == 50
    file = tmp_path / "m.csv"
    file.write_bytes(site.get(f"{MIXTURE}?{query}&format=csv").content)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        types = {"id": "BIGINT", "label": "VARCHAR", "price": "DECIMAL(10,2)", "day": "DATE",
                 "at": "TIMESTAMPTZ"}  # fmt: skip
        read = con.execute(
            "FROM read_csv(?, columns = ?, header = true, delim = ',', quote = '\"', "
            "escape = '\"', allow_quoted_nulls = false)", [str(file), types],
        ).to_arrow_table()  # fmt: skip
    assert read.to_pylist() == wanted.to_pylist()
    collection = site.get(f"{MIXTURE}?where=id%20%3C%203&format=geojson")
    assert collection.headers["content-type"] == "application/geo+json"
    features = collection.json()["features"]
    assert [one["geometry"] is None for one in features] == [False, True, False]
    assert "shape" not in features[0]["properties"]
    assert refused(site, COMMUNES, 409, format="geojson")["type"].endswith("format")


def test_header_accept_chooses_the_format(site: Client) -> None:
    path = f"{MIXTURE}?limit=2"
    for accept, media in (
        ("text/csv", "text/csv"), ("application/geo+json", "application/geo+json"),
        ("text/html,application/xhtml+xml", "application/json"),
        ("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("*/*", "application/json"),
    ):  # fmt: skip
        got = site.get(path, accept=accept)
        assert got.headers["content-type"].startswith(media), accept
        assert got.headers["vary"] == "Accept, Accept-Encoding"
    none = site.get(path, accept="image/png")
    assert (none.status_code, none.json()["type"]) == (
        406, "urn:moulouya:problem:not-acceptable",
    )  # fmt: skip


def test_client_that_has_an_answer_gets_no_other(site: Client) -> None:
    first = site.get(f"{MIXTURE}?limit=2")
    tag = first.headers["etag"]
    assert site.get(f"{MIXTURE}?limit=2", if_none_match=tag).status_code == 304
    assert site.get(f"{MIXTURE}?limit=3", if_none_match=tag).status_code == 200
    spaced = {"where": "id=1"}, {"where": " id  =  1 "}
    tags = {site.get(f"{MIXTURE}?{urlencode(one)}").headers["etag"] for one in spaced}
    assert len(tags) == 1


def test_head_tells_what_get_would(site: Client) -> None:
    path = f"{MIXTURE}?limit=2&select=id"
    got, head = site.get(path), site.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "link", "content-type", "content-length"):
        assert head.headers[name] == got.headers[name], name


def test_any_site_may_ask(site: Client) -> None:
    asked_first = site.request("OPTIONS", MIXTURE)
    assert asked_first.status_code == 204
    assert "If-None-Match" in asked_first.headers["access-control-allow-headers"]
    got = site.get(f"{MIXTURE}?limit=1")
    assert got.headers["access-control-allow-origin"] == "*"
    assert {"ETag", "Link"} <= set(got.headers["access-control-expose-headers"].split(", "))


def test_version_answers_the_same_for_good(built: lakes.Built) -> None:
    got = client_of(built)
    first = got.get(f"{COMMUNES}?limit=2&where=year%20=%202024").json()
    pinned = "/api/v1/datasets/communes/versions/1/records"
    before = got.get(f"{pinned}?limit=2")
    lakes.publish_communes(built, [("77.001", "Berkane", 2034, 1, "U")])
    lakes.commit(built)
    assert asked(got, COMMUNES)["records"][0]["year"] == 2034
    after = got.get(f"{pinned}?limit=2")
    assert after.content == before.content
    assert after.headers["etag"] == before.headers["etag"]
    assert "immutable" in after.headers["cache-control"]
    following = got.get(below(first["next"])).json()
    assert (following["version"], len(following["records"])) == (1, 2)
    told = refused(got, COMMUNES, 409, cursor=first["next"].partition("cursor=")[2])
    assert "version 1" in told["detail"]
    assert [
        one["version"] for one in got.get("/api/v1/datasets/communes/versions").json()["versions"]
    ] == [2, 1]
    changes = got.get("/api/v1/datasets/communes/changes?since=0").json()
    assert [one["version"] for one in changes["changes"]] == [2, 1]
    refused(got, "/api/v1/datasets/communes/versions/3/records", 404)
    assert got.get("/api/v1/releases").json()["total"] == 2
    assert got.get("/api/v1/releases/1").json()["datasets"]["communes"]["version"] == 1


@pytest.mark.parametrize(
    ("parameters", "status", "said"),
    [
        ({"where": "idd = 1"}, 409, "id"),
        ({"where": "x" * 4001}, 400, "4000"),
        ({"select": "idd"}, 409, "id"),
        ({"select": "sum(label)"}, 409, "numbers"),
        ({"select": "smu(id)"}, 409, "sum"),
        ({"select": "id,count(*)"}, 409, "group_by"),
        ({"select": "id,label as id"}, 409, "twice"),
        ({"select": "id;drop"}, 409, "not understood"),
        ({"group_by": "shape"}, 409, "shapes"),
        ({"group_by": "kind", "order_by": "id"}, 409, "id"),
        ({"order_by": "id desc"}, 409, "-column"),
        ({"limit": "0"}, 400, "10000"),
        ({"limit": "ten"}, 400, "limit"),
        ({"format": "xml"}, 400, "json"),
        ({"bbox": "1,2,3"}, 400, "bbox"),
        ({"bbox": "3,2,1,4"}, 409, "bbox"),
        ({"cursor": "AAAA"}, 409, "cursor"),
        ({"cursor": "é"}, 409, "cursor"),
        ({"limits": "3"}, 400, "limit"),
    ],
)
def test_mistake_is_told(site: Client, parameters: dict[str, str], status: int, said: str) -> None:
    told = refused(site, MIXTURE, status, **parameters)
    assert said in told["detail"] + told.get("hint", "") + " ".join(told.get("near", ()))


def test_cursor_of_another_question_is_refused(site: Client) -> None:
    following = asked(site, MIXTURE, limit=2)["next"]
    cursor = following.partition("cursor=")[2]
    assert asked(site, MIXTURE, limit=9, cursor=cursor)["records"][0]["id"] == 2
    refused(site, MIXTURE, 409, cursor=cursor, where="id > 0")
    refused(site, MIXTURE, 409, cursor=cursor, offset=3)


def test_what_is_not_there_is_a_problem(site: Client) -> None:
    assert refused(site, "/api/v1/datasets/mixtur", 404)["near"] == ["mixture"]
    refused(site, "/api/v1/nothing", 404)
    refused(site, "/api/v1/releases/99", 404)
    post = site.request("POST", MIXTURE)
    assert (post.status_code, post.headers["content-type"]) == (405, "application/problem+json")
    assert post.headers["allow"] == "GET, HEAD, OPTIONS"
    long = site.get(f"{MIXTURE}?where={quote('é' * 3900)}&select={quote('é' * 1900)}")
    assert long.status_code == 414


def test_too_many_or_too_slow_questions_are_told(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "WAIT_SECONDS", 0.01)
    with records._slots, records._slots, records._slots, records._slots:
        busy = site.get(f"{MIXTURE}?limit=11")
    assert (busy.status_code, busy.json()["type"]) == (503, "urn:moulouya:problem:busy")
    assert busy.headers["retry-after"]

    def slow(*_: object, **__: object) -> None:
        raise TooSlow("not answered within 10 s")

    monkeypatch.setattr(records, "tables", slow)
    late = site.get(f"{MIXTURE}?limit=12")
    assert (late.status_code, late.json()["type"]) == (503, "urn:moulouya:problem:too-slow")


def test_datasets_are_found_and_narrowed(site: Client) -> None:
    def slugs(**parameters: object) -> list[str]:
        return [one["slug"] for one in asked(site, "/api/v1/datasets", **parameters)["datasets"]]

    assert set(slugs()) == {"boundaries", "communes", "density", "mixture"}
    assert slugs(q="ménages") == ["communes"]
    assert slugs(theme="energy") == ["mixture"]
    assert slugs(sdg=11) == ["communes"]
    assert slugs(publisher="nobody") == []
    page = asked(site, "/api/v1/datasets", limit=3, sort="name")
    assert (page["total"], len(page["datasets"])) == (4, 3)
    last = site.get(below(page["next"])).json()
    assert (len(last["datasets"]), last["next"]) == (1, None)
    assert page["facets"]["theme"]["demography"] == 2
    refused(site, "/api/v1/datasets", 400, sort="size")


def test_dataset_is_described_in_every_language(site: Client) -> None:
    found = site.get("/api/v1/datasets/communes").json()
    assert found["title"] == lakes.COMMUNES["title"]
    assert found["licence"]["spdx"] == "ODbL-1.0"
    named = {one["name"]: one for one in found["columns"]}
    assert named["population"]["unit"] == "persons"
    assert named["kind"]["values"]["U"]["fr"] == "urbaine"
    for name, address in found["links"].items():
        assert site.get(below(address)).status_code == 200, name
    for file in found["files"]:
        assert site.head(urlsplit(file["href"]).path).status_code == 200
    checks = site.get("/api/v1/datasets/communes/validations").json()["validations"]["checks"]
    assert any(not one["success"] for one in checks)


def test_withdrawn_version_is_gone(built: lakes.Built) -> None:
    got = client_of(built)
    lakes.publish_communes(built, [("77.001", "Berkane", 2034, 1, "U")])
    lakes.commit(built)
    withdrawal = Withdrawal("communes", 2, "office", "wrong figures", "2026-11-20T00:00:00Z")
    release.commit(
        built.lake, lakes.REGION, built.settings.public_url, catalogue.build,
        change=release.Change(withdraw=[withdrawal]),
    )  # fmt: skip
    gone = got.get("/api/v1/datasets/communes/versions/2/records")
    assert (gone.status_code, gone.json()["reason"]) == (410, "wrong figures")


def test_document_declares_every_route_and_no_other(site: Client) -> None:
    document = site.get("/openapi.json").json()
    statements = site.get("/api/v1/sql/openapi.json").json()
    routed = {route.path for route in ROUTES if route.path.startswith("/api/v1")}
    assert {*document["paths"], *statements["paths"]} == routed - {"/api/v1/sql/openapi.json"}
    records_ = document["paths"]["/api/v1/datasets/{slug}/records"]["get"]
    assert {one["name"] for one in records_["parameters"]} >= {"where", "select", "cursor", "bbox"}
    limit = next(one for one in records_["parameters"] if one["name"] == "limit")
    assert limit["schema"]["maximum"] == parameters.MOST_RECORDS
    for path, methods in document["paths"].items():
        for operation in methods.values():
            problems = set(operation["responses"]) - {"200", "304"}
            assert {"400", "405", "500"} <= problems, path
            for status in problems:
                assert "application/problem+json" in operation["responses"][status]["content"]


def test_examples_of_the_page_are_answered(site: Client) -> None:
    served = site.app.state.current.catalogue()
    dataset = openapi.sample(served)
    tried = 0
    for one in OPERATIONS:
        path = one.path.replace("{slug}", dataset.slug).replace("{number}", "1")
        for example in openapi.examples_of(one, dataset):
            assert site.get(f"{path}?{example.query}").status_code == 200, example
            tried += 1
    assert tried >= 8


@pytest.mark.parametrize("code", ["ar", "fr", "en"])
def test_page_explains_the_api(site: Client, code: str) -> None:
    page = site.get(f"/{code}/api")
    assert page.status_code == 200
    for one in OPERATIONS:
        assert one.path in page.text
    assert "count_distinct" in page.text
    assert httpx.URL(f"/{code}/api").path in page.text


def test_same_question_is_asked_once(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/api/v1/datasets/mixture/versions/1/records?limit=13"
    first = site.get(path)
    monkeypatch.setattr(records, "tables", None)
    assert site.get(path).content == first.content


def test_damaged_table_is_not_read(built: lakes.Built) -> None:
    got = client_of(built)
    assert asked(got, COMMUNES, limit=22)["records"]
    file = built.lake.version("communes", 1) / "communes.duckdb"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.chmod(0o644)
    file.write_bytes(bytes(data))
    told = refused(got, COMMUNES, 503, limit=23)
    assert told["type"] == "urn:moulouya:problem:unavailable"
    assert duck.identifier("communes") not in told["detail"]
