"""The whole story of a lake on S3: run, release, query, approve, verify, from several hosts."""

from __future__ import annotations

import shutil

from moulouya import approval, catalogue, pipeline, querying, release, verification, versions
from moulouya.storage.lake import look_into, open_lake
from small_workspace import ROWS, rows_of


def test_a_run_publishes_once_and_finds_the_same_unchanged(bucket):
    workspace = bucket.workspace()
    workspace.define("communes")
    assert workspace.outcome("communes") == "published"
    assert workspace.outcome("communes") == "unchanged"
    workspace.data("communes", ROWS.replace("100", "101"))
    assert workspace.outcome("communes") == "published"
    assert workspace.lake.numbers(workspace.lake.versions("communes")) == [1, 2]


def test_another_host_reads_what_was_released(bucket):
    workspace = bucket.workspace()
    workspace.define("communes")
    workspace.run()
    assert pipeline.release(workspace.settings)["release"] == 1
    assert pipeline.release(workspace.settings)["outcome"] == "unchanged"
    elsewhere = bucket.settings("elsewhere")
    assert querying.query(elsewhere, "SELECT sum(people) AS people FROM communes").to_dicts() == [
        {"people": 600}
    ]
    version = versions.latest(look_into(elsewhere), "communes")
    assert sorted(rows_of(version.table)) == sorted(workspace.published("communes"))
    assert verification.verify(look_into(elsewhere)).problems == []


def test_a_held_delivery_is_approved_on_another_host(bucket):
    workspace = bucket.workspace()
    workspace.define("communes", rows={"change_within": "10%"})
    workspace.run()
    workspace.data("communes", ROWS + "04,Taza,400\n")
    assert workspace.outcome("communes") == "held"
    settings = bucket.settings("elsewhere")
    record = approval.approve(settings, "communes", by="A person", reason="a new commune")
    assert record["version"] == 2
    published = versions.latest(workspace.lake, "communes")
    assert published.record["decision"]["by"] == "A person"
    assert len(rows_of(published.table)) == 4
    assert workspace.outcome("communes") == "unchanged"
    assert verification.verify(look_into(settings)).problems == []


def test_a_derived_dataset_reads_inputs_that_another_host_published(bucket):
    workspace = bucket.workspace()
    workspace.define("communes")
    workspace.derive("total", "SELECT '01' AS code, 'all' AS name, sum(people)::BIGINT AS people "
                              "FROM communes")  # fmt: skip
    workspace.run("communes")
    (record,) = bucket.workspace("elsewhere").run("total")
    assert record["outcome"] == "published", record
    assert workspace.published("total") == [("01", "all", 600)]


def test_two_hosts_that_run_a_dataset_in_turns_continue_each_others_versions(bucket):
    one, two = bucket.workspace("one"), bucket.workspace("two")
    one.define("communes")
    for number, workspace in enumerate((one, two, one, two), 1):
        one.data("communes", ROWS.replace("100", str(100 + number)))
        (record,) = workspace.run("communes")
        assert (record["outcome"], record["version"]) == ("published", number)
        made, _ = release.commit(
            workspace.lake, workspace.region, "http://127.0.0.1:8500", catalogue.build
        )
        assert made.number == number


def test_a_working_copy_that_is_deleted_is_filled_again(bucket):
    workspace = bucket.workspace()
    workspace.define("communes")
    workspace.run()
    pipeline.release(workspace.settings)
    shutil.rmtree(workspace.settings.lake_root)
    assert workspace.outcome("communes") == "unchanged"
    assert verification.verify(open_lake(workspace.settings)).problems == []
