"""A delivery that is unlike those before it waits for a person, who sees both side by side."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from moulouya import approval, comparison
from moulouya.cli import app
from moulouya.storage.files import read_json
from small_workspace import column, text

COLUMNS = {"code": column("text"), "name": column("text"), "people": column("integer")}


def rows(number: int = 60, people: int = 1000, name: str = "Saïdia") -> str:
    lines = [f"{one:03d},{name} {one},{people + one * 7}" for one in range(number)]
    return "code,name,people\n" + "\n".join(lines) + "\n"


@pytest.fixture
def communes(workspace):
    workspace.data("communes", rows())
    workspace.define("communes", columns=COLUMNS)
    assert workspace.outcome("communes") == "published"
    return workspace


@pytest.mark.parametrize(
    ("delivery", "said"),
    [
        (rows(40), "60 rows became 40"),
        (rows(200), "60 rows became 200"),
        (rows(people=1_000_000), "the middle of people is"),
        (rows(name="SaÃ¯dia"), "wrongly decoded"),
        (rows(name="السعيدية"), "name is written otherwise"),
        (rows().replace(",1000\n", ",1001\n"), None),
        (rows() + "zzz,Ahfir,90000\n", "people reaches from 1,000 to 90,000"),
        (re.sub(r"Saïdia \d,", ",", rows()), "name has no value in"),
    ],
)
def test_a_delivery_is_held_with_a_reason_a_person_understands(communes, delivery, said):
    communes.data("communes", delivery)
    (record,) = communes.run("communes")
    assert record["outcome"] == ("held" if said else "published"), record["reasons"]
    assert said is None or any(said in reason for reason in record["reasons"]), record["reasons"]


def test_the_report_shows_both_side_by_side(communes):
    communes.data("communes", rows(people=1_000_000))
    communes.run("communes")
    report = comparison.compare(communes.settings, "communes")
    assert report["held"]
    assert report["rows"] == {"before": 60, "after": 60}
    (people,) = [one for one in report["columns"] if one["column"] == "people"]
    assert (people["before"]["max"], people["after"]["max"]) == (1413, 1_000_413)
    shown = comparison.in_markdown(report)
    assert "| `people` highest | 1,413 | 1,000,413 |" in shown
    said = CliRunner().invoke(
        app, ["report", "communes", "--workspace", str(communes.root),
              "--lake", str(communes.settings.lake_root)],
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    assert "decide: moulouya approve communes" in said.output
    assert communes.published("communes")[0][2] == 1000


def test_what_was_approved_once_is_allowed_the_next_time(communes):
    for step in range(1, 4):
        communes.data("communes", rows(people=1000 + 3 * step))
        outcome = communes.outcome("communes")
        assert outcome == ("held" if step == 1 else "published")
        if step == 1:
            approval.approve(communes.settings, "communes", by="A person", reason="restated")
    record = read_json(communes.lake.version("communes", 2) / "version.json")
    assert record["decision"]["by"] == "A person"


def test_a_definition_may_say_what_is_normal(communes):
    communes.define(
        "communes",
        columns=COLUMNS,
        drift=[{"rule": "restated", "column": "people", "at_most": 1, "reason": text("live")}],
    )
    communes.run("communes")
    communes.data("communes", rows(people=1003))
    assert communes.outcome("communes") == "published"


@pytest.mark.parametrize(
    ("drift", "key", "message"),
    [
        ([{"rule": "level", "at_most": 1}], "drift.0.reason", "is missing"),
        ([{"rule": "lvl", "at_most": 1, "reason": text("a")}], "drift.0.rule", "no measure 'lvl'"),
        ([{"rule": "level", "column": "no", "at_most": 1, "reason": text("a")}], "",
         "drift.0.column: 'no' is not a column"),
    ],
)  # fmt: skip
def test_an_allowance_that_names_nothing_is_a_fault(communes, drift, key, message):
    communes.define("communes", columns=COLUMNS, drift=drift)
    ((_, _, found, said, _),) = communes.faults()
    assert (found, message in said) == (key, True)


def test_a_version_says_what_was_measured_and_allowed(communes):
    communes.data("communes", rows(61))
    assert communes.outcome("communes") == "published"
    judged = json.loads((communes.lake.version("communes", 2) / "drift.json").read_text())
    gained = next(one for one in judged["measures"] if one["rule"] == "rows_gained")
    assert gained == {"rule": "rows_gained", "column": None, "value": 0.0, "allowed": 0.5}
    assert judged["findings"] == []
