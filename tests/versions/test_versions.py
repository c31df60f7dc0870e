"""A version: the table with everything that explains it, committed once and never edited."""

from __future__ import annotations

import gzip
import json

import duckdb
import pytest

from moulouya import pipeline, versions
from small_workspace import COLUMNS, ROWS, column


@pytest.fixture
def first(workspace):
    workspace.define("communes", columns={**COLUMNS, "place": column("geometry")})
    workspace.data("communes", 'code,name,people,place\n01,"Berkane, ville",100,POINT(-2 34)\n'
                               "02,وجدة,,\n")  # fmt: skip
    assert workspace.outcome("communes") == "published"
    return versions.latest(workspace.lake, "communes")


def test_the_record_explains_the_version(first, workspace):
    record = first.record
    assert (record["slug"], record["theme"], record["version"]) == ("communes", "places", 1)
    assert (record["rows"], record["rejected"], record["previous"]) == (2, 0, None)
    assert record["licence"]["spdx"] == "ODbL-1.0"
    assert record["publisher"]["name"]["en"] == "Office"
    assert record["definition"]["row_is"]["en"] == "one commune"
    assert record["recipe"] == workspace.dataset("communes").recipe
    assert record["validation"]["success"]
    assert record["libraries"]["duckdb"] == duckdb.__version__
    (snapshot,) = record["snapshots"]
    assert snapshot["url"] == "file:data/communes.csv"


def test_columns_are_profiled(first):
    profile = {one["name"]: one for one in first.record["columns"]}
    assert profile["people"] == {"name": "people", "type": "integer", "sql_type": "BIGINT",
                                 "nulls": 1, "distinct": 1, "min": "100", "max": "100"}  # fmt: skip
    assert (profile["place"]["nulls"], profile["place"]["min"]) == (1, None)


def test_every_file_is_listed_with_its_hash(first):
    listed = {file["name"] for file in first.record["files"]}
    assert listed == {"communes.parquet", "communes.csv.gz", "communes.duckdb", "validation.json",
                      "changes.json", "profile.json", "drift.json", "privacy.json"}  # fmt: skip
    kept = {"version.json", "recipe.json"}
    assert listed | kept == {path.name for path in first.path.iterdir()}


def test_the_csv_holds_the_same_rows(first):
    text = gzip.decompress((first.path / "communes.csv.gz").read_bytes()).decode()
    assert text == ('code,name,people,place\n01,"Berkane, ville",100,POINT (-2 34)\n02,وجدة,,\n')


def test_the_duckdb_file_stands_alone(first):
    with duckdb.connect(str(first.path / "communes.duckdb"), read_only=True) as con:
        assert con.execute("SELECT code, name FROM communes").fetchall() == [
            ("01", "Berkane, ville"), ("02", "وجدة")
        ]  # fmt: skip
        comment = con.execute(
            "SELECT comment FROM duckdb_columns() WHERE column_name = 'people'"
        ).fetchone()
        assert comment == ("A title: A meaning",)
        assert con.execute("SELECT typeof(place) FROM communes LIMIT 1").fetchone() == ("BLOB",)


def test_the_next_version_says_what_changed(first, workspace):
    workspace.data("communes", "code,name,people,place\n01,Berkane,100,POINT(-2 34)\n03,Nador,1,\n")
    workspace.run("communes")
    second = versions.latest(workspace.lake, "communes")
    changes = json.loads((second.path / "changes.json").read_text())
    assert (changes["from"], changes["to"]) == (1, 2)
    assert changes["rows"] == {"added": 1, "removed": 1, "changed": 1}
    assert changes["sample"]["changed"] == [
        {"key": {"code": "01"}, "before": {"name": "Berkane, ville"}, "after": {"name": "Berkane"}}
    ]
    assert second.record["changes"] == changes["rows"]
    assert second.record["previous"] == 1
    assert versions.read(workspace.lake, "communes", 1).record == first.record


def test_another_order_of_the_same_rows_is_no_version(first, workspace):
    workspace.data(
        "communes", 'code,name,people,place\n02,وجدة,,\n01,"Berkane, ville",100,POINT(-2 34)\n'
    )
    assert workspace.outcome("communes") == "unchanged"
    assert workspace.lake.numbers(workspace.lake.versions("communes")) == [1]


def test_another_title_is_a_version_though_no_row_changed(first, workspace):
    path = workspace.root / "datasets/places/communes.yml"
    path.write_text(path.read_text().replace("en: Communes", "en: All communes"))
    assert workspace.outcome("communes") == "published"
    second = versions.latest(workspace.lake, "communes")
    assert second.record["changes"] == {"added": 0, "removed": 0, "changed": 0}
    assert json.loads((second.path / "changes.json").read_text())["metadata"] == ["title"]


def test_a_run_id_commits_once_however_often_it_is_retried(workspace):
    workspace.define("communes")
    settings = workspace.settings
    for name in ("fetch", "stage", "validate", "transform", "publish"):
        getattr(pipeline, name)(settings, "communes", "run-1")
    again = pipeline.publish(settings, "communes", "run-1")
    assert (again["outcome"], again["version"]) == ("published", 1)
    assert workspace.lake.numbers(workspace.lake.versions("communes")) == [1]


def test_a_step_that_is_repeated_gives_the_same(workspace):
    workspace.define("communes")
    settings = workspace.settings
    for name in ("fetch", "stage", "validate", "transform", "publish"):
        first = getattr(pipeline, name)(settings, "communes", "run-1")
        if name in ("stage", "transform"):
            assert getattr(pipeline, name)(settings, "communes", "run-1") == first
    assert first["outcome"] == "published"


def test_scratch_files_that_were_lost_are_made_again(workspace):
    workspace.define("communes")
    settings = workspace.settings
    pipeline.fetch(settings, "communes", "run-1")
    pipeline.stage(settings, "communes", "run-1")
    (workspace.lake.scratch("run-1") / "staged.parquet").unlink()
    assert pipeline.publish(settings, "communes", "run-1")["outcome"] == "published"
    assert workspace.published("communes")[0] == ("01", "Berkane", 100)


def test_the_interval_of_a_run_is_kept(workspace):
    import datetime as dt

    workspace.define("communes")
    start = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    pipeline.fetch(workspace.settings, "communes", "r", (start, start + dt.timedelta(days=1)))
    pipeline.publish(workspace.settings, "communes", "r")
    record = versions.latest(workspace.lake, "communes").record
    assert record["interval"] == {"start": "2026-11-20T00:00:00Z", "end": "2026-11-21T00:00:00Z"}


def test_a_key_that_repeats_is_not_published(workspace):
    workspace.define("communes")
    workspace.data("communes", ROWS + "01,Again,5\n")
    (record,) = workspace.run("communes")
    assert (record["outcome"], record["error"]["code"]) == ("failed", "data")
    assert versions.latest(workspace.lake, "communes") is None
