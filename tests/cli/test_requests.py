"""``moulouya requests``: what those who answer see and decide, in words, in JSON and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from moulouya.cli import app
from moulouya.participation.database import Database, database
from moulouya.participation.desk import Desk
from moulouya.participation.model import Submission
from small_workspace import REGION, SmallWorkspace, text

LAW = {"name": text("Law of access")}


@pytest.fixture
def store(workspace: SmallWorkspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("MOULOUYA_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("MOULOUYA_STATE", str(workspace.settings.state_root))
    monkeypatch.delenv("MOULOUYA_PARTICIPATION_URL", raising=False)
    opened = database(workspace.settings)
    yield opened
    opened.close()


@pytest.fixture
def sent(store: Database) -> Callable[..., int]:
    """Send something to the desk; its number."""

    def send(title: str = "Water use", kind: str = "request", **more: str) -> int:
        given = {"language": "en", "body": "By month, please.", **more}
        return Desk(store).submit(Submission(title=title, kind=kind, **given))[0]

    return send


def requests(*arguments: str, code: int = 0, input: str | None = None) -> str:
    result = CliRunner().invoke(app, ["requests", *arguments], input=input)
    assert result.exit_code == code, result.output
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def answer(*arguments: str, code: int = 0) -> Any:
    return json.loads(requests(*arguments, "--json", code=code))


def test_the_list_has_what_waits_and_all_has_what_is_closed(sent):
    first, second = sent("Water use"), sent("Bus lines", kind="suggestion")
    requests("decline", str(first), "--reason", "It is not ours.", "--by", "Salma")
    assert [one["id"] for one in answer("list")] == [second]
    assert [one["state"] for one in answer("list", "--all")] == ["declined", "received"]
    said = requests("list")
    assert "Bus lines" in said
    assert "Water use" not in said


def test_a_request_has_a_day_on_which_the_answer_is_due_where_the_region_has_a_law(workspace, sent):
    sent("Water use"), sent("Bus lines", kind="suggestion")
    assert [one["due"] for one in answer("list")] == [None, None]
    desk = {"requests": {"law": LAW, "privacy_law": LAW}}
    workspace.write_yaml("region.yml", {**REGION, **desk})
    request, suggestion = answer("list")
    assert request["due"] > request["created"]
    assert suggestion["due"] is None


def test_what_a_stranger_typed_gives_no_order_to_the_terminal(sent):
    number = sent("Wipe \x1b[2J it [bold]out[/bold]", body="one\x1b]0;title\x07\ntwo")
    for said in (requests("list"), requests("show", str(number))):
        assert "\x1b" not in said
        assert "\x07" not in said
    assert "[bold]out[/bold]" in requests("show", str(number))


def test_accepting_makes_public_with_a_note_and_another_text(store, sent):
    number = sent(body="Mr X of street Y has it.")
    found = answer("accept", str(number), "--note", "We ask.", "--text", "Somebody has it.")
    assert (found["state"], found["body"]) == ("accepted", "Somebody has it.")
    shown = Desk(store).find(number)
    assert shown is not None
    assert shown.body == "Somebody has it."
    assert shown.events[-1].note == "We ask."


def test_declining_keeps_the_reason_the_article_and_who_decided(sent):
    number = str(sent())
    requests("decline", number, "--reason", "It names people.", "--article", "7", "--by", "Salma")
    found = answer("show", number)
    assert (found["state"], found["article"]) == ("declined", "7")
    assert (found["events"][-1]["note"], found["events"][-1]["by"]) == ("It names people.", "Salma")
    assert "Salma: It names people." in requests("show", number)


def test_a_reason_is_asked_for_and_must_not_be_empty(sent):
    number = str(sent())
    requests("decline", number, "--reason", " ", code=2)
    assert answer("show", number)["state"] == "received"
    requests("decline", number, input="It is not ours.\n")
    assert answer("show", number)["events"][-1]["note"] == "It is not ours."


def test_an_answer_may_name_a_dataset_of_the_workspace_and_no_other(workspace, sent):
    workspace.define("towns")
    number = str(sent())
    wrong = answer("answer", number, "--note", "Here.", "--dataset", "tovns", code=2)
    assert "did you mean 'towns'?" in wrong["error"]["message"]
    assert answer("show", number)["state"] == "received"
    found = answer("answer", number, "--note", "Here.", "--dataset", "towns")
    assert (found["state"], found["answer_dataset"]) == ("answered", "towns")


def test_a_number_that_is_not_there_and_a_decision_too_late_are_wrong_usage(sent):
    assert answer("show", "7", code=2)["error"]["message"] == "there is no request 7"
    number = str(sent())
    requests("spam", number)
    assert (
        "cannot become answered"
        in answer("answer", number, "--note", "x", code=2)["error"]["message"]
    )
    assert answer("accept", number)["state"] == "accepted"


def test_what_is_deleted_is_gone(sent):
    number = sent()
    assert answer("delete", str(number)) == {"deleted": number}
    assert answer("list", "--all") == []
