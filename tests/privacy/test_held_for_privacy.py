"""Personal data wait in the quarantine until the definition says who answers for them."""

from __future__ import annotations

import pytest

from moulouya import approval
from moulouya.errors import UsageError
from small_workspace import column, text

ROWS = "code,contact\n" + "".join(
    f"{number:02d},agent{number}@commune-berkane.ma\n" for number in range(12)
)
COLUMNS = {"code": column("text"), "contact": column("text")}


@pytest.fixture
def offices(workspace):
    workspace.data("offices", ROWS)
    workspace.define("offices", columns=COLUMNS)
    return workspace


def test_a_first_delivery_with_personal_data_is_held(offices):
    (record,) = offices.run("offices")
    assert (record["outcome"], record["version"]) == ("held", None)
    (reason,) = record["reasons"]
    assert "contact" in reason
    assert "12" in reason
    assert "agent1@" not in reason


def test_an_approval_does_not_make_it_public(offices):
    offices.run("offices")
    with pytest.raises(UsageError, match="personal data") as raised:
        approval.approve(offices.settings, "offices", by="A person", reason="because")
    assert "privacy" in (raised.value.hint or "")
    assert offices.lake.latest(offices.lake.versions("offices")) is None


def test_a_named_person_may_allow_it_for_a_time(offices):
    allowed = {"column": "contact", "kind": "email", "by": "The director",
               "reason": text("Public service"), "until": "2999-12-31"}  # fmt: skip
    offices.define("offices", columns=COLUMNS, privacy=[allowed])
    assert offices.outcome("offices") == "published"
    offices.define("offices", columns=COLUMNS, privacy=[{**allowed, "until": "2020-01-01"}])
    offices.data("offices", ROWS + "99,agent99@commune-berkane.ma\n")
    assert offices.outcome("offices") == "held"


def test_rejected_rows_are_looked_through_too(offices):
    good = "".join(f"{number:02d},10\n" for number in range(12))
    offices.data("people", "code,number\n" + good + "98,agent98@commune-berkane.ma\n")
    columns = {"code": column("text"), "number": column("integer")}
    offices.define("people", columns=columns, rejects={"at_most": "20%"})
    (record,) = offices.run("people")
    assert record["outcome"] == "held"
    assert any("original" in reason for reason in record["reasons"])
