"""The tasks, run by Airflow's own task runner on a real lake: how each outcome shows."""

from __future__ import annotations

import json

import pytest
from execution_api import ExecutionAPI

from moulouya import approval, gates, versions
from small_workspace import ROWS

TOO_FEW = "code,name,people\n01,Berkane,100\n"


def run(dags, slug, number=1, **how):
    run_id = f"scheduled__2026-02-0{number}T00:00:00+00:00"
    return ExecutionAPI(dags()[f"dataset__{slug}"], run_id, **how).run()


def test_a_published_version_is_an_event_of_its_asset(workspace, dags):
    workspace.define("communes")
    api = run(dags, "communes")
    assert set(api.states.values()) == {"success"}
    (event,) = api.events
    assert event["dest_asset_key"]["uri"] == "x-moulouya://places/communes"
    assert event["extra"]["outcome"] == "published"
    assert (event["extra"]["rows"], event["extra"]["version"]) == (3, 1)
    assert event["extra"]["links"]["portal"].endswith("/en/datasets/communes")
    assert api.outcome["sentence"] == "published · version 1 · 3 rows"


def test_the_run_and_its_period_are_on_record(workspace, dags):
    workspace.define("communes")
    run(dags, "communes")
    record = versions.latest(workspace.lake, "communes").record
    assert record["run_id"].startswith("communes-scheduled__2026-02-01T00-00-00-00-00-")
    assert record["interval"] == {"start": "2026-01-31T00:00:00Z", "end": "2026-02-01T00:00:00Z"}


def test_an_older_period_is_published_where_the_run_is_to_restate(workspace, dags):
    workspace.define("communes")
    run(dags, "communes")
    workspace.data("communes", ROWS.replace("100", "99"))
    older = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
    api = run(dags, "communes", 2, interval=older)
    assert api.outcome["outcome"] == "unchanged"
    assert "version 1 stands, of the interval" in api.outcome["sentence"]
    api = run(dags, "communes", 3, interval=older, conf={"restate": True})
    assert api.outcome["outcome"] == "published"
    record = versions.latest(workspace.lake, "communes").record
    assert (record["restated"], record["interval"]["end"]) == (True, "2026-01-02T00:00:00Z")


def test_run_ids_are_file_names_of_their_own():
    import steps

    odd = ["manual__2026-02-01T00:00:00+00:00", "manual__2026-02-01T00-00-00-00-00", "a/../b",
           "é" * 300, "x" * 300]  # fmt: skip
    made = [steps.run_id(one, "communes") for one in odd]
    assert len(set(made)) == len(odd)
    assert all(len(one) < 200 and "/" not in one and one.isascii() for one in made)
    assert made == [steps.run_id(one, "communes") for one in odd]


def test_an_unchanged_source_skips_what_follows_and_updates_nothing(workspace, dags):
    workspace.define("communes")
    run(dags, "communes")
    api = run(dags, "communes", 2)
    assert api.states.pop("fetch") == "success"
    assert set(api.states.values()) == {"skipped"}
    assert api.events == []
    assert api.outcome["outcome"] == "unchanged"


def test_the_same_rows_in_another_order_update_nothing(workspace, dags):
    workspace.define("communes")
    run(dags, "communes")
    header, *rows = ROWS.splitlines()
    workspace.data("communes", "\n".join([header, *reversed(rows)]) + "\n")
    api = run(dags, "communes", 2)
    assert api.states["publish"] == "skipped"
    assert api.events == []
    assert api.outcome["outcome"] == "unchanged"


def test_a_failure_says_why_and_is_not_tried_again(workspace, dags):
    workspace.define("communes", rows={"at_least": 10})
    api = run(dags, "communes", retries=4)
    assert "failed" in api.states.values()
    assert "up_for_retry" not in api.states.values()
    assert api.states["publish"] in ("failed", "upstream_failed")
    assert api.outcome["outcome"] == "failed"
    assert "3 rows, expected at least 10" in api.outcome["sentence"]
    assert api.events == []


def test_a_bug_is_told_as_one(workspace, dags, monkeypatch):
    from moulouya import pipeline

    workspace.define("communes")
    monkeypatch.setattr(pipeline, "stage", lambda *_: 1 / 0)
    api = run(dags, "communes", retries=4)
    assert (api.states["stage"], api.states["publish"]) == ("failed", "upstream_failed")
    assert "failed in stage: ZeroDivisionError" in api.outcome["sentence"]
    assert api.outcome["error"]["code"] == "bug"


def test_what_waiting_can_heal_is_tried_again_when_the_source_asks():
    import steps

    from moulouya.errors import DataError, SourceError

    policy = steps.OnlyWhatHeals()
    busy = SourceError("429 Too Many Requests", retry=True, retry_after=90)
    decision = policy.evaluate(busy, 1, 4)
    assert (decision.action.value, decision.retry_delay.total_seconds()) == ("retry", 90)
    assert policy.evaluate(SourceError("timed out", retry=True), 1, 4).retry_delay is None
    for error in (SourceError("404"), DataError("no rows"), ValueError("a bug")):
        assert policy.evaluate(error, 1, 4).action.value == "fail"


def test_a_busy_source_leaves_the_task_up_for_retry(workspace, dags, monkeypatch):
    from moulouya import pipeline
    from moulouya.errors import SourceError

    def busy(*_):
        raise SourceError("503 Service Unavailable", retry=True, retry_after=45)

    workspace.define("communes")
    monkeypatch.setattr(pipeline, "fetch", busy)
    api = run(dags, "communes", retries=4)
    assert api.states == {"fetch": "up_for_retry"}
    assert api.retry_after == 45


@pytest.fixture
def held(workspace, dags):
    """A run whose delivery lost most of its rows."""
    workspace.define("communes", rows={"change_within": "10%"})
    run(dags, "communes")
    workspace.data("communes", TOO_FEW)
    return run(dags, "communes", 2)


def test_a_suspicious_delivery_waits_for_a_person(workspace, held):
    assert held.states["publish"] == "awaiting_input"
    assert held.events == []
    assert held.outcome["outcome"] == "held"
    assert "Publish this delivery of communes?" in held.question["subject"]
    body = held.question["body"]
    assert "1 rows after 3" in body
    assert "Version 1 stays published until you decide." in body
    assert "| rows | 3 | 1 |" in body
    assert "| 02 | Oujda | 200 |" in body
    assert "moulouya approve communes" in body
    assert "[Data Docs](http://127.0.0.1:8080/dags/dataset__communes/plugin/data-docs)" in body
    assert "[Public page](http://127.0.0.1:8500/en/datasets/communes)" in body
    assert "Rejected rows" not in body
    assert versions.latest(workspace.lake, "communes").number == 1


def test_approval_publishes_with_name_and_reason(workspace, held):
    held.answer("publish", "Approve", "two communes were merged")
    assert held.states["publish"] == "success"
    assert held.events[0]["extra"]["version"] == 2
    decision = versions.latest(workspace.lake, "communes").record["decision"]
    assert (decision["by"], decision["reason"]) == ("Amina", "two communes were merged")


def test_rejection_keeps_the_last_good_version(workspace, held):
    held.answer("publish", "Reject", "half the file is missing")
    assert held.states["publish"] == "skipped"
    assert held.events == []
    assert "rejected by Amina: half the file is missing" in held.outcome["sentence"]
    assert versions.latest(workspace.lake, "communes").number == 1
    assert [one.decision["decision"] for one in gates.pending(workspace.lake, "communes")] == [
        "rejected"
    ]


def test_an_answer_without_a_reason_is_asked_for_again(workspace, held):
    for option in ("Approve", "Reject"):
        held.answer("publish", option, "  ")
        assert held.states["publish"] == "awaiting_input"
        assert versions.latest(workspace.lake, "communes").number == 1
        assert [one.decision for one in gates.pending(workspace.lake, "communes")] == [None]
    held.answer("publish", "Approve", "checked with the office")
    assert held.states["publish"] == "success"


def test_rejected_rows_are_one_click_away(workspace, dags):
    workspace.define("communes", rows={"change_within": "10%"}, rejects={"at_most": "50%"})
    run(dags, "communes")
    workspace.data("communes", TOO_FEW + "02,Oujda,many\n")
    held = run(dags, "communes", 2)
    (waiting,) = gates.pending(workspace.lake, "communes")
    link = f"[Rejected rows](http://127.0.0.1:8080/moulouya/held/communes/{waiting.run_id})"
    assert link in held.question["body"]


def test_personal_data_can_only_be_rejected_and_are_not_shown(workspace, dags):
    workspace.define("communes")
    people = "".join(f"0{n},person{n}@example.org,{n}\n" for n in range(1, 9))
    workspace.data("communes", "code,name,people\n" + people)
    held = run(dags, "communes")
    assert held.states["publish"] == "awaiting_input"
    assert held.question["options"] == ["Reject"]
    assert "which nobody can approve" in held.question["body"]
    assert "Nothing is published until you decide." in held.question["body"]
    assert "person1@" not in held.question["body"]
    held.answer("publish", "Reject", "the office sends it again without names")
    assert held.states["publish"] == "skipped"


def test_what_a_delivery_holds_can_neither_draw_nor_link_in_the_question(workspace, dags):
    workspace.define("communes", rows={"change_within": "10%"})
    evil = "![x](http://a.example/t.png) <img src=x> www.a.example |"
    workspace.data("communes", f"code,name,people\n01,Berkane,100\n02,{evil},200\n03,Nador,3\n")
    run(dags, "communes")
    workspace.data("communes", TOO_FEW)
    body = run(dags, "communes", 2).question["body"]
    assert r"\!\[x\](http\://a.example/t.png) \<img src=x\> www\.a.example \|" in body


def test_a_delivery_still_held_asks_again_in_the_next_run(workspace, dags, held):
    api = run(dags, "communes", 3)
    assert api.states["publish"] == "awaiting_input"
    assert (api.states["fetch"], api.states["stage"]) == ("success", "skipped")
    api.answer("publish", "Approve", "checked")
    assert api.states["publish"] == "success"
    assert versions.latest(workspace.lake, "communes").number == 2


def test_what_was_decided_elsewhere_meanwhile_is_said(workspace, settings, held):
    approval.approve(settings, "communes", by="Karim", reason="checked")
    held.answer("publish", "Approve", "checked")
    assert held.states["publish"] == "failed"
    assert "nothing of communes waits for a decision" in held.outcome["sentence"]


def test_a_derived_dataset_waits_until_its_inputs_are_published(workspace, dags):
    workspace.define("communes")
    workspace.derive("half", "SELECT * FROM communes")
    early = run(dags, "half")
    assert early.states == {"transform": "success", "publish": "skipped"}
    assert early.outcome["sentence"] == "waiting: for communes"
    run(dags, "communes")
    assert run(dags, "half", 2).outcome["outcome"] == "published"


def test_a_broken_definition_fails_with_its_faults(workspace, dags):
    workspace.write("datasets/places/wrong.yml", "title: nothing\n")
    api = run(dags, "wrong", retries=4)
    assert api.states == {"definition": "failed"}
    assert "wrong.yml:1" in api.outcome["sentence"]


def test_a_release_is_made_once_and_skipped_when_nothing_changed(workspace, dags):
    workspace.define("communes")
    catalogue = dags()["catalogue"]
    first = ExecutionAPI(catalogue).run()
    assert first.states == {"release": "skipped"}
    assert first.outcome["outcome"] == "waiting"
    run(dags, "communes")
    second = ExecutionAPI(catalogue).run()
    assert second.states == {"release": "success"}
    assert second.events[0]["extra"]["datasets"] == 1
    third = ExecutionAPI(catalogue).run()
    assert third.states == {"release": "skipped"}
    assert third.events == []


def test_followers_are_told_after_a_release_and_a_server_that_is_away_is_tried_again(
    workspace, dags, monkeypatch
):
    from moulouya.participation.database import database
    from moulouya.participation.following import Following

    workspace.define("communes")
    run(dags, "communes")
    notices = dags()["notices"]
    assert ExecutionAPI(notices).run().states == {"notify": "success"}
    assert ExecutionAPI(dags()["catalogue"]).run().states == {"release": "success"}
    store = database(workspace.settings)
    Following(store).ask("amina@example.org", "catalogue", "", "en")
    store.close()
    monkeypatch.setenv("MOULOUYA_SMTP_URL", "smtp://localhost:1")
    monkeypatch.setenv("MOULOUYA_MAIL_FROM", "data@example.org")
    away = ExecutionAPI(notices, retries=2).run()
    assert away.states == {"notify": "up_for_retry"}
    assert "no mail can be sent through localhost:1" in away.outcome["sentence"]


def test_records_between_tasks_are_small(workspace, dags):
    workspace.define("communes")
    api = run(dags, "communes")
    assert all(len(json.dumps(value)) < 2000 for value in api.xcoms.values())
