"""Deciding about requests in Airflow: by whom, in whose name, and never by another site."""

from __future__ import annotations

import re
import time

import pytest
from itsdangerous import TimestampSigner
from places import signed_in

from moulouya.participation.database import database
from moulouya.participation.desk import Desk
from moulouya.participation.model import Submission
from moulouya.participation.moderation import Moderation
from small_workspace import REGION, text


@pytest.fixture
def store(workspace):
    opened = database(workspace.settings)
    yield opened
    opened.close()


@pytest.fixture
def moderation(store):
    return Moderation(store)


@pytest.fixture
def number(store):
    """A request that somebody sent."""
    sent = Submission("request", "fr", "Water use", "By month, please.", email="amina@example.org")
    return Desk(store).submit(sent)[0]


@pytest.fixture
def listed(client):
    """The list as somebody gets it."""

    def get(name="admin", role="admin", query=""):
        answer = client.get(f"/moulouya/requests{query}", headers=signed_in(name, role))
        assert answer.status_code == 200
        return answer

    return get


@pytest.fixture
def decide(client, listed):
    """Press a button of the form as somebody who has just opened it."""

    def post(number, decision, *, name="admin", role="admin", token=None, headers=None, **fields):
        if token is None:
            found = re.search(r'name="token" value="([^"]+)"', listed(name, role).text)
            token = found[1] if found else ""
        return client.post(
            f"/moulouya/requests/{number}",
            data={"decision": decision, "token": token, **fields},
            headers={**signed_in(name, role), **(headers or {})},
            follow_redirects=False,
        )

    return post


def test_nobody_sees_or_decides_without_signing_in(client, number, moderation):
    assert client.get("/moulouya/requests").status_code == 401
    fields = {"decision": "accept", "token": "x"}
    assert client.post(f"/moulouya/requests/{number}", data=fields).status_code == 401
    assert moderation.show(number).item.state == "received"


def test_a_decision_is_taken_in_the_name_of_who_is_signed_in(number, decide, listed, moderation):
    answer = decide(number, "accept", name="salma", note="We ask the agency.", urgent="yes")
    assert (answer.status_code, answer.headers["location"]) == (303, f"../requests?done={number}")
    case = moderation.show(number)
    assert (case.item.state, case.item.urgent) == ("accepted", True)
    assert (case.item.events[-1].by, case.item.events[-1].note) == ("salma", "We ask the agency.")
    assert f"{number} is decided." in listed(query=f"?done={number}").text


def test_every_decision_of_the_command_line_can_be_taken(workspace, number, decide, moderation):
    workspace.define("water_use")
    workspace.write_yaml(
        "region.yml", {**REGION, "requests": {"law": {"name": text("Law")},
                                              "privacy_law": {"name": text("Law")}}}
    )  # fmt: skip
    steps = [
        ("accept", {"text": "Without a name."}, "accepted"),
        ("start", {}, "in_progress"),
        ("extend", {"note": "It takes longer."}, "in_progress"),
        ("answer", {"note": "Here.\r\nAll of it.", "dataset": "water_use"}, "answered"),
    ]
    for decision, fields, state in steps:
        assert decide(number, decision, **fields).status_code == 303, decision
        assert moderation.show(number).item.state == state
    item = moderation.show(number).item
    assert (item.body, item.extended, item.answer_dataset) == ("Without a name.", True, "water_use")
    assert item.events[-1].note == "Here.\nAll of it."


@pytest.mark.parametrize(
    ("decision", "fields", "state"),
    [
        ("decline", {"note": "It names people.", "article": "7"}, "declined"),
        ("spam", {}, "spam"),
        ("delete", {"sure": "yes"}, None),
    ],
)
def test_what_closes_it(number, decide, moderation, listed, decision, fields, state):
    assert decide(number, decision, **fields).status_code == 303
    cases = moderation.cases()
    assert [case.item.state for case in cases] == ([state] if state else [])
    assert "Water use" not in listed().text


@pytest.mark.parametrize(
    ("decision", "fields", "said"),
    [
        ("answer", {"note": " "}, "there is no answer"),
        ("decline", {"note": ""}, "there is no reason"),
        ("answer", {"note": "Here.", "dataset": "tovns"}, "tovns"),
        ("delete", {}, "tick the box"),
        ("start", {}, "is received: it cannot become in_progress"),
        ("publish", {}, "there is no decision"),
        ("", {}, "there is no decision"),
    ],
)
def test_what_does_not_fit_is_told_and_what_was_typed_stays(
    workspace, number, decide, moderation, decision, fields, said
):
    workspace.define("towns")
    answer = decide(number, decision, **{"text": "Another <text>", **fields})
    assert answer.status_code == 422
    assert said in answer.text
    assert "Another &lt;text&gt;" in answer.text
    assert f'action="../requests/{number}"' in answer.text
    assert moderation.show(number).item.state == "received"


def test_a_viewer_sees_the_list_and_cannot_decide(client, number, listed, decide, moderation):
    page = listed("viewer", "viewer")
    assert "Water use" in page.text
    assert "<form" not in page.text
    assert "form-action 'none'" in page.headers["content-security-policy"]
    token = re.search(r'name="token" value="([^"]+)"', listed().text)[1]
    for given in ("", token):
        answer = decide(number, "accept", name="viewer", role="viewer", token=given)
        assert answer.status_code == 403
    assert moderation.show(number).item.state == "received"


def test_another_site_cannot_decide_for_somebody(number, listed, decide, moderation):
    other = re.search(r'name="token" value="([^"]+)"', listed("karim", "op").text)[1]
    for token in ("", "x", other, other[:-1]):
        assert decide(number, "accept", token=token).status_code == 403
    for site in ("cross-site", "same-site", "none"):
        answer = decide(number, "accept", headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 403
    assert moderation.show(number).item.state == "received"
    assert decide(number, "accept", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_a_form_is_good_for_a_day_of_work_only(number, listed, decide, monkeypatch):
    token = re.search(r'name="token" value="([^"]+)"', listed().text)[1]
    later = int(time.time()) + 13 * 3600
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: later)
    assert decide(number, "accept", token=token).status_code == 403


def test_reading_decides_nothing(client, number, moderation, listed):
    token = re.search(r'name="token" value="([^"]+)"', listed().text)[1]
    query = f"?decision=accept&token={token}"
    answer = client.get(f"/moulouya/requests/{number}{query}", headers=signed_in())
    assert answer.status_code in (404, 405)
    assert moderation.show(number).item.state == "received"


def test_only_what_may_follow_is_offered(number, listed, decide):
    def offered():
        return re.findall(r'name="decision" value="(\w+)"', listed().text)

    assert offered() == ["accept", "answer", "decline", "spam", "delete"]
    decide(number, "accept")
    assert offered() == ["start", "extend", "answer", "decline", "spam", "delete"]


def test_the_page_names_no_sender_and_escapes_what_a_stranger_typed(store, listed):
    evil = "<img src=x onerror=alert(1)>"
    sent = Submission(
        "problem", "en", evil, evil, name="Amina", email="amina@example.org", row=evil
    )
    Desk(store).submit(sent)
    page = listed()
    assert evil not in page.text
    assert "mina" not in page.text
    assert "wants an e-mail" in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]
