"""Sources that tell only what is new: rows are merged by key, and none is lost on the way."""

from __future__ import annotations

import pytest

from moulouya import approval, pipeline, snapshots, sources
from moulouya.sources import Delivery
from moulouya.storage.files import read_json
from small_workspace import column

SENSOR = {"kind": "file", "path": "data/levels.csv", "format": "csv", "write_disposition": "merge"}
LEVELS = {"station": column("text"), "hour": column("integer"), "level": column("number")}


@pytest.fixture
def levels(workspace):
    workspace.data("levels", "station,hour,level\na,1,10.5\nb,1,20\n")
    workspace.define(
        "levels", source=SENSOR, key=["station", "hour"], columns=LEVELS, rejects={"at_most": "50%"}
    )
    assert workspace.outcome("levels") == "published"
    return workspace


def test_rows_are_added_and_those_of_the_same_key_replaced(levels):
    levels.data("levels", "station,hour,level\nb,1,21\na,2,11\n")
    assert levels.outcome("levels") == "published"
    assert levels.published("levels") == [("a", 1, 10.5), ("a", 2, 11.0), ("b", 1, 21.0)]


def test_what_was_delivered_twice_is_one_row_and_the_last_word_counts(levels):
    levels.data("levels", "station,hour,level\nc,1,1\nc,1,1\nc,1,2\n")
    assert levels.outcome("levels") == "published"
    assert levels.published("levels")[-1] == ("c", 1, 2.0)
    levels.data("levels", "station,hour,level\na,1,10.5\n")
    assert levels.outcome("levels") == "unchanged"


def test_a_delivery_that_was_kept_but_not_published_is_merged_by_the_next_run(levels):
    levels.data("levels", "station,hour,level\nc,1,1\n")
    pipeline.fetch(levels.settings, "levels", "killed-after-fetch")
    levels.data("levels", "station,hour,level\nd,1,1\n")
    assert levels.outcome("levels") == "published"
    assert [row[0] for row in levels.published("levels")] == ["a", "b", "c", "d"]
    record = read_json(levels.lake.version("levels", 2) / "version.json")
    assert [one["number"] for one in record["snapshots"]] == [2, 3]


def test_the_share_of_rejected_rows_is_that_of_the_delivery(levels):
    many = "".join(f"x,{hour},1\n" for hour in range(100))
    levels.data("levels", "station,hour,level\n" + many)
    assert levels.outcome("levels") == "published"
    levels.data("levels", "station,hour,level\ny,1,1\ny,2,high\ny,3,low\n")
    assert levels.outcome("levels") == "held"


def test_a_rejected_delivery_does_not_come_back_with_the_next_one(levels):
    levels.data("levels", "station,hour,level\ny,1,1\ny,2,high\ny,3,low\n")
    assert levels.outcome("levels") == "held"
    approval.reject(levels.settings, "levels", by="A person", reason="a broken sensor")
    levels.data("levels", "station,hour,level\nz,1,1\n")
    assert levels.outcome("levels") == "published"
    assert [row[0] for row in levels.published("levels")] == ["a", "b", "z"]


def test_a_merged_dataset_has_no_transform(levels):
    levels.transform("levels", "SELECT * FROM staged")
    ((_, _, key, message, hint),) = levels.faults()
    assert key == "source.write_disposition"
    assert "no transform" in message
    assert "derive" in hint


def test_a_source_acknowledges_only_what_is_durable(workspace, monkeypatch):
    workspace.define("communes")
    seen = []

    def fetch(source, request):
        (request.folder / "communes.csv").write_text("code,name,people\n1,a,1\n")
        newest = snapshots.latest(workspace.lake, "communes")
        return Delivery(
            ("communes.csv",), "test:", state={"at": 7 if newest is None else 8},
            settle=lambda: seen.append(snapshots.latest(workspace.lake, "communes").state),
        )  # fmt: skip

    monkeypatch.setattr(sources, "fetch", fetch)
    assert workspace.outcome("communes") == "published"
    assert seen == [{"at": 7}]


def test_the_state_of_the_last_delivery_comes_back_while_the_source_is_the_same(
    workspace, monkeypatch
):
    workspace.define("communes")
    states = []

    def fetch(source, request):
        states.append(request.state)
        text = f"code,name,people\n{len(states)},a,1\n"
        (request.folder / "communes.csv").write_text(text)
        return Delivery(("communes.csv",), "test:", state={"cursor": len(states)})

    monkeypatch.setattr(sources, "fetch", fetch)
    workspace.run("communes")
    workspace.run("communes")
    workspace.data("elsewhere")
    workspace.define("communes", source={"kind": "file", "path": "data/elsewhere.csv",
                                         "format": "csv"})  # fmt: skip
    workspace.run("communes")
    assert states == [{}, {"cursor": 1}, {}]


def test_a_source_that_never_gave_anything_is_no_failure(workspace, monkeypatch):
    workspace.define("communes")
    monkeypatch.setattr(sources, "fetch", lambda *_: None)
    (record,) = workspace.run("communes")
    assert (record["outcome"], record["version"]) == ("unchanged", None)
    assert record["reasons"] == ["nothing has come yet"]


def test_a_source_is_asked_for_the_last_whole_period(workspace, monkeypatch):
    workspace.define("communes", refresh={"every": "PT1H"})
    asked = []
    monkeypatch.setattr(sources, "fetch", lambda source, request: asked.append(request.interval))
    workspace.run("communes")
    ((start, end),) = asked
    assert (end - start).total_seconds() == 3600
    assert (end.minute, end.second, str(end.tzinfo)) == (0, 0, "UTC")
