"""A run ends in one of four outcomes, written to the ledger; the others are not hurt."""

from __future__ import annotations

import re

import pytest

from moulouya import ledger, pipeline, verification, versions
from moulouya.errors import DataError, DefinitionError, SourceError, UsageError
from small_workspace import COLUMNS, ROWS, column, rows_of

UNIQUE_NAMES = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "name"}}


def test_a_dataset_travels_from_source_to_catalogue(workspace):
    workspace.define("communes")
    workspace.expect("communes", UNIQUE_NAMES)
    (record,) = workspace.run()
    assert (record["outcome"], record["rows"], record["rejected"], record["version"]) == (
        "published", 3, 0, 1
    )  # fmt: skip
    assert [step["step"] for step in record["steps"]] == [
        "fetch", "stage", "validate", "transform", "publish"
    ]  # fmt: skip
    assert record["links"]["portal"].endswith("/en/datasets/communes")
    assert workspace.published("communes") == [
        ("01", "Berkane", 100), ("02", "Oujda", 200), ("03", "Nador", 300)
    ]  # fmt: skip
    assert list(ledger.records(workspace.lake)) == [record]
    assert list((workspace.lake.root / "tmp").iterdir()) == []


def test_the_same_bytes_are_unchanged_and_publish_nothing(workspace):
    workspace.define("communes")
    workspace.run()
    (record,) = workspace.run()
    assert (record["outcome"], record["version"], record["rows"]) == ("unchanged", 1, 3)
    assert [step["step"] for step in record["steps"]] == ["fetch"]
    assert workspace.lake.numbers(workspace.lake.snapshots("communes")) == [1]


def test_other_bytes_with_the_same_rows_are_unchanged_too(workspace):
    workspace.define("communes")
    workspace.run()
    workspace.data("communes", ROWS.replace("\n", "\r\n"))
    (record,) = workspace.run()
    assert (record["outcome"], record["version"]) == ("unchanged", 1)
    assert workspace.lake.numbers(workspace.lake.snapshots("communes")) == [1, 2]


def test_a_derived_dataset_follows_its_inputs(workspace):
    workspace.define("communes")
    workspace.derive(
        "names", "SELECT code, upper(name) AS name, people FROM communes",
        columns={name: {**one, "computed": True} for name, one in COLUMNS.items()},
    )  # fmt: skip
    assert [record["outcome"] for record in workspace.run()] == ["published", "published"]
    assert workspace.published("names")[0][1] == "BERKANE"
    assert [record["outcome"] for record in workspace.run()] == ["unchanged", "unchanged"]
    workspace.data("communes", ROWS.replace("Berkane", "Berkan"))
    assert [record["outcome"] for record in workspace.run()] == ["published", "published"]
    assert versions.latest(workspace.lake, "names").record["inputs"] == {"communes": 2}


def test_a_derived_dataset_whose_input_is_not_published_says_what_to_run(workspace):
    workspace.define("communes")
    workspace.derive("names", "SELECT * FROM communes")
    (record,) = workspace.run("names")
    assert record["outcome"] == "failed"
    assert record["error"]["message"] == "names reads communes, not published yet"
    assert record["error"]["hint"] == "moulouya run communes"


def test_a_source_that_is_not_there_fails_and_the_others_run(workspace):
    workspace.define("a", source={"kind": "file", "path": "nothing.csv", "format": "csv"})
    workspace.define("b")
    found = {record["slug"]: record for record in workspace.run()}
    assert {slug: record["outcome"] for slug, record in found.items()} == {
        "a": "failed", "b": "published"
    }  # fmt: skip
    assert found["a"]["error"]["code"] == "source"
    assert found["a"]["error"]["exit_code"] == 3


def test_a_broken_definition_fails_with_its_faults_and_the_others_run(workspace):
    workspace.define("a", licence="none")
    workspace.define("b")
    found = {record["slug"]: record for record in workspace.run()}
    assert found["a"]["error"]["code"] == "definition"
    assert "unknown licence" in found["a"]["error"]["message"]
    assert found["b"]["outcome"] == "published"
    with pytest.raises(DefinitionError):
        pipeline.fetch(workspace.settings, "a", "r")


def test_an_unreadable_source_fails_and_the_last_version_stays(workspace):
    workspace.define("communes")
    workspace.run()
    workspace.data("communes", b"\x00\x01\xff\xfe")
    (record,) = workspace.run()
    assert (record["outcome"], record["error"]["code"]) == ("failed", "unreadable")
    assert workspace.published("communes")[0] == ("01", "Berkane", 100)


def test_a_column_that_the_source_lost_fails_with_a_hint(workspace):
    workspace.define("communes")
    workspace.run()
    workspace.data("communes", ROWS.replace("people", "poeple"))
    (record,) = workspace.run()
    assert "no column 'people'" in record["error"]["message"]
    assert "did you mean 'poeple'" in record["error"]["message"]
    assert record["error"]["exit_code"] == 1


def test_a_critical_expectation_that_fails_blocks_and_leaves_its_report(workspace):
    workspace.define("communes")
    workspace.expect("communes", UNIQUE_NAMES)
    workspace.run()
    workspace.data("communes", ROWS.replace("Oujda", "Berkane"))
    (record,) = workspace.run()
    assert (record["outcome"], record["error"]["code"]) == ("failed", "data")
    assert workspace.lake.numbers(workspace.lake.versions("communes")) == [1]
    (report,) = workspace.lake.quarantine("communes").glob("*/validation.json")
    assert report.parent.name == record["run_id"]
    failed = [check for check in pipeline.read_json(report)["checks"] if not check["success"]]
    assert [(check["type"], check["unexpected_count"]) for check in failed] == [
        ("expect_column_values_to_be_unique", 2)
    ]


def test_a_warning_is_published_beside_the_data(workspace):
    workspace.define("communes")
    workspace.expect("communes", {**UNIQUE_NAMES, "severity": "warning"})
    workspace.data("communes", ROWS.replace("Oujda", "Berkane"))
    assert workspace.outcome("communes") == "published"
    assert versions.latest(workspace.lake, "communes").record["validation"]["warnings"] == 1


@pytest.mark.parametrize(
    ("changes", "rows", "message"),
    [
        ({"rows": {"at_least": 4}}, ROWS, "at least 4|between|rows"),
        ({"columns": {**COLUMNS, "people": column("integer", range=[0, 250])}}, ROWS, "people"),
        ({"columns": {**COLUMNS, "name": column("text", pattern="^[A-M]")}}, ROWS, "name"),
        ({}, ROWS + "01,Again,5\n", "code"),
    ],
)
def test_a_broken_promise_of_the_contract_fails_the_run(workspace, changes, rows, message):
    workspace.define("communes", **changes)
    workspace.data("communes", rows)
    (record,) = workspace.run()
    assert (record["outcome"], record["error"]["code"]) == ("failed", "data")
    assert re.search(message, record["error"]["message"]), record["error"]["message"]


def test_rows_that_all_fail_the_contract_are_kept_in_the_quarantine(workspace):
    workspace.define("communes")
    workspace.data("communes", "code,name,people\n01,Berkane,many\n02,Oujda,few\n")
    (record,) = workspace.run()
    assert "not one of the 2 rows" in record["error"]["message"]
    (kept,) = workspace.lake.quarantine("communes").glob("*/rejected.parquet")
    assert rows_of(kept, "line, reason") == [
        (2, "people: many is not integer"), (3, "people: few is not integer")
    ]  # fmt: skip


def test_a_source_without_rows_fails(workspace):
    workspace.define("communes")
    workspace.data("communes", "code,name,people\n")
    (record,) = workspace.run()
    assert record["error"]["message"] == "the source of communes has no rows"


def test_a_reference_to_nowhere_fails(workspace):
    workspace.define("provinces")
    workspace.define(
        "communes", columns={**COLUMNS, "code": column("text", references="provinces.code")}
    )
    workspace.data("communes", ROWS + "99,Atlantis,1\n")
    found = {record["slug"]: record for record in workspace.run()}
    assert found["provinces"]["outcome"] == "published"
    assert found["communes"]["outcome"] == "failed"


def test_an_sql_error_fails_with_the_name_of_its_file(workspace):
    workspace.define("communes")
    workspace.transform("communes", "SELECT code, name, peopel AS people FROM staged")
    (record,) = workspace.run()
    assert (record["error"]["code"], record["error"]["exit_code"]) == ("transform", 2)
    assert record["error"]["message"].startswith("communes.sql: ")


def test_a_python_transform_runs_end_to_end(workspace):
    workspace.define("communes")
    workspace.transform(
        "communes",
        "def transform(inputs):\n    return inputs['staged'].query('people > 150')\n",
        suffix=".py",
    )
    assert workspace.outcome("communes") == "published"
    assert [row[0] for row in workspace.published("communes")] == ["02", "03"]


def test_steps_raise_their_errors_for_the_scheduler(workspace):
    workspace.define("a", source={"kind": "file", "path": "nothing.csv", "format": "csv"})
    workspace.define("b")
    workspace.expect("b", {**UNIQUE_NAMES, "meta": {"moment": "incoming"}})
    workspace.data("b", ROWS.replace("Oujda", "Berkane"))
    with pytest.raises(SourceError):
        pipeline.fetch(workspace.settings, "a", "r1")
    pipeline.fetch(workspace.settings, "b", "r2")
    pipeline.stage(workspace.settings, "b", "r2")
    with pytest.raises(DataError):
        pipeline.validate(workspace.settings, "b", "r2")
    assert {one["run_id"]: one["outcome"] for one in ledger.records(workspace.lake)} == {
        "r1": "failed", "r2": "failed"
    }  # fmt: skip


def test_a_failed_run_can_be_repeated_under_its_id(workspace):
    workspace.define("communes")
    (workspace.root / "data/communes.csv").rename(workspace.root / "away.csv")
    with pytest.raises(SourceError):
        pipeline.fetch(workspace.settings, "communes", "r")
    (workspace.root / "away.csv").rename(workspace.root / "data/communes.csv")
    pipeline.fetch(workspace.settings, "communes", "r")
    assert pipeline.publish(workspace.settings, "communes", "r")["outcome"] == "published"
    (record,) = ledger.records(workspace.lake)
    assert (record["outcome"], record["error"]) == ("published", None)


def test_an_unknown_slug_is_a_wrong_usage(workspace):
    workspace.define("communes")
    with pytest.raises(UsageError, match="did you mean 'communes'"):
        workspace.run("comunes")
    assert list(ledger.records(workspace.lake)) == []


def test_progress_tells_of_every_step_and_every_end(workspace):
    workspace.define("communes")
    told: list[tuple[str, str, str, int, int]] = []
    pipeline.run(workspace.settings, None, lambda *one: told.append(one))
    assert told == [
        *(("communes", name, "", 0, 1) for name in pipeline.STEPS),
        ("communes", "", "published", 1, 1),
    ]


def test_a_bug_is_a_failed_run_that_says_it_is_ours(workspace, monkeypatch):
    workspace.define("communes")
    monkeypatch.setattr(pipeline.arrival, "taken", lambda *_: 1 / 0)
    (record,) = workspace.run()
    assert (record["outcome"], record["error"]["code"]) == ("failed", "bug")
    assert "report it" in record["error"]["hint"]


def test_status_says_where_every_dataset_stands(workspace):
    from moulouya.status import status

    workspace.define("a", refresh={"every": "P1D"})
    workspace.define("b", licence="none")
    workspace.define("c", source={"kind": "file", "path": "nothing.csv", "format": "csv"})
    workspace.define("d")
    workspace.run("a", "c")
    found = {row["slug"]: row for row in status(workspace.settings)}
    assert [found[slug]["outcome"] for slug in "abcd"] == ["published", None, "failed", None]
    assert (found["a"]["rows"], found["a"]["version"], found["a"]["stale"]) == (3, 1, False)
    assert found["a"]["next"] > found["a"]["ended"]
    assert "unknown licence" in found["b"]["broken"][0]
    assert found["c"]["error"]["code"] == "source"
    assert found["c"]["checked"] is None


def test_a_dataset_not_seen_for_too_long_is_late(workspace):
    from moulouya.status import status

    workspace.define("a", refresh={"every": "P1D"})
    at = "2020-01-01T00:00:00Z"
    ledger.write(workspace.lake, ledger.RunRecord("r", "a", "unchanged", at, at, 0.0))
    (row,) = status(workspace.settings)
    assert (row["stale"], row["late_since"]) == (True, "2020-01-04T00:00:00Z")


def test_a_whole_lake_verifies(workspace):
    workspace.define("communes")
    workspace.run()
    pipeline.release(workspace.settings)
    found = verification.verify(workspace.lake)
    assert found.problems == []
    assert found.files >= 10
