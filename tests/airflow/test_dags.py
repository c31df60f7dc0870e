"""The DAG files: what is made of a definition, and what parsing them costs."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys

import pytest
from places import REPOSITORY

CHAIN = ["fetch", "stage", "validate", "transform", "publish"]


def parsed_by_another_process(environment, *lines):
    code = "\n".join(
        [
            "import sys, json",
            f"sys.path.insert(0, {str(REPOSITORY / 'dags')!r})",
            *lines,
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_a_dataset_with_a_source_goes_through_five_tasks(workspace, dags):
    workspace.define("communes")
    dag = dags()["dataset__communes"]
    assert [task.task_id for task in dag.topological_sort()] == CHAIN
    assert dag.description == "Communes"
    assert "one commune" in dag.doc_md
    (asset,) = dag.get_task("publish").outlets
    assert (asset.name, asset.uri) == ("communes", "x-moulouya://places/communes")


def test_a_derived_dataset_follows_any_of_its_inputs_and_a_daily_clock(workspace, dags):
    workspace.define("communes")
    workspace.define("schools")
    workspace.derive("joined", "SELECT c.* FROM communes AS c JOIN schools AS s USING (code)")
    dag = dags()["dataset__joined"]
    assert [task.task_id for task in dag.topological_sort()] == ["transform", "publish"]
    condition = dag.timetable.asset_condition
    assert type(condition).__name__ == "AssetAny"
    assert sorted(asset.name for asset in condition.objects) == ["communes", "schools"]
    assert dag.timetable.timetable.delta.total_seconds() == 86400


def test_a_source_that_refers_to_others_starts_when_all_are_there(workspace, dags):
    from small_workspace import column

    workspace.define("communes")
    workspace.define("roads")
    to = {"code": column("text", references="communes.code"),
          "name": column("text", references="roads.name"), "people": column("integer")}  # fmt: skip
    workspace.define("schools", columns=to, refresh={"every": "P7D"})
    timetable = dags()["dataset__schools"].timetable
    assert type(timetable.asset_condition).__name__ == "AssetAll"
    assert sorted(asset.name for asset in timetable.asset_condition.objects) == [
        "communes",
        "roads",
    ]
    assert timetable.timetable.delta.days == 7


@pytest.mark.parametrize(
    ("refresh", "timetable", "says"),
    [
        ({"every": "P7D"}, "DeltaDataIntervalTimetable", {"delta": 604800.0}),
        ({"cron": "30 4 * * 1"}, "CronDataIntervalTimetable", {"expression": "30 4 * * 1"}),
    ],
)
def test_the_clock_is_that_of_the_definition(workspace, dags, refresh, timetable, says):
    from airflow.serialization.serialized_objects import DagSerialization

    workspace.define("communes", refresh=refresh)
    kept = DagSerialization.serialize_dag(dags()["dataset__communes"])["timetable"]
    assert kept["__type"].endswith(timetable)
    assert kept["__var"].items() >= says.items()


def test_a_dataset_without_a_clock_waits_for_a_person(workspace, dags):
    workspace.define("communes", refresh={})
    assert not dags()["dataset__communes"].timetable.can_be_scheduled


def test_one_host_is_asked_one_thing_at_a_time(workspace, dags):
    source = {"kind": "http", "url": "https://Data.Example.org/a.csv", "format": "csv"}
    workspace.define("far", source=source)
    workspace.define("near")
    found = dags()
    pools = [task.pool for task in found["dataset__far"].topological_sort()]
    assert pools == ["host_data_example_org", *["default_pool"] * 4]
    assert {task.pool for task in found["dataset__near"].tasks} == {"default_pool"}


def test_every_dag_survives_serialization_unchanged(workspace, dags):
    from airflow.serialization.serialized_objects import DagSerialization

    workspace.define("communes", refresh={"every": "P1D"})
    workspace.derive("half", "SELECT * FROM communes")
    workspace.write("datasets/places/wrong.yml", "title: nothing\n")
    once, again_parsed = dags(), dags()
    assert once.keys() == again_parsed.keys()
    for dag_id, first in once.items():
        kept = DagSerialization.serialize_dag(first)
        assert DagSerialization.serialize_dag(again_parsed[dag_id]) == kept
        again = DagSerialization.deserialize_dag(json.loads(json.dumps(kept)))
        assert again.task_ids == first.task_ids


def test_a_broken_definition_costs_only_its_own_dag(workspace, dags):
    workspace.define("communes")
    workspace.write("datasets/places/wrong.yml", "title: nothing\n")
    found = dags()
    assert found.keys() == {
        "dataset__communes",
        "dataset__wrong",
        "catalogue",
        "upkeep",
        "notices",
    }
    assert found["dataset__wrong"].task_ids == ["definition"]
    assert "broken" in found["dataset__wrong"].tags
    assert "wrong.yml:1" in found["dataset__wrong"].doc_md


def test_the_release_follows_every_sound_dataset(workspace, dags):
    workspace.define("communes")
    workspace.define("schools")
    workspace.write("datasets/places/wrong.yml", "title: nothing\n")
    condition = dags()["catalogue"].timetable.asset_condition
    assert sorted(asset.name for asset in condition.objects) == ["communes", "schools"]


def test_a_workspace_without_datasets_has_what_is_for_all_of_them_only(dags):
    assert dags().keys() == {"catalogue", "upkeep", "notices"}


def test_notices_follow_the_release_and_come_more_often_where_mail_is_sent(dags, monkeypatch):
    monkeypatch.delenv("MOULOUYA_SMTP_URL", raising=False)
    (asset,) = dags()["notices"].timetable.asset_condition.objects
    assert asset.uri == dags()["catalogue"].get_task("release").outlets[0].uri
    monkeypatch.setenv("MOULOUYA_SMTP_URL", "smtp://localhost")
    timetable = dags()["notices"].timetable
    assert timetable.asset_condition.uri == asset.uri
    assert timetable.timetable.delta == dt.timedelta(minutes=10)


def test_the_upkeep_verifies_before_it_deletes_anything(dags):
    upkeep = dags()["upkeep"]
    assert upkeep.get_task("gc").upstream_task_ids == {"verify"}


def test_parsing_imports_nothing_heavy(workspace, environment):
    workspace.define("communes")
    lines = [
        "import datasets, catalogue, upkeep",
        "heavy = ['pandas', 'numpy', 'duckdb', 'pyarrow', 'great_expectations', 'yaml.composer']",
        "print(json.dumps([[n for n in vars(datasets) if n.startswith('dataset__')],",
        "                  [name for name in heavy[:5] if name in sys.modules]]))",
    ]
    parsed_by_another_process(environment, *lines)  # the first one compiles the registry
    names, heavy = parsed_by_another_process(environment, *lines)
    assert names == ["dataset__communes"]
    assert heavy == []


def test_a_task_that_starts_makes_its_own_dag_only(workspace, environment):
    for slug in ("communes", "schools", "roads"):
        workspace.define(slug)
    lines = [
        "import datasets",
        "print(json.dumps([n for n in vars(datasets) if n.startswith('dataset__')]))",
    ]
    asked = {**environment, "_AIRFLOW_PARSING_CONTEXT_DAG_ID": "dataset__schools"}
    assert parsed_by_another_process(asked, *lines) == ["dataset__schools"]
    assert len(parsed_by_another_process(environment, *lines)) == 3
