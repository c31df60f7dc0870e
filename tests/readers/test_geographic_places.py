"""Coordinate reference systems: a shape lands where it is, or the file is refused."""

from __future__ import annotations

import json
import math

import pytest
import shapely
from geographic import collection, feature, gml, read, shapefile

from moulouya.errors import ReadError
from moulouya.readers.geo import crs, looks_swapped

CLARKE_1880_IGN = (6378249.2, 6356515.0)
WGS84 = (6378137.0, 6378137.0 * (1 - 1 / 298.257223563))
BERKANE = (-2.32, 34.92)
# The .prj that ArcGIS writes, without any code of an authority.
ESRI_NORD_MAROC = (
    'PROJCS["Merchich_Nord_Maroc",GEOGCS["GCS_Merchich",DATUM["D_Merchich",SPHEROID['
    '"Clarke_1880_IGN",6378249.2,293.4660213]],PRIMEM["Greenwich",0],UNIT["Degree",'
    '0.017453292519943295]],PROJECTION["Lambert_Conformal_Conic"],PARAMETER["false_easting",'
    '500000],PARAMETER["false_northing",300000],PARAMETER["latitude_of_origin",33.3],'
    'PARAMETER["central_meridian",-5.4],PARAMETER["scale_factor",0.999625769],UNIT["Meter",1],'
    'PARAMETER["standard_parallel_1",33.3]]'
)
# Latitude of origin and scale factor of the four zones.
ZONES = {
    26191: (33.3, -5.4, 0.999625769, 500000, 300000),
    26192: (29.7, -5.4, 0.999615596, 500000, 300000),
    26194: (26.1, -5.4, 0.999616304, 1200000, 400000),
    26195: (22.5, -5.4, 0.999616437, 1500000, 400000),
}


def merchich(longitude: float, latitude: float, zone: int) -> tuple[float, float]:
    """WGS 84 degrees to metres of a Merchich zone, by the textbook: three shifts (31, 146, 47)
    between the datums, then a Lambert conformal conic with one parallel."""
    a, b = WGS84
    phi, lam = math.radians(latitude), math.radians(longitude)
    n = a / math.sqrt(1 - (1 - b * b / a / a) * math.sin(phi) ** 2)
    x = n * math.cos(phi) * math.cos(lam) - 31
    y = n * math.cos(phi) * math.sin(lam) - 146
    z = n * b * b / a / a * math.sin(phi) - 47
    a, b = CLARKE_1880_IGN
    e2 = 1 - b * b / a / a
    lam, p = math.atan2(y, x), math.hypot(x, y)
    phi = math.atan2(z, p * (1 - e2))
    for _ in range(10):
        n = a / math.sqrt(1 - e2 * math.sin(phi) ** 2)
        phi = math.atan2(z + e2 * n * math.sin(phi), p)
    origin, meridian, scale, east, north = ZONES[zone]
    phi0, lam0, e = math.radians(origin), math.radians(meridian), math.sqrt(e2)

    def conformal(phi: float) -> float:
        s = e * math.sin(phi)
        return math.tan(math.pi / 4 - phi / 2) / ((1 - s) / (1 + s)) ** (e / 2)

    sine = math.sin(phi0)
    n0 = a / math.sqrt(1 - e2 * sine**2)
    rho0 = scale * n0 / math.tan(phi0)
    rho = rho0 * (conformal(phi) / conformal(phi0)) ** sine
    theta = sine * (lam - lam0)
    return east + rho * math.sin(theta), north + rho0 - rho * math.cos(theta)


def metres(shape: shapely.Point, place: tuple[float, float]) -> float:
    """About how far a point is from a place."""
    east = (shape.x - place[0]) * 111_320 * math.cos(math.radians(place[1]))
    return math.hypot(east, (shape.y - place[1]) * 110_900)


@pytest.mark.parametrize(
    ("zone", "place"),
    [(26191, BERKANE), (26191, (-5.0, 34.03)), (26192, (-9.6, 30.42)), (26194, (-13.2, 27.15)),
     (26195, (-15.9, 23.7))],
)  # fmt: skip
def test_every_merchich_zone_lands_within_a_metre(tmp_path, zone, place):
    point = merchich(*place, zone)
    found = read(
        tmp_path, {"a.geojson": collection(feature(point))}, "geojson",
        geometry={"crs": f"EPSG:{zone}"},
    )  # fmt: skip
    assert metres(found.shapes[0], place) < 1


def test_an_esri_prj_without_a_code_lands_within_a_metre(tmp_path):
    point = shapely.Point(merchich(*BERKANE, 26191))
    parts = shapefile(tmp_path / "shp", [point], {"name": ["Berkane"]})
    parts["prj"].write_text(ESRI_NORD_MAROC)
    found = read(tmp_path, list(parts.values()), "shapefile")
    assert metres(found.shapes[0], BERKANE) < 1


def test_a_datum_without_a_known_shift_is_refused(tmp_path):
    parts = shapefile(tmp_path / "shp", [shapely.Point(1, 2)], {"name": ["x"]})
    parts["prj"].write_text(
        'GEOGCS["Old",DATUM["D_Survey_of_1921",SPHEROID["Clarke_1880_IGN",6378249.2,293.466]],'
        'PRIMEM["Greenwich",0],UNIT["Degree",0.0174532925199433]]'
    )
    with pytest.raises(ReadError, match="no exact transformation"):
        read(tmp_path, list(parts.values()), "shapefile")


def test_a_file_that_names_no_system_needs_a_declared_one(tmp_path):
    parts = shapefile(tmp_path / "shp", [shapely.Point(BERKANE)], {"name": ["x"]})
    del parts["prj"]
    files = list(parts.values())
    with pytest.raises(ReadError, match=r"declare source\.geometry\.crs"):
        read(tmp_path, files, "shapefile")
    found = read(tmp_path, files, "shapefile", geometry={"crs": "EPSG:4326"})
    assert found.shapes == [shapely.Point(BERKANE)]


POINT = "<w:at><gml:Point SRS><gml:pos>{} {}</gml:pos></gml:Point></w:at>"


@pytest.mark.parametrize(
    ("srs", "order"),
    [
        ("urn:ogc:def:crs:EPSG::4326", "lat_lon"),
        ("urn:x-ogc:def:crs:EPSG:4326", "lat_lon"),
        ("http://www.opengis.net/def/crs/EPSG/0/4326", "lat_lon"),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "lon_lat"),
        ("http://www.opengis.net/gml/srs/epsg.xml#4326", "lon_lat"),
        ("EPSG:4326", "lon_lat"),
    ],
)
def test_the_form_of_a_srs_name_says_the_order_of_coordinates(tmp_path, srs, order):
    place = BERKANE if order == "lon_lat" else BERKANE[::-1]
    found = read(tmp_path, {"a.gml": gml(POINT.format(*place), srs=srs)}, "gml")
    assert found.shapes == [shapely.Point(BERKANE)]
    other = "lat_lon" if order == "lon_lat" else "lon_lat"
    overruled = read(
        tmp_path, {"a.gml": gml(POINT.format(*place[::-1]), srs=srs)}, "gml",
        geometry={"axis": other},
    )  # fmt: skip
    assert overruled.shapes == [shapely.Point(BERKANE)]


def test_northing_before_easting_follows_the_authority(tmp_path):
    east, north = 3_500_000, 7_000_000  # EPSG:2393 lists northing first
    text = gml(POINT.format(north, east), srs="urn:ogc:def:crs:EPSG::2393")
    (shape,) = read(tmp_path, {"a.gml": text}, "gml").shapes
    assert (round(shape.x), round(shape.y)) == (27, 63)


def test_projected_coordinates_that_look_swapped_are_refused(tmp_path):
    east, north = merchich(*BERKANE, 26191)
    text = collection(feature((north, east)))
    geometry = {"crs": "EPSG:26191"}
    with pytest.raises(ReadError, match="look swapped") as raised:
        read(tmp_path, {"a.geojson": text}, "geojson", geometry=geometry)
    assert "lat_lon" in raised.value.hint
    found = read(tmp_path, {"a.geojson": text}, "geojson", geometry={**geometry, "axis": "lat_lon"})
    assert metres(found.shapes[0], BERKANE) < 1


def test_degrees_in_a_file_that_should_be_in_metres_are_refused(tmp_path):
    with pytest.raises(ReadError, match="look like degrees"):
        read(
            tmp_path, {"a.geojson": collection(feature(BERKANE))}, "geojson",
            geometry={"crs": "EPSG:26191"},
        )  # fmt: skip


def test_metres_in_a_file_that_should_be_in_degrees_are_refused(tmp_path):
    with pytest.raises(ReadError, match=r"no shape .* lies on Earth"):
        read(tmp_path, {"a.geojson": collection(feature((780_000, 480_000)))}, "geojson")


def test_one_shape_off_the_map_is_rejected_alone(tmp_path):
    text = collection(feature(BERKANE, n=1), feature((1e20, 3), n=2), feature((181, 3), n=3))
    found = read(tmp_path, {"a.geojson": text}, "geojson")
    assert [row["n"] for row in found.rows] == ["1"]
    assert [(bad.line, bad.reason) for bad in found.malformed] == [
        (2, "its coordinates are not on Earth"), (3, "its coordinates are not on Earth")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("member", "place"),
    [
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}, BERKANE),
        # In GeoJSON x comes first, whatever a urn says elsewhere.
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4326"}}, BERKANE),
        ({"type": "name", "properties": {"name": "EPSG:26191"}}, merchich(*BERKANE, 26191)),
        ({"type": "EPSG", "properties": {"code": 26191}}, merchich(*BERKANE, 26191)),
    ],
)
@pytest.mark.parametrize("after", [False, True])
def test_the_crs_member_of_older_geojson_is_honoured(tmp_path, member, place, after):
    text = collection(feature(place), crs=member)
    if after:
        text = collection(feature(place))[:-1] + ', "crs": ' + json.dumps(member) + "}"
    found = read(tmp_path, {"a.geojson": text}, "geojson")
    assert metres(found.shapes[0], BERKANE) < 1


@pytest.mark.parametrize("member", [None, {"type": "link", "properties": {"href": "http://x"}}])
def test_a_crs_member_that_says_nothing_needs_a_declared_system(tmp_path, member):
    with pytest.raises(ReadError, match="does not say in which coordinate reference system"):
        read(tmp_path, {"a.geojson": collection(feature(BERKANE), crs=member)}, "geojson")


def test_heights_stay_as_they_are(tmp_path):
    east, north = merchich(*BERKANE, 26191)
    text = collection(feature((east, north, 152.5)), feature((east, north)))
    high, flat = read(
        tmp_path, {"a.geojson": text}, "geojson", geometry={"crs": "EPSG:26191"}
    ).shapes
    assert (high.z, flat.has_z) == (152.5, False)


def test_bounds_outside_of_a_box_look_swapped_only_when_swapping_brings_them_in():
    oriental = (-3.5, 32.0, -1.0, 35.5)
    assert looks_swapped((34.0, -3.0, 35.0, -2.0), oriental)
    assert not looks_swapped((-3.0, 34.0, -2.0, 35.0), oriental)
    assert not looks_swapped((2.0, 48.0, 3.0, 49.0), oriental)


def test_an_unknown_declared_system_is_named(tmp_path):
    with pytest.raises(ReadError, match="EPSG:99999"):
        read(
            tmp_path, {"a.geojson": collection(feature(BERKANE))}, "geojson",
            geometry={"crs": "EPSG:99999"},
        )  # fmt: skip


def test_a_srs_name_nobody_knows_is_refused():
    with pytest.raises(ReadError, match="not known: urn:mine"):
        crs.named("urn:mine", "a.gml")
