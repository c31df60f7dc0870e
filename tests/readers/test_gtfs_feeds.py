"""GTFS: one table of a feed, under the rules of the reference."""

from __future__ import annotations

from pathlib import Path

import pytest
from geographic import zipped

from moulouya import duck
from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers import gtfs

STOPS = "stop_id,stop_name,stop_lat,stop_lon\n001,Oujda,34.68,-1.91\n002,Nador,35.17,-2.93\n"
TIMES = "trip_id,stop_sequence,arrival_time\nA,1,23:50:00\nA,2,25:10:00\n"
FEED = {"stops.txt": STOPS, "stop_times.txt": TIMES, "readme.md": "no table"}


@pytest.fixture
def feed(tmp_path):
    """Make a zip of a feed's files."""

    def call(files=FEED, name="feed.zip"):
        return zipped(tmp_path / name, {k: v if isinstance(v, bytes) else v.encode()
                                        for k, v in files.items()})  # fmt: skip

    return call


def rows(files: list[Path], table: str | None, scratch: Path) -> list[dict[str, str]]:
    """The rows of a table, by column name."""
    with duck.connect(threads=1) as con:
        raw = gtfs.read(con, files, Reading(format="gtfs", table=table), scratch)
        selected = ", ".join(f"{sql} AS {duck.identifier(n)}" for n, sql in raw.expressions.items())
        return list(
            con.execute(f"SELECT {selected} FROM {raw.relation}").to_arrow_table().to_pylist()
        )


def test_a_table_is_read_as_text(feed, tmp_path):
    assert rows([feed()], "stops", tmp_path)[0] == {
        "stop_id": "001", "stop_name": "Oujda", "stop_lat": "34.68", "stop_lon": "-1.91"
    }  # fmt: skip
    assert [row["arrival_time"] for row in rows([feed()], "stop_times", tmp_path)] == [
        "23:50:00", "25:10:00"
    ]  # fmt: skip


def test_a_feed_may_be_a_folder_loose_files_or_a_folder_in_a_zip(feed, tmp_path):
    folder = tmp_path / "loose"
    folder.mkdir()
    for name, text in FEED.items():
        (folder / name).write_text(text)
    expected = rows([feed()], "stops", tmp_path / "a")
    assert rows([folder], "stops", tmp_path / "b") == expected
    assert (
        rows([folder / "stops.txt", folder / "stop_times.txt"], "stops", tmp_path / "c") == expected
    )
    nested = feed({f"gtfs/{name}": text for name, text in FEED.items()}, "nested.zip")
    assert rows([nested], "stops", tmp_path / "d") == expected


def test_several_feeds_make_one_table(feed, tmp_path):
    two = [feed(), feed({"stops.txt": STOPS.replace("00", "10")}, "other.zip")]
    assert [row["stop_id"] for row in rows(two, "stops", tmp_path)] == ["001", "002", "101", "102"]


def test_the_tables_of_a_feed_are_listed(feed, tmp_path):
    assert gtfs.tables(feed()) == ["stop_times", "stops"]
    path = tmp_path / "x.zip"
    path.write_text("not a real zip file\n")
    with pytest.raises(ReadError, match="no GTFS feed"):
        gtfs.tables(path)


def test_a_byte_order_mark_is_no_part_of_a_name(feed, tmp_path):
    found = rows([feed({"stops.txt": b"\xef\xbb\xbf" + STOPS.encode()})], "stops", tmp_path)
    assert found[0]["stop_id"] == "001"


def test_columns_that_are_not_in_the_reference_stay(feed, tmp_path):
    text = "stop_id,colour\na,red\n"
    assert rows([feed({"stops.txt": text})], "stops", tmp_path) == [
        {"stop_id": "a", "colour": "red"}
    ]


def test_areas_of_demand_are_read_as_geojson(feed, tmp_path):
    text = (
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "id": "zone", '
        '"properties": {}, "geometry": {"type": "Point", "coordinates": [1, 2]}}]}'
    )
    (row,) = rows([feed({**FEED, "locations.geojson": text})], "locations", tmp_path)
    assert row["id"] == "zone"


@pytest.mark.parametrize(
    ("files", "table", "reason"),
    [
        (FEED, "routes", r"has no table 'routes'.*it has: stop_times, stops"),
        (FEED, "stop_time", "did you mean 'stop_times'"),
        (FEED, None, r"source\.table does not say.*stop_times, stops"),
        ({"calendar.txt": "service_id,monday\nA,1\n"}, "calendar", "no column tuesday, wednesday"),
        ({"stops.txt": STOPS.encode("utf-16")}, "stops", "not UTF-8"),
        ({"stops.txt": STOPS.replace("Oujda", "Ouj\0da")}, "stops", "NUL byte"),
        ({"stops.txt": STOPS.encode() + b"3,Sa\xefdia,1,2\n"}, "stops", "not UTF-8"),
        ({"stops.txt": STOPS.encode() + b"3,Sa\xc3"}, "stops", "not UTF-8"),
        ({"stops.txt": ""}, "stops", "empty"),
        ({"a/stops.txt": STOPS, "b/trips.txt": STOPS}, "stops", "several folders"),
        ({"a/stops.txt": STOPS, "b/stops.txt": STOPS}, "stops", "twice"),
    ],
)
def test_what_is_no_such_table_is_refused(feed, tmp_path, files, table, reason):
    with pytest.raises(ReadError, match=rf"(?s){reason}"):
        rows([feed(files)], table, tmp_path)


def test_a_file_that_is_no_feed_is_refused(tmp_path):
    path = tmp_path / "feed.zip"
    path.write_text("<html>")
    with pytest.raises(ReadError, match="no GTFS feed"):
        rows([path], "stops", tmp_path / "scratch")


def test_a_row_of_another_length_is_malformed(feed, tmp_path):
    text = STOPS + "003,Berkane,34.92\n"
    with duck.connect(threads=1) as con:
        source = Reading(format="gtfs", table="stops")
        raw = gtfs.read(con, [feed({"stops.txt": text})], source, tmp_path)
        con.execute(f"SELECT * FROM {raw.relation}").fetchall()
        assert [(bad.file.name, bad.line) for bad in raw.malformed()] == [("stops.txt", 4)]


def test_a_table_of_every_name_in_the_reference_needs_columns():
    assert set(gtfs.REQUIRED) >= {"agency", "stops", "routes", "trips", "stop_times", "calendar"}
    assert all(gtfs.REQUIRED.values())
