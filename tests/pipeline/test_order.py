"""Older data never replace newer ones, in whatever order runs, retries and processes come."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import duckdb
import pytest
from typer.testing import CliRunner

from moulouya import ledger, pipeline, snapshots, versions
from moulouya.cli import app
from small_workspace import COLUMNS, ROWS, SmallWorkspace, column

SENSOR = {"kind": "file", "path": "data/levels.csv", "format": "csv", "write_disposition": "merge"}
LEVELS = {"station": column("text"), "level": column("number")}


def day(number: int, month: int = 11) -> tuple[dt.datetime, dt.datetime]:
    start = dt.datetime(2024, month, number, tzinfo=dt.UTC)
    return start, start + dt.timedelta(days=1)


def run(space: SmallWorkspace, slug: str, rows: str, interval=None, restate=False):
    space.data(slug, rows)
    (record,) = pipeline.run(space.settings, [slug], interval=interval, restate=restate)
    return record


def communes(people: int) -> str:
    return ROWS.replace("100", str(people))


@pytest.fixture
def space(workspace: SmallWorkspace) -> SmallWorkspace:
    workspace.define("communes")
    return workspace


def people(space: SmallWorkspace) -> int:
    return int(space.published("communes")[0][2])


# Intervals


def test_an_older_interval_does_not_replace_a_newer_one_and_says_how_it_could(space):
    run(space, "communes", communes(5), day(5))
    record = run(space, "communes", communes(3), day(3))
    assert (record["outcome"], record["version"], people(space)) == ("unchanged", 1, 5)
    (reason,) = record["reasons"]
    assert "version 1 stands, of the interval 2024-11-05T00:00:00Z/2024-11-06T00:00:00Z" in reason
    assert (
        "moulouya run communes --interval 2024-11-03T00:00:00Z/2024-11-04T00:00:00Z --restate"
    ) in reason
    assert snapshots.latest(space.lake, "communes").number == 1


def test_a_newer_interval_and_the_same_one_replace(space):
    run(space, "communes", communes(5), day(5))
    assert run(space, "communes", communes(6), day(6))["outcome"] == "published"
    assert run(space, "communes", communes(7), day(6))["outcome"] == "published"
    assert people(space) == 7


def test_restate_replaces_newer_data_and_is_recorded(space):
    run(space, "communes", communes(5), day(5))
    assert run(space, "communes", communes(3), day(3), restate=True)["outcome"] == "published"
    record = versions.latest(space.lake, "communes").record
    assert record["restated"] is True
    assert record["interval"] == {"start": "2024-11-03T00:00:00Z", "end": "2024-11-04T00:00:00Z"}
    assert people(space) == 3
    assert versions.read(space.lake, "communes", 1).record["restated"] is False


def test_data_taken_without_an_interval_are_as_new_as_their_delivery(space):
    run(space, "communes", communes(1))
    assert run(space, "communes", communes(3), day(3))["outcome"] == "unchanged"
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    later = (tomorrow, tomorrow + dt.timedelta(days=1))
    assert run(space, "communes", communes(4), later)["outcome"] == "published"
    assert run(space, "communes", communes(5))["outcome"] == "published"
    assert people(space) == 5


def test_a_newer_delivery_that_confirms_what_stands_counts_too(space):
    run(space, "communes", communes(5), day(5))
    same = communes(5).replace("\n", "\r\n")
    assert run(space, "communes", same, day(9))["outcome"] == "unchanged"
    assert run(space, "communes", communes(7), day(7))["outcome"] == "unchanged"
    assert run(space, "communes", communes(9), day(9))["outcome"] == "published"


def test_the_same_bytes_for_a_newer_interval_confirm_what_stands(space):
    run(space, "communes", communes(5), day(5))
    assert run(space, "communes", communes(5), day(9))["outcome"] == "unchanged"
    assert run(space, "communes", communes(7), day(7))["outcome"] == "unchanged"


def test_a_delivery_keeps_the_interval_that_was_named_for_its_run(space):
    run(space, "communes", communes(5), day(5))
    run(space, "communes", communes(6))
    kept = [snapshots.read(space.lake, "communes", number).interval for number in (1, 2)]
    assert kept == [{"start": "2024-11-05T00:00:00Z", "end": "2024-11-06T00:00:00Z"}, None]


# Clocks


@pytest.fixture
def clock(monkeypatch) -> Callable[[str], None]:
    def turn(text: str) -> None:
        moment = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
        for name in ("ledger", "snapshots", "versions", "runs", "arrival", "pipeline"):
            monkeypatch.setattr(f"moulouya.{name}.now", lambda: moment, raising=False)

    return turn


def test_a_clock_that_jumps_back_or_ahead_decides_nothing(space, clock):
    for number, at in enumerate(("2026-01-01", "2099-01-01", "1990-01-01", "2026-01-02"), 1):
        clock(at)
        assert run(space, "communes", communes(number))["outcome"] == "published"
        assert people(space) == number
    clock("1980-01-01")
    assert run(space, "communes", communes(9), day(5))["outcome"] == "published"
    assert run(space, "communes", communes(8), day(4))["outcome"] == "unchanged"


def test_a_delivery_stamped_in_the_future_does_not_hold_up_intervals(space, clock):
    clock("2099-01-01")
    run(space, "communes", communes(1))
    clock("2026-11-21")
    assert run(space, "communes", communes(2), day(5))["outcome"] == "published"


# Retries


def steps(space: SmallWorkspace, run_id: str, *names: str):
    for name in names:
        result = getattr(pipeline, name)(space.settings, "communes", run_id)
    return result


def test_a_late_retry_of_an_old_run_does_not_replace_what_a_newer_one_published(space):
    space.data("communes", communes(1))
    steps(space, "old", "fetch", "stage", "validate", "transform")
    assert run(space, "communes", communes(2))["outcome"] == "published"
    record = steps(space, "old", "publish")
    assert (record["outcome"], record["version"], people(space)) == ("unchanged", 1, 2)
    assert "made of delivery 2, which came after this run's delivery 1" in record["reasons"][0]


def test_a_late_retry_does_not_replace_what_a_newer_delivery_confirmed(space):
    run(space, "communes", communes(1))
    space.data("communes", communes(2))
    steps(space, "old", "fetch")
    assert run(space, "communes", communes(1).replace("\n", "\r\n"))["outcome"] == "unchanged"
    assert steps(space, "old", "stage", "validate", "transform", "publish")["outcome"] == (
        "unchanged"
    )
    assert people(space) == 1


def test_a_retry_from_the_start_asks_the_source_anew(space):
    space.data("communes", communes(1))
    steps(space, "old", "fetch", "stage")
    run(space, "communes", communes(2))
    space.data("communes", communes(3))
    steps(space, "old", "fetch", "stage", "validate", "transform")
    assert steps(space, "old", "publish")["outcome"] == "published"
    assert people(space) == 3


def test_a_late_retry_of_a_derived_dataset_does_not_bring_old_inputs_back(space):
    space.derive(
        "names", "SELECT code, upper(name) AS name, people FROM communes",
        columns={name: {**one, "computed": True} for name, one in COLUMNS.items()},
    )  # fmt: skip
    space.run("communes")
    pipeline.transform(space.settings, "names", "old")
    space.data("communes", communes(2))
    assert [record["outcome"] for record in space.run()] == ["published", "published"]
    record = pipeline.publish(space.settings, "names", "old")
    assert record["outcome"] == "unchanged"
    assert "made of version 2 of communes" in record["reasons"][0]
    assert space.published("names")[0][2] == 2


def test_a_run_commits_once_also_when_it_is_tried_again_after_a_newer_one(space):
    space.data("communes", communes(1))
    names = ("fetch", "stage", "validate", "transform", "publish")
    assert steps(space, "mine", *names)["version"] == 1
    run(space, "communes", communes(2))
    space.data("communes", communes(3))
    assert steps(space, "mine", "publish")["version"] == 1
    record = steps(space, "mine", *names)
    assert (record["outcome"], record["version"]) == ("published", 1)
    assert space.lake.numbers(space.lake.versions("communes")) == [1, 2]
    assert space.lake.numbers(space.lake.snapshots("communes")) == [1, 2]
    ended = {one["run_id"]: one["outcome"] for one in ledger.records(space.lake)}
    assert ended["mine"] == "published"


# Deliveries that are merged


@pytest.fixture
def levels(workspace: SmallWorkspace) -> SmallWorkspace:
    workspace.define("levels", source=SENSOR, key=["station"], columns=LEVELS)
    return workspace


def station(**levels_: float) -> str:
    rows = "".join(f"{name},{level}\n" for name, level in levels_.items())
    return f"station,level\n{rows}"


def test_rows_of_an_older_interval_fill_gaps_and_overwrite_nothing(levels):
    run(levels, "levels", station(a=5), day(5))
    assert run(levels, "levels", station(a=3, b=3), day(3))["outcome"] == "published"
    assert levels.published("levels") == [("a", 5.0), ("b", 3.0)]
    assert run(levels, "levels", station(b=4), day(4))["outcome"] == "published"
    assert run(levels, "levels", station(b=2, a=2), day(2))["outcome"] == "unchanged"
    assert levels.published("levels") == [("a", 5.0), ("b", 4.0)]


def test_restate_overwrites_rows_of_a_newer_interval(levels):
    run(levels, "levels", station(a=5, b=5), day(5))
    record = run(levels, "levels", station(a=3), day(3), restate=True)
    assert record["outcome"] == "published"
    assert levels.published("levels") == [("a", 3.0), ("b", 5.0)]
    assert run(levels, "levels", station(a=4, b=4), day(4))["outcome"] == "published"
    assert levels.published("levels") == [("a", 4.0), ("b", 5.0)]


def test_each_row_says_by_which_delivery_it_came(levels):
    run(levels, "levels", station(a=5), day(5))
    run(levels, "levels", station(a=3, b=3), day(3))
    newest = versions.latest(levels.lake, "levels")
    assert "origins.parquet" in [file["name"] for file in newest.record["files"]]
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        rows = con.execute(
            "SELECT station, _snapshot, CAST(_until AS VARCHAR) "
            f"FROM '{newest.path}/origins.parquet'"
        ).fetchall()
    assert rows == [("a", 1, "2024-11-06 00:00:00+00"), ("b", 2, "2024-11-04 00:00:00+00")]


def test_deliveries_of_several_intervals_that_wait_are_merged_in_their_order(levels):
    run(levels, "levels", station(x=1), day(1))
    for number, rows in ((9, station(a=9)), (3, station(a=3, b=3)), (6, station(a=6, b=6))):
        levels.data("levels", rows)
        pipeline.fetch(levels.settings, "levels", f"killed-{number}", day(number))
    run(levels, "levels", station(y=1), day(2))
    assert levels.published("levels") == [("a", 9.0), ("b", 6.0), ("x", 1.0), ("y", 1.0)]


def test_a_row_that_a_newer_interval_confirmed_is_not_overwritten(levels):
    run(levels, "levels", station(a=5), day(5))
    assert run(levels, "levels", station(a=5), day(9))["outcome"] == "unchanged"
    run(levels, "levels", station(a=7, b=7), day(7))
    assert levels.published("levels") == [("a", 5.0), ("b", 7.0)]


def test_a_row_that_was_merged_without_an_interval_is_as_new_as_its_delivery(levels):
    run(levels, "levels", station(a=1))
    assert run(levels, "levels", station(a=5, b=5), day(5))["outcome"] == "published"
    assert levels.published("levels") == [("a", 1.0), ("b", 5.0)]
    run(levels, "levels", station(b=2))
    assert levels.published("levels") == [("a", 1.0), ("b", 2.0)]


def test_a_late_retry_does_not_merge_an_old_delivery_again(levels):
    levels.data("levels", station(a=1))
    pipeline.fetch(levels.settings, "levels", "old")
    pipeline.stage(levels.settings, "levels", "old")
    run(levels, "levels", station(a=2))
    assert pipeline.publish(levels.settings, "levels", "old")["outcome"] == "unchanged"
    assert levels.published("levels") == [("a", 2.0)]


def test_what_was_merged_into_an_older_version_is_merged_again(levels):
    run(levels, "levels", station(a=1))
    levels.data("levels", station(a=7))
    pipeline.fetch(levels.settings, "levels", "first")
    levels.data("levels", station(b=2))
    for step in ("fetch", "stage", "validate"):
        getattr(pipeline, step)(levels.settings, "levels", "second")
    for step in ("stage", "validate", "publish"):
        result = getattr(pipeline, step)(levels.settings, "levels", "first")
    assert result["outcome"] == "published"
    assert pipeline.publish(levels.settings, "levels", "second")["outcome"] == "published"
    newest = versions.latest(levels.lake, "levels")
    assert levels.published("levels") == [("a", 7.0), ("b", 2.0)]
    assert [one["number"] for one in newest.record["snapshots"]] == [3]


# Processes


PROGRAM = """
import sys
from pathlib import Path
from moulouya import pipeline
from moulouya.settings import Settings
workspace, lake, state, run_id = sys.argv[1:]
settings = Settings(workspace=Path(workspace), lake=Path(lake), state=Path(state))
print("ready", flush=True)
sys.stdin.readline()
for name in pipeline.STEPS:
    result = getattr(pipeline, name)(settings, "communes", run_id)
    if "outcome" in result:
        break
print(result["outcome"], result["version"])
"""


def at_once(space: SmallWorkspace, *run_ids: str) -> list[list[str]]:
    """Run in processes of their own, let go at the same moment; how each one ended."""
    places = (space.settings.workspace_root, space.settings.lake_root, space.settings.state_root)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *map(str, places), run_id],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for run_id in run_ids
    ]  # fmt: skip
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    ended = []
    for process in started:
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
        ended.append(said.split())
    return ended


def test_two_runs_at_once_publish_once(space):
    assert sorted(at_once(space, "one", "two")) == [["published", "1"], ["unchanged", "1"]]
    assert space.lake.numbers(space.lake.versions("communes")) == [1]


def test_the_same_run_in_two_processes_publishes_once_and_both_say_so(space):
    assert at_once(space, "mine", "mine") == [["published", "1"], ["published", "1"]]
    assert space.lake.numbers(space.lake.versions("communes")) == [1]
    (record,) = ledger.records(space.lake)
    assert (record["run_id"], record["outcome"]) == ("mine", "published")
    assert list((space.lake.root / "tmp").iterdir()) == []


# The command line


def test_the_command_line_restates_an_interval(space):
    run(space, "communes", communes(5), day(5))
    space.data("communes", communes(3))
    called = partial(
        CliRunner().invoke, app, catch_exceptions=False,
        env={"MOULOUYA_STATE": str(space.settings.state_root)},
    )  # fmt: skip
    where = ["--workspace", str(space.root), "--lake", str(space.settings.lake_root)]
    about = ["run", "communes", "--interval", "2024-11-03/2024-11-04", *where]
    refused = called(about)
    assert refused.exit_code == 0
    assert "version 1 stands" in refused.output
    assert called([*about, "--restate"]).exit_code == 0
    assert people(space) == 3
    without = called(["run", "communes", "--restate", *where])
    assert without.exit_code == 2
    assert "--restate is about an interval" in without.output
