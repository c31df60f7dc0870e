"""Published geometry is GeoParquet 1.0.0 that other readers understand."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import geopandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from small_workspace import SmallWorkspace, column, rows_of

POINT = {"type": "Point", "coordinates": [-2.32, 34.92]}
HIGH = {"type": "Point", "coordinates": [-1.91, 34.68, 550]}
SQUARE = {"type": "Polygon", "coordinates": [[[-3, 34], [-2, 34], [-2, 35], [-3, 34]]]}
COLUMNS = {"code": "text", "geometry": "geometry"}
# The required fields of the GeoParquet 1.0.0 specification, and what our columns say in them.
REQUIRED = {"version", "primary_column", "columns"}


def collection(*geometries: Any) -> bytes:
    """A FeatureCollection of features with a code."""
    features = [
        {"type": "Feature", "properties": {"code": f"0{number}"}, "geometry": geometry}
        for number, geometry in enumerate(geometries)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def geo_of(path: Path) -> dict[str, Any]:
    """The geo metadata of a Parquet file."""
    return dict(json.loads(pq.read_metadata(path).metadata[b"geo"]))


@pytest.fixture
def published(staged):
    """Stage geometries and give the published file."""
    return lambda *geometries: (
        staged(
            {"places.geojson": collection(*geometries)}, COLUMNS, source={"format": "geojson"}
        ).table
    )


def test_the_metadata_have_every_required_field(published):
    path = published(POINT, HIGH, SQUARE, None)
    geo = geo_of(path)
    assert set(geo) == REQUIRED
    assert (geo["version"], geo["primary_column"]) == ("1.0.0", "geometry")
    (described,) = geo["columns"].values()
    assert described["encoding"] == "WKB"
    assert sorted(described["geometry_types"]) == ["Point", "Point Z", "Polygon"]
    assert described["bbox"] == [-3, 34, 550, -1.91, 35, 550]
    assert described.get("crs", "absent") == "absent"  # absent means OGC:CRS84
    field = pq.read_schema(path).field("geometry")
    assert pa.types.is_binary(field.type)


def test_arrow_readers_find_the_reference_system(published):
    encoded = pq.read_metadata(published(POINT)).metadata[b"ARROW:schema"]
    schema = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(encoded)))
    metadata = schema.field("geometry").metadata
    assert metadata[b"ARROW:extension:name"] == b"geoarrow.wkb"
    assert json.loads(metadata[b"ARROW:extension:metadata"]) == {
        "crs": "OGC:CRS84", "crs_type": "authority_code"
    }  # fmt: skip


def test_geopandas_and_duckdb_read_the_same_shapes(published):
    path = published(POINT, HIGH, SQUARE, None)
    frame = geopandas.read_parquet(path)
    assert frame.crs.to_authority() == ("OGC", "CRS84")
    expected = [shapely.geometry.shape(one) for one in (POINT, HIGH, SQUARE)]
    assert list(frame.geometry)[:3] == expected
    assert frame.geometry.iloc[3] is None
    texts = rows_of(path, "typeof(geometry), ST_AsText(geometry)")
    assert texts == [
        ("GEOMETRY('OGC:CRS84')", "POINT (-2.32 34.92)"),
        ("GEOMETRY('OGC:CRS84')", "POINT Z (-1.91 34.68 550)"),
        ("GEOMETRY('OGC:CRS84')", "POLYGON ((-3 34, -2 34, -2 35, -3 34))"),
        ("GEOMETRY('OGC:CRS84')", None),
    ]
    (values,) = [pq.read_table(path, columns=["geometry"]).column(0).to_pylist()]
    assert list(shapely.from_wkb(values[:3])) == expected


@pytest.mark.parametrize("geometries", [[None, None], [{"type": "Point", "coordinates": []}]])
def test_a_column_without_any_shape_is_still_geometry(published, geometries):
    path = published(*geometries)
    assert geo_of(path)["columns"] == {"geometry": {"encoding": "WKB", "geometry_types": []}}
    assert len(geopandas.read_parquet(path)) == len(geometries)
    assert {row[0] for row in rows_of(path, "typeof(geometry)")} == {"GEOMETRY('OGC:CRS84')"}
    assert json.loads(pq.read_metadata(path).metadata[b"moulouya"])["slug"] == "sample"
    assert not list(path.parent.glob("*.again"))


def test_of_two_columns_one_may_be_without_shapes(staged):
    path = staged(
        "code,here,there\na,POINT (1 2),\nb,,\n",
        {"code": "text", "there": "geometry", "here": "geometry"},
    ).table
    columns = geo_of(path)["columns"]
    assert columns["there"]["geometry_types"] == []
    assert (columns["here"]["geometry_types"], columns["here"]["bbox"]) == (["Point"], [1, 2, 1, 2])
    assert rows_of(path, "code, ST_AsText(here), ST_AsText(there)") == [
        ("a", "POINT (1 2)", None), ("b", None, None)
    ]  # fmt: skip


def test_the_same_shapes_give_the_same_bytes(staged):
    made = []
    for geometries in ([POINT, None], [None, None]):
        for _ in range(2):
            table = staged(
                {"a.geojson": collection(*geometries)}, COLUMNS, source={"format": "geojson"}
            ).table
            made.append(table.read_bytes())
    assert made[0] == made[1]
    assert made[2] == made[3]


def test_a_shape_that_is_no_wkt_is_rejected_with_its_row(staged):
    found = staged("code,at\na,POINT (1 2)\nb,here\n", {"code": "text", "at": "geometry"})
    assert (found.rows, found.rejected) == (1, 1)
    assert rows_of(found.rejects, "line, reason") == [(3, "at: here is not geometry")]


def test_points_are_made_in_sql_and_pass_through_derived_datasets(workspace: SmallWorkspace):
    workspace.data("stops", "code,lon,lat\n01,-2.32,34.92\n02,,\n")
    columns = {"code": column("text"), "place": column("geometry", computed=True)}
    source = {
        "kind": "file", "path": "data/stops.csv", "format": "csv",
        "columns": {"lon": {"type": "number"}, "lat": {"type": "number"}},
    }  # fmt: skip
    workspace.define("stops", columns=columns, source=source)
    workspace.transform(
        "stops",
        "SELECT code, CAST('POINT (' || lon || ' ' || lat || ')' AS GEOMETRY) AS place FROM staged",
    )
    workspace.derive("copies", "SELECT code, place FROM stops", columns=columns)
    assert {record["outcome"] for record in workspace.run()} == {"published"}
    path = workspace.lake.version("copies", 1) / "copies.parquet"
    assert rows_of(path, "code, ST_AsText(place)") == [("01", "POINT (-2.32 34.92)"), ("02", None)]
    assert geo_of(path)["columns"]["place"]["bbox"] == [-2.32, 34.92, -2.32, 34.92]
