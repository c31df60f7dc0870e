"""Shapefiles, GeoPackages, KML and GML: attributes as they are, damage and hostility refused."""

from __future__ import annotations

import sqlite3
import struct
import zipfile

import pytest
import shapely
from geographic import geopackage, gml, kml, read, shapefile, zipped

from moulouya.errors import ReadError
from moulouya.readers import geo

HERE, THERE = shapely.Point(-2.32, 34.92), shapely.Point(-1.91, 34.68)
NAMES = {"code": ["01", "02"], "people": [109237, 551767], "share": [0.5, 1.25]}


@pytest.fixture
def parts(tmp_path):
    """The parts of a small shapefile."""
    return shapefile(tmp_path / "shp", [HERE, THERE], NAMES)


def test_a_shapefile_is_read_from_its_parts_or_a_bare_zip(tmp_path, parts):
    loose = read(tmp_path, list(parts.values()), "shapefile")
    archive = zipped(tmp_path / "a.zip", {f"deep/{p.name}": p for p in parts.values()})
    packed = read(tmp_path, [archive], "shapefile")
    assert loose.rows == packed.rows
    assert loose.types == {"geometry": "GEOMETRY", "people": "BIGINT", "share": "DOUBLE"}
    assert [(row["code"], row["people"], row["share"], row["_line"]) for row in loose.rows] == [
        ("01", 109237, 0.5, 1), ("02", 551767, 1.25, 2)
    ]  # fmt: skip
    assert loose.shapes == [HERE, THERE]


def test_parts_in_capital_letters_belong_together(tmp_path, parts):
    archive = zipped(tmp_path / "a.zip", {p.name.upper(): p for p in parts.values()})
    assert len(read(tmp_path, [archive], "shapefile").rows) == 2


def test_of_several_shapefiles_the_declared_one_is_read(tmp_path, parts):
    others = shapefile(tmp_path / "others", [HERE], {"other": ["x"]}, name="rivers")
    members = {p.name: p for p in [*parts.values(), *others.values()]}
    archive = zipped(tmp_path / "a.zip", members)
    with pytest.raises(ReadError, match=r"one of: (places, rivers|rivers, places)"):
        read(tmp_path, [archive], "shapefile")
    found = read(tmp_path, [archive], "shapefile", geometry={"layer": "rivers"})
    assert [row["other"] for row in found.rows] == ["x"]


@pytest.mark.parametrize("suffix", ["shx", "dbf"])
def test_a_missing_part_is_named(tmp_path, parts, suffix):
    del parts[suffix]
    archive = zipped(tmp_path / "a.zip", {p.name: p for p in parts.values()})
    with pytest.raises(ReadError, match=rf"a\.zip has no places\.{suffix}"):
        read(tmp_path, [archive], "shapefile")


def test_a_zip_without_a_shapefile_says_so(tmp_path):
    with pytest.raises(ReadError, match=r"holds no \.shp file"):
        read(tmp_path, [zipped(tmp_path / "a.zip", {"readme.txt": b"x"})], "shapefile")


@pytest.mark.parametrize("suffix", ["shp", "shx", "dbf"])
def test_a_part_that_is_cut_off_is_refused(tmp_path, parts, suffix):
    body = parts[suffix].read_bytes()
    parts[suffix].write_bytes(body[: len(body) * 2 // 3])
    with pytest.raises(ReadError, match=r"cut off|no part of a shapefile|no dBASE table"):
        read(tmp_path, list(parts.values()), "shapefile")


def test_a_damaged_shape_is_not_taken_for_an_absent_one(tmp_path, parts):
    body = bytearray(parts["shp"].read_bytes())
    struct.pack_into("<i", body, 108, 99)  # a shape type that there is not
    parts["shp"].write_bytes(body)
    with pytest.raises(ReadError):
        read(tmp_path, list(parts.values()), "shapefile")


def test_an_index_that_leads_nowhere_is_refused(tmp_path, parts):
    body = bytearray(parts["shx"].read_bytes())
    struct.pack_into(">i", body, 100, 2**30)
    parts["shx"].write_bytes(body)
    with pytest.raises(ReadError, match="points outside"):
        read(tmp_path, list(parts.values()), "shapefile")


def test_a_table_with_other_counts_is_refused(tmp_path, parts):
    others = shapefile(tmp_path / "more", [HERE] * 3, {"code": list("abc")})
    mixed = {**parts, "dbf": others["dbf"]}
    archive = zipped(tmp_path / "a.zip", {p.name: p for p in mixed.values()})
    with pytest.raises(ReadError, match="2 shapes but 3 rows"):
        read(tmp_path, [archive], "shapefile")


def test_a_null_shape_is_a_row_without_geometry(tmp_path):
    parts = shapefile(tmp_path / "shp", [HERE, None], {"code": ["a", "b"]})
    assert read(tmp_path, list(parts.values()), "shapefile").shapes == [HERE, None]


@pytest.mark.parametrize(
    ("written", "said", "declared"),
    [("UTF-8", "UTF-8", None), ("CP1256", "1256", None), ("CP1256", "ANSI 1256", None),
     ("CP1256", None, "cp1256"), ("CP1256", "UTF-8", "cp1256")],
)  # fmt: skip
def test_the_encoding_is_the_declared_one_or_that_of_the_cpg(tmp_path, written, said, declared):
    parts = shapefile(tmp_path / "shp", [HERE], {"name": ["بركان"]}, encoding=written)
    if said is None:
        parts.pop("cpg", None)
    else:
        parts["cpg"] = parts["shp"].with_suffix(".cpg")
        parts["cpg"].write_text(said)
    dialect = {"dialect": {"encoding": declared}} if declared else {}
    (row,) = read(tmp_path, list(parts.values()), "shapefile", **dialect).rows
    assert row["name"] == "بركان"


def test_text_of_an_unsaid_encoding_is_refused_and_ascii_needs_none(tmp_path, parts):
    del parts["cpg"]
    assert len(read(tmp_path, list(parts.values()), "shapefile").rows) == 2
    arabic = shapefile(tmp_path / "ar", [HERE], {"name": ["بركان"]}, encoding="CP1256")
    arabic.pop("cpg", None)
    body = bytearray(arabic["dbf"].read_bytes())
    body[29] = 0x57  # «ANSI»: whatever the publisher's machine had
    arabic["dbf"].write_bytes(body)
    with pytest.raises(ReadError, match=r"declare source\.dialect\.encoding"):
        read(tmp_path, list(arabic.values()), "shapefile")


def test_text_that_is_not_in_the_declared_encoding_is_refused(tmp_path):
    parts = shapefile(tmp_path / "shp", [HERE], {"name": ["é"]}, encoding="CP1252")
    with pytest.raises(ReadError, match="is not utf-8"):
        read(tmp_path, list(parts.values()), "shapefile", dialect={"encoding": "utf-8"})


def test_a_zip_cannot_write_outside_of_its_folder(tmp_path, parts):
    archive = zipped(tmp_path / "a.zip", {f"../../{p.name}": p for p in parts.values()})
    with pytest.raises(ReadError, match="leads elsewhere"):
        read(tmp_path, [archive], "shapefile")
    assert not list(tmp_path.glob("places.*"))


def test_parts_of_one_name_in_two_folders_are_not_mixed(tmp_path, parts):
    members = {f"a/{p.name}": p for p in parts.values()}
    archive = zipped(tmp_path / "a.zip", {**members, "b/places.prj": b"", "b/places.shp": b""})
    with pytest.raises(ReadError, match="twice, in different folders"):
        read(tmp_path, [archive], "shapefile")


def test_a_geopackage_keeps_the_types_of_its_columns(tmp_path):
    path = geopackage(tmp_path / "a.gpkg", {"places": ([HERE, None], NAMES)})
    found = read(tmp_path, [path], "geopackage")
    assert found.types == {
        "geometry": "GEOMETRY", "fid": "BIGINT", "people": "BIGINT", "share": "DOUBLE"
    }  # fmt: skip
    assert [(row["code"], row["people"]) for row in found.rows] == [("01", 109237), ("02", 551767)]
    assert found.shapes == [HERE, None]


def test_of_several_layers_the_declared_one_is_read(tmp_path):
    path = geopackage(
        tmp_path / "a.gpkg",
        {"places": ([HERE], {"n": ["p"]}), "rivers": ([THERE], {"n": ["r"]})},
    )
    with pytest.raises(ReadError, match="one of: places, rivers"):
        read(tmp_path, [path], "geopackage")
    found = read(tmp_path, [path], "geopackage", geometry={"layer": "rivers"})
    assert found.rows[0]["n"] == "r"
    with pytest.raises(ReadError, match="no layer 'lakes'"):
        read(tmp_path, [path], "geopackage", geometry={"layer": "lakes"})


def test_curves_become_lines(tmp_path):
    path = geopackage(tmp_path / "a.gpkg", {"places": ([shapely.LineString([HERE, THERE])] * 2,
                                                       {"n": ["a", "b"]})})  # fmt: skip
    arc = struct.pack("<BII6d", 1, 8, 3, -2.0, 34.0, -1.5, 34.5, -1.0, 34.0)
    with sqlite3.connect(path) as database:  # ISO 13249-3: a circular string of three positions
        (blob,) = database.execute("SELECT geom FROM places WHERE n = 'a'").fetchone()
        for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'places'"
        ).fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        header = blob[:8] if not blob[3] & 0x0E else blob[:40]
        database.execute("UPDATE places SET geom = ? WHERE n = 'a'", [header + arc])
    database.close()
    curved, straight = read(tmp_path, [path], "geopackage").shapes
    assert curved.geom_type == "LineString"
    assert curved.length == pytest.approx(3.14159 * 0.5, rel=1e-3)
    assert straight == shapely.LineString([HERE, THERE])


def test_a_file_that_is_no_geopackage_is_refused(tmp_path):
    with pytest.raises(ReadError, match="no SQLite file"):
        read(tmp_path, {"a.gpkg": b"<OGRVRTDataSource/>"}, "geopackage")
    with pytest.raises(ReadError):
        read(tmp_path, {"b.gpkg": b"SQLite format 3\0" + b"x" * 5000}, "geopackage")


POINT = "<w:at><gml:Point SRS><gml:pos>-2.32 34.92</gml:pos></gml:Point></w:at>"
CRS84 = "urn:ogc:def:crs:OGC:1.3:CRS84"


@pytest.mark.parametrize("version", ["3.1", "3.2"])
def test_gml_attributes_are_text_as_written(tmp_path, version):
    text = gml(
        f"<w:code>007</w:code><w:share>1.50</w:share><w:empty/>{POINT}",
        f"<w:code>08</w:code><w:alias>a</w:alias><w:alias>b</w:alias>{POINT}",
        version=version, srs=CRS84,
    )  # fmt: skip
    first, second = read(tmp_path, {"answer.xml": text}, "gml").rows
    assert (first["gml_id"], first["code"], first["share"]) == ("place.1", "007", "1.50")
    assert (second["code"], second["alias"], second["share"]) == ("08", '["a", "b"]', None)
    assert first["geometry"] == HERE


def test_gml_2_of_wfs_1_0_is_read(tmp_path):
    inner = (
        '<gml:boundedBy><gml:Box srsName="EPSG:4326"><gml:coordinates>0,0 1,1</gml:coordinates>'
        "</gml:Box></gml:boundedBy><w:name>a</w:name><w:at><gml:Point SRS>"
        '<gml:coordinates decimal="." cs="," ts=" ">-2.32,34.92</gml:coordinates>'
        "</gml:Point></w:at>"
    )
    srs = "http://www.opengis.net/gml/srs/epsg.xml#4326"
    (row,) = read(tmp_path, {"a.xml": gml(inner, srs=srs)}, "gml").rows
    assert (row["name"], row["geometry"]) == ("a", HERE)


def test_gml_arcs_become_lines_and_shapes_may_be_absent(tmp_path):
    arc = (
        "<w:at><gml:Curve SRS><gml:segments><gml:ArcString><gml:posList>-2 34 -1.5 34.5 -1 34"
        "</gml:posList></gml:ArcString></gml:segments></gml:Curve></w:at>"
    )
    found = read(tmp_path, {"a.xml": gml(arc, "<w:n>1</w:n>", srs=CRS84)}, "gml")
    assert found.shapes[0].length == pytest.approx(1.5708, rel=1e-3)
    assert found.shapes[1] is None


def test_a_gml_shape_that_cannot_be_read_is_not_left_out(tmp_path):
    broken = "<w:at><gml:Point SRS><gml:pos>here</gml:pos></gml:Point></w:at>"
    with pytest.raises(ReadError, match="only 1 of 3 features"):
        read(tmp_path, {"a.xml": gml(POINT, broken, POINT, srs=CRS84)}, "gml")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<a/>", "no GML features"),
        ("", "not well-formed"),
        (gml(POINT, srs=CRS84)[:-10], "not well-formed"),
        (gml(POINT, srs=CRS84, root='numberReturned="2"'), "it has 2 features, but has 1"),
        (gml(POINT, srs="EPSG:123456"), "not known"),
        (gml(POINT), "does not say in which coordinate reference system"),
        (gml(POINT, srs=CRS84) .replace("<wfs:", '<!DOCTYPE a [<!ENTITY b "c">]><wfs:', 1),
         "document type declaration"),
        ("<ows:ExceptionReport xmlns:ows='http://www.opengis.net/ows'><ows:Exception>"
         "<ows:ExceptionText>No such layer</ows:ExceptionText></ows:Exception>"
         "</ows:ExceptionReport>", "error report: No such layer"),
    ],
)  # fmt: skip
def test_xml_that_is_no_sound_gml_is_refused(tmp_path, text, reason):
    with pytest.raises(ReadError, match=reason):
        read(tmp_path, {"a.xml": text}, "gml")


def test_a_file_with_two_systems_is_refused(tmp_path):
    text = gml(
        POINT.replace("SRS", 'srsName="EPSG:4326"'), POINT.replace("SRS", 'srsName="EPSG:26191"')
    )
    with pytest.raises(ReadError, match="mixes coordinate reference systems"):
        read(tmp_path, {"a.xml": text}, "gml")


def test_gml_believes_no_schema_beside_it_and_writes_none(tmp_path):
    text = gml(f"<w:code>007</w:code>{POINT}", srs=CRS84)
    files = {
        "a.gml": text,
        "a.gfs": "<GMLFeatureClassList><GMLFeatureClass><Name>place</Name><ElementPath>place"
        "</ElementPath><PropertyDefn><Name>code</Name><ElementPath>code</ElementPath>"
        "<Type>Integer</Type></PropertyDefn></GMLFeatureClass></GMLFeatureClassList>",
    }
    (tmp_path / "in").mkdir()
    for name, content in files.items():
        (tmp_path / "in" / name).write_text(content)
    (row,) = read(tmp_path, [tmp_path / "in" / "a.gml"], "gml").rows
    assert row["code"] == "007"
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["a.gfs", "a.gml"]
    assert not list((tmp_path / "scratch").rglob("*.gfs"))


def test_kml_placemarks_are_rows_of_text(tmp_path):
    text = kml(
        "<Folder><name>East</name><Placemark id='p1'><name>Berkane</name><mag>5.90</mag>"
        "<description><![CDATA[<b>bold</b>]]></description><TimeStamp><when>2024</when></TimeStamp>"
        "<styleUrl>#a</styleUrl><Style><IconStyle><scale>2</scale></IconStyle></Style>"
        "<ExtendedData><Data name='code'><displayName>x</displayName><value>007</value></Data>"
        "<SchemaData><SimpleData name='pop'>0109</SimpleData></SchemaData></ExtendedData>"
        "<Point><coordinates>-2.32,34.92,0</coordinates></Point></Placemark></Folder>"
        "<Placemark><name>none</name></Placemark>"
    )
    first, second = read(tmp_path, {"a.kml": text}, "kml").rows
    shape = first.pop("geometry")
    assert (shape.x, shape.y, shape.z) == (-2.32, 34.92, 0)
    assert first == {
        "id": "p1", "name": "Berkane", "mag": "5.90", "description": "<b>bold</b>", "when": "2024",
        "styleUrl": "#a", "code": "007", "pop": "0109", "folder": "East", "_line": 1,
    }  # fmt: skip
    assert (second["name"], second["geometry"], second["folder"]) == ("none", None, None)


def test_kml_shapes_of_every_kind(tmp_path):
    ring = "<LinearRing><coordinates>0,0 4,0 4,4 0,0</coordinates></LinearRing>"
    hole = "<LinearRing><coordinates>2,1 3,1 3,2 2,1</coordinates></LinearRing>"
    polygon = (
        f"<Polygon><outerBoundaryIs>{ring}</outerBoundaryIs>"
        f"<innerBoundaryIs>{hole}</innerBoundaryIs></Polygon>"
    )
    point = "<Point><coordinates>1,2</coordinates></Point>"
    inside = [
        point,
        "<LineString><coordinates>\n0,0\t1,1 </coordinates></LineString>",
        polygon,
        f"<MultiGeometry>{point}{point}</MultiGeometry>",
        f"<MultiGeometry>{point}{polygon}</MultiGeometry>",
    ]
    text = kml("".join(f"<Placemark>{one}</Placemark>" for one in inside))
    assert [shape.wkt for shape in read(tmp_path, {"a.kml": text}, "kml").shapes] == [
        shapely.from_wkt(wkt).wkt
        for wkt in ("POINT (1 2)", "LINESTRING (0 0, 1 1)",
                    "POLYGON ((0 0, 4 0, 4 4, 0 0), (2 1, 3 1, 3 2, 2 1))",
                    "MULTIPOINT (1 2, 1 2)", "GEOMETRYCOLLECTION (POINT (1 2), "
                    "POLYGON ((0 0, 4 0, 4 4, 0 0), (2 1, 3 1, 3 2, 2 1)))")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ("<Point><coordinates>1, 2</coordinates></Point>", "'1,' is no position"),
        ("<Point><coordinates>1,nan</coordinates></Point>", "is no position"),
        ("<Model/>", "a Model is not read"),
        ("<LineString><coordinates>1,2</coordinates></LineString>", "only one position"),
        ("<Polygon><outerBoundaryIs><LinearRing><coordinates>0,0 1,0 1,1 2,2</coordinates>"
         "</LinearRing></outerBoundaryIs></Polygon>", "not closed"),
    ],
)  # fmt: skip
def test_a_placemark_that_breaks_the_standard_is_rejected_alone(tmp_path, shape, reason):
    text = kml(f"<Placemark><name>a</name>{shape}</Placemark><Placemark><name>b</name></Placemark>")
    found = read(tmp_path, {"a.kml": text}, "kml")
    assert [row["name"] for row in found.rows] == ["b"]
    assert reason in found.malformed[0].reason


def test_one_folder_of_a_kml_can_be_chosen(tmp_path):
    text = kml(
        "<Folder><name>A</name><Placemark><name>1</name></Placemark></Folder>"
        "<Folder><name>B</name><Folder><name>C</name><Placemark><name>2</name></Placemark></Folder>"
        "</Folder>"
    )
    found = read(tmp_path, {"a.kml": text}, "kml", geometry={"layer": "B"})
    assert [(row["name"], row["folder"]) for row in found.rows] == [("2", "B / C")]
    with pytest.raises(ReadError, match="one of: A, B, C"):
        read(tmp_path, {"a.kml": text}, "kml", geometry={"layer": "Z"})


def test_a_kmz_is_read_from_its_doc_kml(tmp_path):
    text = kml("<Placemark><name>main</name></Placemark>").encode()
    other = kml("<Placemark><name>other</name></Placemark>").encode()
    archive = zipped(tmp_path / "a.kmz", {"files/x.kml": other, "doc.kml": text})
    assert [row["name"] for row in read(tmp_path, [archive], "kml").rows] == ["main"]
    unclear = zipped(tmp_path / "b.kmz", {"a.kml": text, "b.kml": other})
    with pytest.raises(ReadError, match="must have one"):
        read(tmp_path, [unclear], "kml")
    hostile = zipped(tmp_path / "d.kmz", {"doc.kml": text, "../evil": b"x"})
    with pytest.raises(ReadError, match="leads elsewhere"):
        read(tmp_path, [hostile], "kml")
    cut = tmp_path / "c.kmz"
    cut.write_bytes(archive.read_bytes()[:-20])
    with pytest.raises(ReadError):
        read(tmp_path, [cut], "kml")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (kml("<NetworkLink><Link><href>http://x/y.kml</href></Link></NetworkLink>"), "only links"),
        ("<html/>", "its root is html"),
        (kml("<Placemark>"), "not well-formed"),
        ('<!DOCTYPE kml [<!ENTITY a SYSTEM "file:///etc/passwd">]><kml>&a;</kml>', "declaration"),
    ],
)
def test_a_text_that_is_no_kml_with_places_is_refused(tmp_path, text, reason):
    with pytest.raises(ReadError, match=reason):
        read(tmp_path, {"a.kml": text}, "kml")


def test_a_sample_is_described_for_a_draft(tmp_path, parts):
    archive = zipped(tmp_path / "a.zip", {p.name: p for p in parts.values()})
    assert geo.describe(archive, tmp_path / "d1") == {
        "format": "shapefile", "layers": ["places"], "crs": "EPSG:4326",
        "columns": {"geometry": "GEOMETRY", "code": "VARCHAR", "people": "BIGINT",
                    "share": "DOUBLE"},
        "source": {"format": "shapefile"},
    }  # fmt: skip
    path = geopackage(tmp_path / "a.gpkg", {"a": ([HERE], {"n": ["p"]}), "b": ([HERE], {})})
    found = geo.describe(path, tmp_path / "d2")
    assert (found["layers"], found["source"]["geometry"]) == (["a", "b"], {"layer": "a"})
    text = tmp_path / "a.gml"
    text.write_text(gml(POINT))
    found = geo.describe(text, tmp_path / "d3")
    assert (found["format"], found["crs"], found["source"]) == ("gml", None, {"format": "gml"})
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as other:
        other.writestr("a.csv", "a")
    with pytest.raises(ReadError, match="none of the geographic formats"):
        geo.describe(tmp_path / "x.zip", tmp_path / "d4")
