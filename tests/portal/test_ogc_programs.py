"""OGC API as GDAL and QGIS read it: types, whole layers, and what the documents promise."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pyogrio
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from moulouya.portal.ogc import items
from moulouya.portal.ogc.units import ucum
from moulouya.settings import Settings
from moulouya.storage.lake import Lake

from . import lakes, tables
from .conftest import Client, Server, client_of, free_port, servers
from .lakes import column, text

REL = "http://www.opengis.net/def/rel/ogc/1.0"
QUERYABLES = "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables-query-parameters"
GAP, ROWS, MANY = 40, 60, 100_000
POINTS: dict[str, Any] = {
    **lakes.BOUNDARIES,
    "title": text("نقط", "Points", "Points"),
    "key": ["number"],
    "columns": {
        "number": column("integer", "رقم", "Numéro", "Number"),
        "longitude": column("decimal(9,6)", "طول", "Longitude", "Longitude", unit="degrees"),
        "latitude": column("decimal(9,6)", "عرض", "Latitude", "Latitude", unit="degrees"),
    },
}
GAPS: dict[str, Any] = {
    **POINTS,
    "title": text("فجوات", "Lacunes", "Gaps"),
    "columns": {
        "zone": column("text", "منطقة", "Zone", "Zone"),
        "small": column("integer", "صغير", "Petit", "Small", unit="persons"),
        "large": column("integer", "كبير", "Grand", "Large"),
        "exact": column("integer", "دقيق", "Exact", "Exact"),
        "rate": column("number", "نسبة", "Taux", "Rate", unit="%"),
        "price": column("decimal(10,2)", "ثمن", "Prix", "Price", unit="persons per km²"),
        "open": column("boolean", "مفتوح", "Ouvert", "Open"),
        "day": column("date", "يوم", "Jour", "Day"),
        "at": column("datetime", "وقت", "Moment", "Time"),
        "more": column("json", "مزيد", "Plus", "More"),
        **POINTS["columns"],
    },
}
AREAS: dict[str, Any] = {
    **lakes.BOUNDARIES,
    "title": text("مساحات", "Surfaces", "Areas"),
    "key": ["number"],
    "columns": {
        "number": column("integer", "رقم", "Numéro", "Number"),
        "shape": column("geometry", "شكل", "Forme", "Shape"),
    },
}


def publish(built: lakes.Built) -> lakes.Built:
    """Columns that begin with gaps, areas of one part and of several, and very many points."""
    place = "(-2 + i / 1e6)::DECIMAL(9,6) AS longitude, (34 + i / 1e6)::DECIMAL(9,6) AS latitude"

    def late(sql: str, name: str) -> str:
        return f"CASE WHEN i >= {GAP} THEN {sql} END AS {name}"

    columns = [
        late("'007'", "zone"), late("i::BIGINT", "small"),
        late("(5000000000 + i)::BIGINT", "large"),
        late("(9007199254740993 + i)::BIGINT", "exact"), late("i / 7.0::DOUBLE", "rate"),
        late("(i + 0.25)::DECIMAL(10,2)", "price"), late("i % 2 = 0", '"open"'),
        late("DATE '2024-01-01' + i::INTEGER", "day"),
        late("TIMESTAMPTZ '2024-03-01 12:00:00+00' + to_seconds(i)", '"at"'),
        late("""'{"n": 1}'""", "more"), "i::BIGINT AS number", place,
    ]  # fmt: skip
    lakes.publish(built, "gaps", "territory", GAPS,
                  f"SELECT {', '.join(columns)} FROM range({ROWS}) r(i)")  # fmt: skip
    square = "((0 0, 1 0, 1 1, 0 0))"
    lakes.publish(
        built, "areas", "territory", AREAS,
        f"SELECT i::BIGINT AS number, (['POLYGON {square}', 'MULTIPOLYGON ({square})'])"
        "[1 + i % 2]::GEOMETRY AS shape FROM range(4) r(i)",
    )  # fmt: skip
    lakes.publish(built, "many", "territory", POINTS,
                  f"SELECT i::BIGINT AS number, {place} FROM range({MANY}) r(i)")  # fmt: skip
    tables.publish(built)
    lakes.commit(built)
    return built


@pytest.fixture(scope="module")
def built(pristine: lakes.Built, tmp_path_factory: pytest.TempPathFactory) -> lakes.Built:
    root = tmp_path_factory.mktemp("programs") / "lake"
    shutil.copytree(pristine.lake.root, root)
    url = f"http://127.0.0.1:{free_port()}"
    settings = Settings(lake=root, state=root.with_name("state"), public_url=url)
    return publish(lakes.Built(Lake(root), settings))


@pytest.fixture(scope="module")
def portal(built: lakes.Built) -> Client:
    return client_of(built)


@pytest.fixture(scope="module")
def running(built: lakes.Built) -> Iterator[Server]:
    """The portal at the address that its links name."""
    with servers() as start:
        yield start(replace(built), int(built.settings.public_url.rpartition(":")[2]))


def told(portal: Client, path: str, **headers: str) -> Any:
    response = portal.get(f"/ogc{path}", **headers)
    assert response.status_code == 200, response.text
    return response.json()


def hrefs(body: Any, rel: str) -> list[str]:
    return [one["href"] for one in body["links"] if one["rel"] == rel]


# Types


def test_gdal_types_columns_that_begin_with_gaps(running: Server) -> None:
    source = f"OAPIF:{running.url}/ogc"
    about = pyogrio.read_info(source, layer="gaps")
    found = dict(zip(about["fields"], about["ogr_types"], strict=True))
    assert {name: kind for name, kind in found.items() if name not in ("exact", "id")} == {
        "zone": "OFTString", "small": "OFTInteger", "large": "OFTReal", "rate": "OFTReal",
        "price": "OFTReal", "open": "OFTInteger", "day": "OFTDate", "at": "OFTDateTime",
        "more": "OFTString", "number": "OFTInteger", "longitude": "OFTReal", "latitude": "OFTReal",
    }  # fmt: skip
    read = pyogrio.read_dataframe(source, layer="gaps")
    assert len(read) == ROWS
    last = read[read["number"] == ROWS - 1].iloc[0]
    assert (last["zone"], last["small"], last["large"]) == ("007", 59, 5_000_000_059)
    assert (last["price"], bool(last["open"])) == (59.25, False)
    assert last["at"].to_pydatetime() == dt.datetime(2024, 3, 1, 12, 0, 59, tzinfo=dt.UTC)
    assert json.loads(last["more"]) == {"n": 1}
    # Beyond what GDAL's numbers hold exactly, no digit may change.
    assert str(last["exact"]) == str(9_007_199_254_740_993 + 59)
    deep = pyogrio.read_dataframe(source, layer="gaps", where="small > 57 AND price > 58.5")
    assert sorted(deep["number"]) == [59]


@pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="the tools of GDAL are not installed")
def test_the_tools_of_gdal_type_them_too(running: Server) -> None:
    source = f"OAPIF:{running.url}/ogc"
    arguments = [str(shutil.which("ogrinfo")), "-ro", "-so", source, "gaps"]
    patient = {**os.environ, "GDAL_HTTP_MAX_RETRY": "3", "GDAL_HTTP_RETRY_DELAY": "1"}
    ran = subprocess.run(arguments, capture_output=True, text=True, env=patient)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    said = ran.stdout
    kinds = dict(re.findall(r"^(\w+): (\w+)", said, re.MULTILINE))
    assert (kinds["rate"], kinds["small"], kinds["day"]) == ("Real", "Integer", "Date")
    assert f"Feature Count: {ROWS}" in said


def test_features_fit_the_schema_that_describes_them_as_geojson(portal: Client) -> None:
    for name in ("gaps", "areas", "mixture"):
        (schema, again) = (
            told(portal, href.partition("/ogc")[2])
            for rel in ("describedby", "describedBy")
            for href in hrefs(told(portal, f"/collections/{name}"), rel)
            if href.endswith("/schemas/feature")
        )
        assert schema == again
        for one in schema["properties"]["properties"]["properties"].values():
            types = one["type"] if isinstance(one["type"], list) else [one["type"]]
            one["type"] = [*types, "null"] if one.pop("nullable", False) else types
        validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        for feature in told(portal, f"/collections/{name}/items?limit=200")["features"]:
            validator.validate(feature)
    assert portal.get("/ogc/collections/catalog/schemas/feature").status_code == 404
    page = portal.get("/fr/ogc/collections/gaps/schemas/feature")
    assert page.status_code == 200
    assert "price" in page.text


def test_qgis_finds_types_order_and_titles_in_the_schema(portal: Client) -> None:
    (href,) = hrefs(told(portal, "/collections/gaps?lang=fr"), f"{REL}/schema")
    assert href.endswith("/collections/gaps/schema?lang=fr")
    schema = told(portal, "/collections/gaps/schema?lang=fr")
    columns = {name: one for name, one in schema["properties"].items() if name != "geometry"}
    ordered = {one["x-ogc-propertySeq"]: name for name, one in columns.items()}
    assert [ordered[number] for number in range(1, len(columns) + 1)] == list(GAPS["columns"])
    assert (columns["rate"]["type"], columns["rate"]["title"]) == ("number", "Taux")
    assert schema["properties"]["geometry"]["format"] == "geometry-point"
    areas = told(portal, "/collections/areas/schema")["properties"]["geometry"]
    assert areas["format"] == "geometry-polygon-or-multipolygon"


# Whole layers


def test_a_whole_layer_is_read_page_after_page_each_feature_once(portal: Client) -> None:
    seen: list[int] = []
    path, pages = "/collections/many/items?limit=20000", 0
    while path:
        page = told(portal, path)
        own = [one["properties"]["number"] for one in page["features"]]
        # More than the most is the most.
        assert len(own) == page["numberReturned"] == 10_000
        assert page["numberMatched"] == MANY
        seen += own
        pages += 1
        path = next(iter(hrefs(page, "next")), "").partition("/ogc")[2]
    assert pages == 10
    assert seen == list(range(MANY))


def test_pages_that_are_cut_lose_nothing_and_say_what_they_have(
    portal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "MOST_BYTES", 100_000)
    seen: list[int] = []
    path = "/collections/many/items?limit=5000&filter=number%20%3C%209000&sortby=-number"
    while path:
        page = told(portal, path)
        assert page["numberReturned"] == len(page["features"]) < 5000
        assert page["numberMatched"] == 9000
        seen += [one["properties"]["number"] for one in page["features"]]
        path = next(iter(hrefs(page, "next")), "").partition("/ogc")[2]
    assert seen == list(range(9000))[::-1]


# What the documents promise


def test_programs_find_paths_and_page_sizes_below_the_landing_page(portal: Client) -> None:
    document = told(portal, "/api")
    assert document["servers"][0]["url"].endswith("/ogc")
    assert document["components"]["parameters"]["limit"]["schema"]["default"] == 10
    for path in document["paths"]:
        if "{" not in path:
            told(portal, path)
    taken = document["paths"]["/collections/gaps/items"]["get"]["parameters"]
    (small,) = (one for one in taken if one.get("name") == "small")
    assert (small["style"], small["explode"], small["schema"]) == (
        "form",
        False,
        {"type": "integer"},
    )
    (sorting,) = (one for one in taken if one.get("name") == "sortby")
    assert {"small", "-small", "+small"} <= set(sorting["schema"]["items"]["enum"])


@pytest.mark.parametrize("name", ["gaps", "areas", "mixture", "catalog"])
def test_every_filter_that_fits_the_pattern_is_answered(portal: Client, name: str) -> None:
    taken = told(portal, "/api")["paths"][f"/collections/{name}/items"]["get"]["parameters"]
    (pattern,) = (one["schema"]["pattern"] for one in taken if one.get("name") == "filter")

    @trying(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(pattern, fullmatch=True))
    def answered(condition: str) -> None:
        told(portal, f"/collections/{name}/items?limit=1&filter={quote(condition)}")

    answered()


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        ("small > 7 AND zone LIKE '0%'", True),
        ("\"small\" IN (1, 2) OR day = DATE('2024-02-03')", True),
        ("CASEI(zone) = CASEI('A''b')", True),
        ("S_INTERSECTS(geometry, POINT(-2 34))", True),
        ("zone > 7", False),
        ("zone LIKE 'a\\'", False),
        ("nothing = 1", False),
    ],
)
def test_the_pattern_tells_conditions_with_values_of_the_right_type(
    portal: Client, condition: str, fits: bool
) -> None:
    taken = told(portal, "/api")["paths"]["/collections/gaps/items"]["get"]["parameters"]
    (pattern,) = (one["schema"]["pattern"] for one in taken if one.get("name") == "filter")
    assert bool(re.search(pattern, condition)) == fits
    answer = portal.get(f"/ogc/collections/gaps/items?filter={quote(condition)}")
    assert answer.status_code == (200 if fits else 400)


@pytest.mark.parametrize(
    "asked",
    ["small=99999999999999999999", "price=0.123456789", "price=1e300", "rate=1e308",
     "day=0000-02-29", "at=0000-01-01T00:00:00Z", "at=2016-12-31T23:59:60Z", "zone=%00",
     f"zone={'x' * 3000}"],
)  # fmt: skip
def test_a_value_that_no_column_can_hold_is_in_no_row(portal: Client, asked: str) -> None:
    assert told(portal, f"/collections/gaps/items?{asked}")["numberMatched"] == 0


def test_numbers_are_the_same_however_they_are_written(portal: Client) -> None:
    for asked in ("small=50", "small=50.0", "small=5e1", "price=50.25", "price=5025e-2"):
        assert told(portal, f"/collections/gaps/items?{asked}")["numberMatched"] == 1, asked
    for asked in ("small=", "day=", "open="):
        assert told(portal, f"/collections/gaps/items?{asked}")["numberMatched"] == GAP, asked


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ("-2,34,-1.999991,34.000009", range(10)),
        ("-2,34.000009,-1.999991,34", range(10)),
        ("358,34,358.0000095,34.000009", range(10)),
        ("-362,-200,-361.9999905,200", range(10)),
        ("-1000,33,1000,35", range(ROWS)),
        ("170,33,190,35", []),
        ("-2,34,-1e100,-2,35,1e100", [0]),
    ],
)
def test_a_box_is_understood_however_a_map_writes_it(
    portal: Client, box: str, expected: Any
) -> None:
    found = told(portal, f"/collections/gaps/items?limit=100&bbox={box}")
    assert [one["properties"]["number"] for one in found["features"]] == list(expected)


def test_the_ends_of_a_time_may_stand_in_either_order(portal: Client) -> None:
    asked = "/collections/gaps/items?limit=100&datetime="
    found, other = (
        [one["properties"]["number"] for one in told(portal, f"{asked}{ends}")["features"]]
        for ends in ("2024-02-10/2024-02-12", "2024-02-12/2024-02-10")
    )
    # What has no time fits every time.
    assert found == other == [*range(40), 40, 41, 42]
    # As QGIS asks for what was before.
    early = told(portal, f"{asked}0000-01-01T00:00:00Z/2024-02-10T00:00:00Z")
    assert early["numberMatched"] == 41


# Conformance


def test_schemas_keep_to_part_5(portal: Client) -> None:
    for name in ("gaps", "areas", "mixture", "catalog"):
        about = told(portal, f"/collections/{name}")
        for kind in ("schema", "queryables", "sortables"):
            (href,) = hrefs(about, f"{REL}/{kind}")
            answer = portal.get(f"/ogc{href.partition('/ogc')[2]}?lang=fr")
            assert answer.headers["content-type"] == "application/schema+json"
            schema = answer.json()
            Draft202012Validator.check_schema(schema)
            assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
            assert (schema["type"], "?" in schema["$id"]) == ("object", False)
            named = [one for one in schema["properties"].values() if one.get("x-ogc-role") == "id"]
            assert len(named) <= 1
            for one in schema["properties"].values():
                assert one["title"]
                assert ("type" in one) != one.get("format", "").startswith("geometry-")


@pytest.mark.parametrize(
    ("unit", "written"),
    [("%", "%"), ("degrees", "deg"), ("km²", "km2"), ("kg/ha", "kg/har"), ("pH", "[pH]"),
     ("persons", "{persons}"), ("percentage points", "{percentage_points}"),
     ("persons per km²", "{persons}/km2"), ("births per woman", "{births_per_woman}"),
     ("درهم", ""), ("a{b}", ""), ("", "")],
)  # fmt: skip
def test_units_are_written_in_ucum(unit: str, written: str) -> None:
    assert ucum(unit) == written


def test_every_column_is_a_parameter_where_the_class_is_claimed(portal: Client) -> None:
    claimed = told(portal, "/conformance")["conformsTo"]
    assert len(claimed) == len(set(claimed))
    assert QUERYABLES in claimed
    taken = told(portal, "/api")["paths"]["/collections/gaps/items"]["get"]["parameters"]
    parameters = {one["name"]: one["schema"] for one in taken if "name" in one}
    for name, one in told(portal, "/collections/gaps/queryables")["properties"].items():
        if name != "geometry" and one["type"] in ("string", "number", "integer", "boolean"):
            assert parameters[name].items() <= one.items()


def test_a_filter_knows_the_queryables_and_nothing_else(portal: Client) -> None:
    for name in ("gaps", "areas"):
        for one, said in told(portal, f"/collections/{name}/queryables")["properties"].items():
            place = "format" in said and "type" not in said
            condition = f"S_INTERSECTS({one}, POINT(0 0))" if place else f"{one} IS NULL"
            told(portal, f"/collections/{name}/items?filter={quote(condition)}")
        answer = portal.get(f"/ogc/collections/{name}/items?filter=nothing%20IS%20NULL")
        assert answer.status_code == 400


def test_the_catalogue_and_its_records_name_their_profiles(portal: Client) -> None:
    media = "application/ogc-catalog+json"
    answer = portal.get("/ogc/collections/catalog", Accept=media)
    assert answer.headers["content-type"] == media
    assert (answer.json()["type"], answer.json()["itemType"]) == ("Collection", "record")
    plain = portal.get("/ogc/collections/catalog", Accept="application/json")
    assert plain.headers["content-type"] == "application/json"
    profile = "http://www.opengis.net/def/profile/OGC/0/ogc"
    assert hrefs(plain.json(), "profile") == [f"{profile}-catalog"]
    for path in ("/collections/catalog/items", "/collections/catalog/items/gaps"):
        assert f"{profile}-record" in hrefs(told(portal, path), "profile")
        assert "timeStamp" not in told(portal, path)
