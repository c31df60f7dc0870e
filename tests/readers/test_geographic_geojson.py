"""GeoJSON: every value as it is written, every feature a row or a reason."""

from __future__ import annotations

import json

import pytest
import shapely
from geographic import collection, feature, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers.geo import geojson

BOW = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}


def test_values_come_as_text_exactly_as_they_are_written(tmp_path):
    text = (
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": null, '
        '"properties": {"code": "007", "price": 1.10, "big": 12345678901234567890, "ok": true, '
        '"gone": null, "tags": {"a": [1.50, "é"]}, "empty": ""}}]}'
    )
    (row,) = read(tmp_path, {"a.geojson": text}, "geojson").rows
    assert row == {
        "geometry": None, "code": "007", "price": "1.10", "big": "12345678901234567890",
        "ok": "true", "gone": None, "tags": '{"a": [1.50, "é"]}', "empty": "", "_line": 1,
    }  # fmt: skip


def test_pages_make_one_table_with_the_columns_of_all(tmp_path):
    pages = {
        "page-1.json": collection(feature((1, 2), a="1"), feature((3, 4), b="2")),
        "page-2.json": collection(feature((5, 6), c="3")),
        "page-3.json": collection(),
    }
    found = read(tmp_path, pages, "geojson")
    assert [(row["a"], row["b"], row["c"], row["_line"]) for row in found.rows] == [
        ("1", None, None, 1), (None, "2", None, 2), (None, None, "3", 1)
    ]  # fmt: skip
    assert found.shapes == [shapely.Point(1, 2), shapely.Point(3, 4), shapely.Point(5, 6)]


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ({"type": "Point", "coordinates": [1, 2]}, ["POINT (1 2)"]),
        (feature((1, 2), n=1), ["POINT (1 2)"]),
        ({"type": "MultiPoint", "coordinates": [[1, 2]]}, ["MULTIPOINT (1 2)"]),
        ({"type": "Point", "coordinates": []}, [None]),
        ({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1, 2]}]},
         ["GEOMETRYCOLLECTION (POINT (1 2))"]),
    ],
)  # fmt: skip
def test_a_lone_feature_or_geometry_is_one_row(tmp_path, text, shapes):
    found = read(tmp_path, {"a.geojson": json.dumps(text)}, "geojson").shapes
    assert [shape and shape.wkt for shape in found] == [
        s and shapely.from_wkt(s).wkt for s in shapes
    ]


def test_a_sequence_of_features_is_read_like_a_collection(tmp_path):
    lines = "\n".join(json.dumps(feature((n, n), n=n)) for n in range(3))
    marked = "".join(f"\x1e{json.dumps(feature((n, n), n=n))}\n" for n in range(3))
    for text in (lines, marked):
        assert [row["n"] for row in read(tmp_path, {"a.geojson": text}, "geojson").rows] == [
            "0", "1", "2"
        ]  # fmt: skip


def test_the_id_of_a_feature_is_a_column_beside_a_property_of_that_name(tmp_path):
    alone = {**feature((1, 2), n=1), "id": 7}
    assert read(tmp_path, {"a.json": collection(alone)}, "geojson").rows[0]["id"] == "7"
    both = collection(feature((1, 2), id="mine"), {**feature((1, 2)), "id": "theirs"})
    rows = read(tmp_path, {"b.json": both}, "geojson").rows
    assert [(row["id"], row["id#2"]) for row in rows] == [("mine", None), (None, "theirs")]


def test_a_property_may_be_called_like_our_own_columns(tmp_path):
    text = collection(feature((1, 2), geometry="a", _file="b", Geometry="c", c0="d"))
    (row,) = read(tmp_path, {"a.json": text}, "geojson").rows
    assert [row[name] for name in ("geometry#2", "_file", "Geometry#3", "c0")] == list("abcd")
    assert row["geometry"] == shapely.Point(1, 2)


def test_an_invalid_shape_is_rejected_with_its_reason(tmp_path):
    found = read(tmp_path, {"a.json": collection(feature((1, 2)), feature(BOW, n=2))}, "geojson")
    assert len(found.rows) == 1
    (bad,) = found.malformed
    assert (bad.line, bad.reason) == (2, "its shape is not valid: Self-intersection[0.5 0.5]")
    assert bad.original.startswith('{"n": "2"} POLYGON')


def test_a_repaired_shape_says_so(tmp_path):
    found = read(
        tmp_path, {"a.json": collection(feature((1, 2)), feature(BOW))}, "geojson",
        geometry={"repair": True},
    )  # fmt: skip
    assert [row["geometry_repaired"] for row in found.rows] == [False, True]
    assert found.shapes[1].is_valid
    assert found.shapes[1].area == pytest.approx(0.5)
    assert not found.malformed


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"type": "Feature", "properties": {}}, "it has no geometry"),
        ({"type": "Feature", "geometry": None}, "it has no properties"),
        ({"type": "feature", "geometry": None, "properties": {}}, "its type is 'feature'"),
        (feature({"type": "Point", "coordinates": ["1", 2]}), "no list of numbers"),
        (feature({"type": "Point", "coordinates": [1, 2, 3, 4]}), "4 numbers"),
        (feature({"type": "Circle", "coordinates": [1, 2]}), "unknown type 'Circle'"),
        (feature({"type": "LineString", "coordinates": [[1, 2], [1, 2, 3]]}), "have a height"),
        (feature({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [2, 2]]]}),
         "not closed"),
        ({**feature((1, 2)), "id": {}}, "its id is neither"),
        ([], "it is no object"),
        (feature((1, 2), name="\ud800"), "no Unicode"),
    ],
)  # fmt: skip
def test_a_feature_that_breaks_the_standard_is_rejected_alone(tmp_path, broken, reason):
    found = read(
        tmp_path, {"a.json": collection(feature((1, 2)), broken, feature((3, 4)))}, "geojson"
    )
    assert [row["_line"] for row in found.rows] == [1, 3]
    assert [bad.line for bad in found.malformed] == [2]
    assert reason in found.malformed[0].reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no GeoJSON"),
        ("[]", "begins with '\\['"),
        ("null", "begins with 'n'"),
        ('{"type": "FeatureCollection"}', "without features"),
        ('{"type": "Topology", "objects": {}}', "'Topology'"),
        ('{"type": "FeatureCollection", "features": [', "not JSON"),
        ('{"type": "FeatureCollection", "features": []', "not JSON"),
        ('{"type": "FeatureCollection", "features": [],}', "not JSON"),
        ('{"type": "FeatureCollection", "features": []} x', "more follows"),
        ('{"type": "FeatureCollection", "features": []} {}', "more follows"),
        ('{"type": "FeatureCollection", "features": [{"a": NaN}]}', "NaN"),
        ('{"type": "FeatureCollection", "features": [{"a": 1, "a": 2}]}', "'a' occurs twice"),
        ('{"type": "Point", "type": "Point", "coordinates": [1, 2]}', "'type' occurs twice"),
        ('{"type": "Point", "coordinates": ' + "[" * 100_000, "not JSON"),
        (b'{"type": "Point", "name": "\xe9", "coordinates": [1, 2]}', "is not utf-8"),
    ],
)
def test_a_text_that_is_no_geojson_is_refused(tmp_path, text, reason):
    with pytest.raises(ReadError, match=reason):
        read(tmp_path, {"a.json": text}, "geojson")


def test_a_declared_encoding_is_used(tmp_path):
    text = collection(feature((1, 2), name="Béni Drar")).replace("\\u00e9", "é")
    found = read(
        tmp_path, {"a.json": text.encode("cp1252")}, "geojson", dialect={"encoding": "cp1252"}
    )
    assert found.rows[0]["name"] == "Béni Drar"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(
        st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text("abéق", max_size=3), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
PROPERTIES = st.dictionaries(st.text("abcقé", min_size=1, max_size=3), VALUES, max_size=4)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(PROPERTIES, max_size=6), st.integers(1, 40), st.sampled_from([None, 1]))
def test_a_text_is_understood_wherever_its_blocks_end(tmp_path, monkeypatch, rows, block, indent):
    monkeypatch.setattr(geojson, "BLOCK", block)
    path = tmp_path / "a.json"
    document = {
        "features": [feature((1.5, -2.25), **row) for row in rows],
        "type": "FeatureCollection",
        "after": [1, {"x": "}"}],
        "count": 1234567890,
    }
    path.write_text(json.dumps(document, ensure_ascii=False, indent=indent), encoding="utf-8")
    found = list(geojson.features(path, Reading(format="geojson")))
    assert [number for part in found for number in part.numbers] == list(range(1, len(rows) + 1))
    for index, row in enumerate(rows):
        read_back = {name: values[index].as_py() for name, values in found[0].attributes.items()}
        for name, value in row.items():
            if value is None or isinstance(value, str):
                assert read_back[name] == value
            else:
                assert json.loads(read_back[name]) == value
