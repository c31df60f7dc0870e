"""OGC API Records and Features, asked by OWSLib and GDAL, and by those who look for faults."""

from __future__ import annotations

import datetime as dt
import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from owslib.ogcapi.features import Features
from owslib.ogcapi.records import Records
from pydantic import TypeAdapter

from moulouya import duck, sources
from moulouya.definition import Source
from moulouya.portal.ogc import items, parameters
from moulouya.portal.ogc.layers import box_of, layer_of
from moulouya.settings import Settings
from moulouya.storage.lake import Lake

from . import lakes, tables
from .conftest import PROGRAM, Client, Server, answering, client_of, free_port
from .lakes import column, text

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


def shapes() -> list[str | None]:
    """Points, lines and areas of all kinds, on both sides of the antimeridian, and none."""
    chance = random.Random(7)
    found: list[str | None] = [None, "POINT EMPTY", "POINT (180 10)", "POINT (-180 10)"]
    for _ in range(150):
        x, y = chance.uniform(-175, 165), chance.uniform(-80, 70)
        a, b = chance.uniform(0.01, 9), chance.uniform(0.01, 9)
        found += [
            f"POINT ({x} {y})",
            f"LINESTRING ({x} {y}, {x + a} {y + b})",
            f"POLYGON (({x} {y}, {x + a} {y}, {x} {y + b}, {x} {y}))",
        ]
    return found


SHAPES = shapes()
PLACES: dict[str, Any] = {
    **lakes.BOUNDARIES,
    "title": text("أشكال", "Formes", "Shapes"),
    "key": ["id"],
    "columns": {
        "id": column("integer", "رقم", "Numéro", "Number"),
        "seen": column("datetime", "وقت", "Moment", "Time"),
        "shape": column("geometry", "شكل", "Forme", "Shape"),
    },
}
WELLS: dict[str, Any] = {
    **lakes.BOUNDARIES,
    "title": text("آبار", "Puits", "Wells"),
    "temporal": {"start": "2024-01-01", "end": "2024-12-31"},
    "key": ["well", "layer"],
    "columns": {
        "well": column("text", "بئر", "Puits", "Well"),
        "layer": column("integer", "طبقة", "Couche", "Layer"),
        "type": column("text", "نوع", "Type", "Type"),
        "limit": column("integer", "حد", "Limite", "Limit"),
        "longitude": column("decimal(9,6)", "طول", "Longitude", "Longitude"),
        "latitude": column("decimal(9,6)", "عرض", "Latitude", "Latitude"),
    },
}
WELL_NAMES = ["P01", "a,b", "5%2C", "قرب/البئر", "what?#"]


def publish(built: lakes.Built) -> lakes.Built:
    """Tables with shapes of every kind, points, a key of two columns, days and gaps."""
    tables.publish(built)
    drawn = ", ".join("NULL" if one is None else duck.literal(one) for one in SHAPES)
    lakes.publish(
        built, "places", "territory", PLACES,
        f"SELECT i - 1 AS id, TIMESTAMPTZ '2024-03-01 12:00:00.5+00' + to_hours(i - 1) AS seen, "
        f"([{drawn}])[i]::GEOMETRY AS shape "
        f"FROM range(1, {len(SHAPES) + 1}) r(i)",
    )  # fmt: skip
    names = ", ".join(map(duck.literal, WELL_NAMES))
    lakes.publish(
        built, "wells", "territory", WELLS,
        f"SELECT ([{names}])[1 + i % {len(WELL_NAMES)}]::VARCHAR AS well, i AS layer, "
        "CASE WHEN i % 2 = 0 THEN 'deep' END AS type, i AS \"limit\", "
        "CASE WHEN i <> 3 THEN -2.5 + i / 10.0 END::DECIMAL(9,6) AS longitude, "
        "(34 + i / 10.0)::DECIMAL(9,6) AS latitude FROM range(25) r(i)",
    )  # fmt: skip
    lakes.commit(built)
    return built


@pytest.fixture(scope="module")
def built(pristine: lakes.Built, tmp_path_factory: pytest.TempPathFactory) -> lakes.Built:
    root = tmp_path_factory.mktemp("ogc") / "lake"
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
    url = built.settings.public_url
    port = url.rpartition(":")[2]
    command = [sys.executable, "-c", PROGRAM, str(built.lake.root), port, url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "Started worker" in line:
            break
    yield answering(Server(process, url))
    process.terminate()
    process.communicate(timeout=20)


def told(portal: Client, path: str, **headers: str) -> Any:
    response = portal.get(f"/ogc{path}", **headers)
    assert response.status_code == 200, response.text
    return response.json()


def hrefs(body: Any, rel: str) -> list[str]:
    return [one["href"] for one in body["links"] if one["rel"] == rel]


# Clients


def test_owslib_finds_datasets_in_any_language(running: Server) -> None:
    catalogue = Records(f"{running.url}/ogc/")
    assert catalogue.records() == ["catalog"]
    assert catalogue.api()["openapi"].startswith("3.0")
    kept = catalogue.conformance()["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/record-core" in kept
    for words in ("census", "recensement", "سكان الجماعات"):
        found = catalogue.collection_items("catalog", q=words)
        assert found["features"][0]["id"] == "communes"
    assert catalogue.collection_item("catalog", "communes")["properties"]["type"] == "dataset"
    assert "themes" in catalogue.collection_queryables("catalog")["properties"]
    titles = [
        one["properties"]["title"]
        for one in catalogue.collection_items("catalog", sortby=("title", "desc"))["features"]
    ]
    assert len(titles) == 6


def test_owslib_reads_features_page_after_page(running: Server) -> None:
    features = Features(f"{running.url}/ogc/")
    assert set(features.feature_collections()) == {"boundaries", "mixture", "places", "wells"}
    box = features.collection("wells")["extent"]["spatial"]["bbox"]
    assert box == [[-2.5, 34.0, -0.1, 36.4]]
    first = features.collection_items("wells", limit=10)
    assert (first["numberMatched"], first["numberReturned"]) == (25, 10)
    seen, page = [], first
    while True:
        seen += [one["id"] for one in page["features"]]
        following = hrefs(page, "next")
        if not following:
            break
        page = httpx.get(following[0]).json()
    assert len(seen) == len(set(seen)) == 25
    # Two wells and the one that has no place.
    assert features.collection_items("wells", bbox=[-2.45, 34, -2.2, 35])["numberMatched"] == 3
    assert (
        features.collection_schema("wells")["properties"]["geometry"]["format"] == "geometry-point"
    )


def test_gdal_reads_layers_filters_and_pages(running: Server) -> None:
    source = f"OAPIF:{running.url}/ogc/"
    layers = {str(name) for name, _ in pyogrio.list_layers(source)}
    assert layers == {"catalog", "boundaries", "mixture", "places", "wells"}
    whole = pyogrio.read_dataframe(source, layer="places", use_arrow=False)
    assert len(whole) == len(SHAPES)
    expected = [None if one is None else shapely.from_wkt(one) for one in SHAPES]
    for ours, drawn in zip(whole.sort_values("id", key=lambda ids: ids.astype(int)).geometry,
                           expected, strict=True):  # fmt: skip
        assert (ours is None) == (drawn is None or drawn.is_empty)
        assert ours is None or shapely.equals_exact(ours.normalize(), drawn.normalize(), 1e-9)
    some = pyogrio.read_dataframe(source, layer="wells", where="type = 'deep' AND layer >= 20")
    assert sorted(some["layer"]) == [20, 22, 24]
    near = pyogrio.read_dataframe(source, layer="wells", bbox=(-2.5, 34, -2.25, 36))
    assert sorted(near["layer"]) == [0, 1, 2]


def test_another_portal_can_take_a_layer_over(running: Server, tmp_path: Path) -> None:
    source = TypeAdapter[Any](Source).validate_python(
        {"kind": "ogc_features", "url": f"{running.url}/ogc", "collection": "wells",
         "page_size": 10, "params": {"type": "deep"}, "requests_per_second": 100}
    )  # fmt: skip
    asked = sources.Request(
        folder=tmp_path, workspace=tmp_path, user_agent="Moulouya/test", timeout=10
    )
    delivery = sources.fetch(source, asked)
    assert delivery is not None
    taken = [
        feature["properties"]["layer"]
        for name in delivery.members
        for feature in orjson.loads((tmp_path / name).read_bytes())["features"]
    ]
    assert taken == list(range(0, 25, 2))


def test_schemathesis_finds_no_fault(running: Server, tmp_path: Path) -> None:
    # Its own rules, with no configuration of ours.
    arguments = [
        str(Path(sys.executable).with_name("st")), "run", f"{running.url}/ogc/api",
        "--max-examples", "3", "--seed", "1", "--no-color", "--generation-database", "none",
    ]  # fmt: skip
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:]
    assert "14 selected" in done.stdout or "Selected: 14/14" in done.stdout


# Features


@pytest.fixture(scope="module")
def drawn() -> list[Any]:
    return [shapely.from_wkt(one) if one else None for one in SHAPES]


@trying(max_examples=60, deadline=None)
@given(
    west=st.floats(-180, 180), south=st.floats(-90, 90), wide=st.floats(0, 200),
    tall=st.floats(0, 120), heights=st.booleans(),
)  # fmt: skip
def test_a_box_finds_exactly_what_touches_it_and_what_has_no_place(
    portal: Client, drawn: list[Any], west: float, south: float, wide: float, tall: float,
    heights: bool,
) -> None:  # fmt: skip
    north, east = min(90.0, south + tall), west + wide
    parts = [shapely.box(west, south, min(east, 180), north)]
    if east > 180:
        east -= 360
        parts.append(shapely.box(-180, south, east, north))
    if (east < west) != (len(parts) == 2):
        return
    numbers = [west, south, 0, east, north, 9] if heights else [west, south, east, north]
    asked = ",".join(map(repr, numbers))
    found = told(portal, f"/collections/places/items?limit=1000&bbox={asked}")
    expected = [
        str(number)
        for number, one in enumerate(drawn)
        if one is None or any(shapely.intersects(one, part) for part in parts)
    ]
    assert [one["id"] for one in found["features"]] == expected
    assert found["numberMatched"] == found["numberReturned"] == len(expected)


def test_the_extent_is_the_box_around_all_shapes(built: lakes.Built) -> None:
    portal = client_of(built)
    catalogue = portal.app.state.current.catalogue()
    layer = layer_of(catalogue.datasets["places"])
    assert layer is not None
    expected = shapely.total_bounds([shapely.from_wkt(one) for one in SHAPES if one])
    assert box_of(catalogue, layer) == pytest.approx(tuple(expected))


def test_every_feature_is_found_by_its_id_however_it_is_written(portal: Client) -> None:
    for one in told(portal, "/collections/wells/items?limit=100")["features"]:
        path = f"/collections/wells/items/{quote(one['id'], safe='')}"
        found = told(portal, path)
        assert found["properties"] == one["properties"]
        assert hrefs(found, "self")[0].endswith(f"/ogc{path}")
        assert found["geometry"] == one["geometry"]
    assert told(portal, "/collections/wells/items?layer=1")["features"][0]["id"] == "a%2Cb,1"


@pytest.mark.parametrize("feature", ["nothing", "P01", "P01,x", "P01,1,2", "P01,99", "", "%00,1"])
def test_there_is_no_other_feature(portal: Client, feature: str) -> None:
    answer = portal.get(f"/ogc/collections/wells/items/{feature}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_property_is_a_parameter_unless_the_standard_has_one_of_its_name(
    portal: Client,
) -> None:
    path = "/collections/wells/items?limit=3"
    assert told(portal, f"{path}&type=deep")["numberMatched"] == 13
    assert told(portal, f"{path}&type=deep&layer=4")["numberMatched"] == 1
    assert told(portal, f"{path}&longitude=")["numberMatched"] == 1
    assert told(portal, f"{path}&filter=%22limit%22%20%3E%2020")["numberMatched"] == 4
    assert told(portal, f"{path}&well=5%252C")["numberMatched"] == 5
    # So it is not claimed that every column is one.
    claimed = told(portal, "/conformance")["conformsTo"]
    assert not any(one.endswith("/queryables-query-parameters") for one in claimed)


def test_conditions_add_up_and_are_counted(portal: Client) -> None:
    found = told(
        portal,
        "/collections/wells/items?limit=2&offset=1&bbox=-2.5,34,-1.5,36"
        "&filter=layer%20%3C%205%20AND%20NOT%20layer%20%3D%202&filter-lang=cql2-text",
    )
    assert [one["properties"]["layer"] for one in found["features"]] == [1, 3]
    assert found["numberMatched"] == 4
    assert "offset=3" in hrefs(found, "next")[0]
    assert "offset=0" in hrefs(found, "prev")[0]


def test_features_are_sorted_by_several_columns_and_the_rest_as_published(portal: Client) -> None:
    assert "shape" not in told(portal, "/collections/places/sortables")["properties"]
    seen: list[tuple[Any, int]] = []
    path = "/collections/wells/items?sortby=type,-well&limit=10"
    while path:
        page = told(portal, path)
        seen += [
            (one["properties"]["well"], one["properties"]["layer"]) for one in page["features"]
        ]
        path = next(iter(hrefs(page, "next")), "").partition("/ogc")[2]
    rows = [(WELL_NAMES[n % len(WELL_NAMES)], n) for n in range(25)]
    by_name = sorted(rows, key=lambda row: row[0], reverse=True)
    assert seen == sorted(by_name, key=lambda row: row[1] % 2)


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ("1900-02-03", lambda day: day == dt.date(1900, 2, 3)),
        ("1900-02-03T10:00:00Z", lambda day: day == dt.date(1900, 2, 3)),
        ("1950-01-01/1960-12-31", lambda day: dt.date(1950, 1, 1) <= day <= dt.date(1960, 12, 31)),
        ("../1910-01-01", lambda day: day <= dt.date(1910, 1, 1)),
        ("2000-01-01T00:00:00Z/..", lambda day: day >= dt.date(2000, 1, 1)),
        ("../..", lambda day: True),
    ],
)
def test_features_fall_into_a_time_by_their_own_day(portal: Client, asked: str, fits: Any) -> None:
    days = [dt.date(1899, 12, 30) + dt.timedelta(days=400 * n) for n in range(tables.ROWS)]
    found = told(portal, f"/collections/mixture/items?limit=500&datetime={asked}")
    assert [one["id"] for one in found["features"]] == [
        str(number) for number, day in enumerate(days) if fits(day)
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("2024-03-02", range(12, 36)),
        ("2024-03-01/2024-03-02", range(36)),
        ("2024-03-01T12:00:00.5Z", [0]),
        ("2024-03-01T13:00:00.5%2B01:00", [0]),
        ("2024-03-01T12:00:00Z", []),
        ("../2024-03-01T14:00:00Z", [0, 1]),
    ],
)
def test_features_fall_into_a_time_by_their_own_moment(
    portal: Client, asked: str, expected: Any
) -> None:
    found = told(portal, f"/collections/places/items?limit=500&datetime={asked}")
    assert [one["id"] for one in found["features"]] == [str(one) for one in expected]


def test_the_extent_says_from_when_to_when(portal: Client) -> None:
    ((start, end),) = told(portal, "/collections/places")["extent"]["temporal"]["interval"]
    hours = dt.timedelta(hours=len(SHAPES) - 1)
    first = dt.datetime(2024, 3, 1, 12, microsecond=500_000, tzinfo=dt.UTC)
    assert dt.datetime.fromisoformat(start) == first
    assert dt.datetime.fromisoformat(end) == first + hours
    assert start.endswith("Z")
    days = told(portal, "/collections/mixture")["extent"]["temporal"]["interval"][0]
    assert days[0] == "1899-12-30T00:00:00Z"


def test_features_without_a_day_have_the_time_of_their_dataset(portal: Client) -> None:
    wells = "/collections/wells/items?datetime="
    assert told(portal, f"{wells}2024-06-01")["numberMatched"] == 25
    assert told(portal, f"{wells}2025-01-01T00:00:00Z")["numberMatched"] == 0
    interval = told(portal, "/collections/wells")["extent"]["temporal"]["interval"]
    assert interval == [["2024-01-01T00:00:00Z", "2024-12-31T23:59:59Z"]]


def test_a_page_too_large_is_cut_and_goes_on(
    portal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "MOST_BYTES", 1)
    monkeypatch.setattr(items, "A_BATCH", 4)
    for query in ("limit=10", "limit=10&type=deep", "limit=3"):
        seen: list[int] = []
        path = f"/collections/wells/items?{query}"
        while True:
            page = told(portal, path)
            seen += [one["properties"]["layer"] for one in page["features"]]
            following = hrefs(page, "next")
            if not following:
                break
            path = following[0].partition("/ogc")[2]
        assert seen == [one for one in range(25) if "deep" not in query or one % 2 == 0]


def test_features_fit_their_schema(portal: Client) -> None:
    for name in ("wells", "mixture", "boundaries"):
        schema = told(portal, f"/collections/{name}/schema")
        assert schema["properties"].pop("geometry")["x-ogc-role"] == "primary-geometry"
        for one in schema["properties"].values():
            types = one["type"] if isinstance(one["type"], list) else [one["type"]]
            one["type"] = [*types, "null"]
        validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        for feature in told(portal, f"/collections/{name}/items?limit=200")["features"]:
            validator.validate(feature["properties"])


def test_the_address_can_be_kept_by_its_tag(portal: Client) -> None:
    path = "/ogc/collections/wells/items?limit=5"
    first = portal.get(path)
    assert first.headers["content-type"] == "application/geo+json"
    assert first.headers["content-crs"] == f"<{CRS84}>"
    assert first.headers["access-control-allow-origin"] == "*"
    assert portal.get(path, If_None_Match=first.headers["etag"]).status_code == 304
    other = portal.get(path, If_None_Match=first.headers["etag"], Accept_Language="fr")
    assert other.status_code == 200
    head = portal.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert portal.request("OPTIONS", path).status_code == 204
    assert portal.request("POST", path).status_code == 405


# Records


def test_a_record_tells_all_in_the_language_asked_for(portal: Client) -> None:
    found = told(portal, "/collections/catalog/items/communes?lang=fr")
    said = found["properties"]
    assert said["title"] == "Population des communes"
    assert said["keywords"] == ["recensement", "ménages"]
    assert said["language"] == {"code": "fr", "name": "Français", "dir": "ltr"}
    assert said["license"] == "ODbL-1.0"
    assert said["themes"][0]["concepts"][0]["id"] == "demography"
    assert [one["roles"] for one in said["contacts"]] == [["publisher"], ["distributor"]]
    assert found["time"] == {"interval": ["2024-09-01", "2024-09-30"]}
    assert shapely.from_geojson(orjson.dumps(found["geometry"])).bounds == (-3, 34, -1, 36)
    assert any(href.endswith("/communes.parquet") for href in hrefs(found, "enclosure"))
    assert {one["hreflang"] for one in found["links"] if one["rel"] == "alternate"
            and one["type"] == "application/geo+json"} == {"ar", "en"}  # fmt: skip
    arabic = portal.get("/ogc/collections/catalog/items/communes", Accept_Language="ar")
    assert arabic.headers["content-language"] == "ar"
    assert arabic.json()["properties"]["title"] == "سكان الجماعات"
    assert not hrefs(found, "items")
    assert hrefs(told(portal, "/collections/catalog/items/wells"), "items")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("", ["boundaries", "communes", "density", "mixture", "places", "wells"]),
        ("ids=wells,communes,nothing", ["communes", "wells"]),
        ("type=service,dataset&ids=wells", ["wells"]),
        ("type=service", []),
        ("q=population,wells", ["communes", "density", "wells"]),
        ("q=population%20density", ["density"]),
        ("q=density%20population", []),
        ("q=populatoin", []),
        ("keywords=m%C3%A9nages", ["communes"]),
        ("themes=energy", ["mixture"]),
        ("themes=territory&license=ODbL-1.0", ["boundaries", "density", "places", "wells"]),
        ("title=Wells&lang=en", ["wells"]),
        # What says nothing of its time fits every time.
        (
            "datetime=2024-09-15",
            ["boundaries", "communes", "density", "mixture", "places", "wells"],
        ),
        ("datetime=../2023-12-31", ["boundaries", "density", "mixture", "places"]),
        ("bbox=100,60,101,61", ["places"]),
        ("externalIds=dcat&ids=wells", ["wells"]),
        ("externalIds=isbn&ids=wells", []),
        ("sortby=-title&lang=en&ids=wells,communes,density", ["wells", "communes", "density"]),
        ("startindex=4", ["places", "wells"]),
    ],
)
def test_records_are_found(portal: Client, asked: str, expected: list[str]) -> None:
    found = told(portal, f"/collections/catalog/items?{asked}")
    ids = [one["id"] for one in found["features"]]
    assert (sorted(ids) if asked.startswith("q=") else ids) == expected
    assert found["numberReturned"] == len(expected)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("title = 'Wells'", ["wells"]),
        ("accenti(casei(title)) LIKE accenti(casei('WÉL%'))", ["wells"]),
        ("id IN ('wells', 'communes') AND NOT title = 'Wells'", ["communes"]),
        ("keywords LIKE '%ménages%' OR themes = 'energy'", ["communes", "mixture"]),
        ("S_INTERSECTS(geometry, BBOX(100, 60, 101, 61))", ["places"]),
        ("updated < TIMESTAMP('2000-01-01T00:00:00Z')", []),
        ("created <= updated AND id = 'density'", ["density"]),
        ("description IS NULL", []),
    ],
)
def test_records_meet_a_condition_in_cql2(
    portal: Client, condition: str, expected: list[str]
) -> None:
    asked = f"lang=en&filter-lang=cql2-text&filter={quote(condition)}"
    found = told(portal, f"/collections/catalog/items?{asked}")
    assert [one["id"] for one in found["features"]] == expected
    assert found["numberMatched"] == len(expected)


def test_a_condition_on_records_knows_every_queryable(portal: Client) -> None:
    names = told(portal, "/collections/catalog/queryables")["properties"]
    for name in set(names) - {"geometry"}:
        found = told(portal, f"/collections/catalog/items?filter={name}%20IS%20NOT%20NULL")
        assert found["numberMatched"] > 0, name
        told(portal, f"/collections/catalog/items?{name}=nothing")


def test_a_condition_holds_in_the_language_that_was_asked_for(portal: Client) -> None:
    for code, expected in (("fr", ["places"]), ("en", [])):
        found = told(portal, f"/collections/catalog/items?lang={code}&filter=title='Formes'")
        assert [one["id"] for one in found["features"]] == expected


def test_a_record_is_found_by_the_address_of_its_dataset(
    portal: Client, built: lakes.Built
) -> None:
    address = quote(f"{built.settings.public_url}/datasets/wells", safe="")
    for name in (address, f"dcat:{address}"):
        found = told(portal, f"/collections/catalog/items?externalIds={name}")
        assert [one["id"] for one in found["features"]] == ["wells"]


def test_the_same_release_gives_the_same_bytes(portal: Client, built: lakes.Built) -> None:
    for path in ("/", "/api", "/collections", "/collections/catalog/items", "/conformance"):
        assert portal.get(f"/ogc{path}").content == client_of(built).get(f"/ogc{path}").content


def test_pages_of_records_follow_one_another(portal: Client) -> None:
    first = told(portal, "/collections/catalog/items?limit=4&lang=fr&sortby=id")
    (following,) = hrefs(first, "next")
    second = told(portal, following.partition("/ogc")[2])
    assert [one["id"] for one in second["features"]] == ["places", "wells"]
    assert (first["numberMatched"], second["numberReturned"]) == (6, 2)
    assert second["features"][0]["properties"]["title"] == "Formes"
    assert not hrefs(second, "next")


# Mistakes, pages


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/?nothing=1", "nothing"),
        ("/collections/wells/items?wel=P01", "wel"),
        ("/collections/wells/items?limit=0", "limit"),
        ("/collections/wells/items?limit=ten", "limit"),
        ("/collections/wells/items?limit=1&limit=2", "limit"),
        ("/collections/wells/items?offset=-1", "offset"),
        ("/collections/wells/items?offset=1&startindex=1", "offset"),
        ("/collections/wells/items?bbox=1,2,3", "bbox"),
        ("/collections/wells/items?bbox=1,2,3,x", "bbox"),
        ("/collections/wells/items?bbox=1,2,3,1e999", "bbox"),
        ("/collections/wells/items?bbox=", "bbox"),
        ("/collections/wells/items?datetime=yesterday", "datetime"),
        ("/collections/wells/items?datetime=2024-13-01", "datetime"),
        ("/collections/wells/items?datetime=1/2/3", "datetime"),
        ("/collections/wells/items?layer=deep", "layer"),
        ("/collections/wells/items?layer=0.5", "layer"),
        ("/collections/wells/items?f=html&limit=0", "limit"),
        ("/collections/wells/items?filter=%20", "filter"),
        (f"/collections/wells/items?filter=layer%3D{'1' * 4000}", "filter"),
        (f"/collections/catalog/items?q={'a' * 300}", "q"),
        (f"/collections/catalog/items?q={'a,' * 60}", "q"),
        ("/collections/wells/items?filter=layer%20%3E", "filter"),
        ("/collections/wells/items?filter=nothing%20%3D%201", "filter"),
        ("/collections/wells/items?filter-lang=cql2-json", "filter-lang"),
        ("/collections/wells/items?crs=EPSG:26191", "crs"),
        ("/collections/catalog/items?sortby=rows", "sortby"),
        ("/collections/places/items?sortby=shape", "sortby"),
        ("/collections/places/items?sortby=", "sortby"),
        ("/collections/places/items?sortby=id,,seen", "sortby"),
        ("/collections/catalog/items?filter=rows%20%3D%201", "filter"),
        ("/collections/catalog/items?filter=title%20%3D", "filter"),
        ("/collections/catalog/items?filter-lang=cql2-json", "filter-lang"),
        ("/collections/catalog?limit=5", "limit"),
        ("/?f=xml", "f"),
        ("/?lang=de", "lang"),
    ],
)
def test_a_mistake_is_told(portal: Client, path: str, parameter: str) -> None:
    answer = portal.get(f"/ogc{path}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["parameter"]) == (400, parameter)
    assert body["detail"]
    assert body["code"]


@pytest.mark.parametrize("path", ["/collections/communes", "/collections/nothing/items", "/x"])
def test_what_is_not_there_is_not_found(portal: Client, path: str) -> None:
    answer = portal.get(f"/ogc{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("written", "good"),
    [
        ("2024-09-01", True),
        ("2024-09-30T08:00:00Z", True),
        ("2024-09-01T08:00:00.5+01:00", True),
        ("2024-09-01/2024-09-30", True),
        ("../2024-09-30T23:59:59Z", True),
        ("2024-09-01/", True),
        ("../..", True),
        ("0000-01-01T00:00:00Z/2024-09-30", True),
        ("2024-09-01/9999-12-31T23:59:59-05:00", True),
        ("2024-02-29", True),
        ("2016-12-31T23:59:60Z", True),
        ("2023-02-29", False),
        ("1900-02-29", False),
        ("2024-06-31", False),
        ("", False),
        ("..", False),
        ("2024-13-01", False),
        ("2024-09-01T25:00:00Z", False),
    ],
)
def test_the_document_tells_what_times_are_understood(
    portal: Client, written: str, good: bool
) -> None:
    schema = told(portal, "/api")["components"]["parameters"]["datetime"]["schema"]
    assert bool(re.search(schema["pattern"], written)) == good
    answer = portal.get(f"/ogc/collections/wells/items?datetime={quote(written)}")
    assert answer.status_code == (200 if good else 400)


def test_what_older_clients_send_is_understood_and_not_told(portal: Client) -> None:
    told_of = json.dumps(told(portal, "/api"))
    assert "startindex" not in told_of
    one, other = (
        told(portal, f"/collections/wells/items?{name}=20&limit=3")["features"]
        for name in ("startindex", "offset")
    )
    assert one == other


def test_more_than_the_most_is_the_most() -> None:
    assert parameters.limit({"limit": "9" * 25}) == parameters.MOST


PAGES = ("", "/conformance", "/api", "/collections", "/collections/catalog", "/collections/wells",
         "/collections/catalog/items", "/collections/wells/items", "/collections/wells/schema",
         "/collections/catalog/queryables", "/collections/catalog/items/communes",
         "/collections/wells/items/a%252Cb%2C1")  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_every_document_is_a_page_too(portal: Client, path: str) -> None:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    for led in (portal.get(f"/ogc{path}", Accept=browser, Accept_Language="fr"),
                portal.get(f"/ogc{path}?f=html&lang=fr")):  # fmt: skip
        assert led.status_code == 303
        page = portal.get(led.headers["location"])
        assert page.status_code == 200, led.headers["location"]
        assert page.headers["content-language"] == "fr"
        assert "<h1>" in page.text
    assert portal.get(f"/ogc{path}?f=json", Accept=browser).headers["content-type"] != "text/html"


def test_a_page_shows_what_the_document_says(portal: Client) -> None:
    wells = portal.get("/en/ogc/collections/wells/items?type=deep").text
    assert "قرب/البئر" in wells
    assert 'href="/en/ogc/collections/wells/items?type=deep&amp;offset=10"' in wells
    assert "Population of communes" in portal.get("/en/ogc/collections/catalog/items").text
    assert lakes.HOSTILE not in portal.get("/ar/ogc/collections/catalog/items").text
    assert portal.get("/en/ogc/collections/wells/items?bbox=1").status_code == 400
    assert portal.get("/de/ogc").status_code == 404
