"""``moulouya expectations``: a list of them, and drafts that check and hold."""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from moulouya.cli import app
from moulouya.expectations import EXPECTATION_TYPES
from small_workspace import SmallWorkspace, column


@pytest.fixture
def expectations(workspace: SmallWorkspace, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MOULOUYA_LAKE", str(workspace.settings.lake_root))
    monkeypatch.setenv("MOULOUYA_WORKSPACE", str(workspace.root))

    def call(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["expectations", *arguments])
        assert result.exit_code == code, result.output
        return result.output if code else result.stdout

    return call


def test_list_shows_every_type_with_its_arguments_and_meaning(expectations: Any) -> None:
    shown = expectations("list")
    assert all(f"{name}(" in shown for name in EXPECTATION_TYPES)
    entries = {one["type"]: one for one in json.loads(expectations("list", "--json"))}
    assert entries.keys() == EXPECTATION_TYPES
    assert all(one["meaning"] for one in entries.values())
    series = entries["expect_column_values_to_be_monotone"]
    assert (series["required"], series["optional"], series["own"]) == (
        ["column", "order_by"], ["group_by", "direction"], True,
    )  # fmt: skip
    assert "column, box" in shown


COLUMNS = {
    "well": column("text"),
    "day": column("date"),
    "depth": column("number"),
    "state": column("text"),
    "name_ar": column("text"),
    "meter": column("integer", unit="m³"),
    "serial": column("integer"),
    "place": column("text"),
    "lon": column("number"),
    "lat": column("number"),
    "loose": column("integer", range=[0, 1_000_000], required=True),
    "told": column("integer", range=[0, 30]),
    "nothing": column("text"),
}


def wells(days: int) -> str:
    lines = [",".join(COLUMNS)]
    for number in range(days * 2):
        well, day = number % 2, number // 2
        depth = "" if number % 10 == 3 else f"{12 + number / 7:.2f}"
        lines.append(
            f"P{well},2026-01-{day + 1:02},{depth},{'dry' if day % 3 else 'wet'},بئر,"
            f"{1000 + 10 * number},{7000 + number},77.11{well}.01.01,-2.{well},35.{well},"
            f"{100 + number % 5},{day},"
        )
    return "\n".join(lines) + "\n"


@pytest.fixture
def measured(workspace: SmallWorkspace) -> SmallWorkspace:
    workspace.data("wells", wells(15))
    workspace.define("wells", columns=COLUMNS, key=["well", "day"])
    (record,) = workspace.run("wells")
    assert record["outcome"] == "published", record["error"]
    return workspace


def found(text: str) -> dict[tuple[str, str | None], dict[str, Any]]:
    suite = yaml.safe_load(text)
    assert suite["name"] == "wells"
    assert {one["severity"] for one in suite["expectations"]} == {"warning"}
    assert all(one["meta"]["reason"].endswith("in version 1") for one in suite["expectations"])
    assert len({json.dumps(one) for one in suite["expectations"]}) == len(suite["expectations"])
    return {
        (one["type"].removeprefix("expect_"), one["kwargs"].get("column")): one
        for one in suite["expectations"]
    }


def kwargs(one: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one["kwargs"].items() if name != "column"}


def test_a_draft_says_what_the_data_showed(measured: SmallWorkspace, expectations: Any) -> None:
    draft = found(expectations("suggest", "wells"))
    told = {name: kwargs(one) for name, one in draft.items()}
    assert told[("table_row_count_to_be_between", None)] == {"min_value": 24, "max_value": 38}
    empty = draft[("column_values_to_not_be_null", "depth")]
    assert empty["meta"]["reason"] == "3 of 30 values (10.0%) are empty in version 1"
    assert empty["kwargs"]["mostly"] == 0.87
    assert told[("column_values_to_be_between", "depth")] == {"min_value": 11, "max_value": 17}
    assert told[("column_values_to_be_in_set", "state")] == {"value_set": ["dry", "wet"]}
    assert told[("column_values_to_be_place_codes", "place")] == {
        "level": "commune", "inside": "77"}  # fmt: skip
    by = {"group_by": ["well"]}
    assert told[("column_values_to_have_no_gap_in_time", "day")] == {"step": "1 day", **by}
    assert told[("column_values_to_be_monotone", "meter")] == {
        "order_by": "day", "direction": "increasing", **by}  # fmt: skip
    assert told[("column_values_to_be_unique", "serial")] == {}
    assert told[("column_pair_values_to_be_inside_box", None)]["box"] == [-3, 34, -1, 36]
    assert told[("column_values_to_be_between", "loose")] == {"min_value": 99, "max_value": 110}
    # What the contract says already, what is empty, and amounts that happen to be different.
    for kind, name in (("not_be_null", "well"), ("be_unique", "meter"), ("be_between", "told"),
                       ("not_be_null", "loose"), ("not_be_null", "nothing")):  # fmt: skip
        assert not [one for one in draft if one[0].endswith(kind) and one[1] == name]


def test_what_is_written_checks_and_holds(measured: SmallWorkspace, expectations: Any) -> None:
    said = expectations("suggest", "wells", "--write")
    assert "wrote expectations/places/wells.yml" in said
    assert measured.faults() == []
    assert measured.outcome("wells") == "published"
    version = measured.lake.version("wells", 2)
    checks = json.loads((version / "validation.json").read_text())["checks"]
    added = [check for check in checks if check["source"] == "expectations"]
    assert len(added) > 15
    assert all(check["success"] for check in added)
    refused = expectations("suggest", "wells", "--write", code=2)
    assert "wells.yml has expectations already" in refused
    answer = json.loads(expectations("suggest", "wells", "--write", "--force", "--json"))
    assert (answer["version"], answer["left_out"]) == (2, [])


def test_a_draft_of_arabic_names(workspace: SmallWorkspace, expectations: Any) -> None:
    names = ["بركان", "أحفير", "أكليم", "السعيدية", "Cafémor", "زايو", "تاوريرت", "جرادة", "فجيج",
             "بوعرفة", "الناظور", "العروي"]  # fmt: skip
    rows = "".join(f"{i:02},{name},{i}\n" for i, name in enumerate(names))
    workspace.data("wells", f"code,name,people\n{rows}")
    workspace.define("wells")
    workspace.run("wells")
    draft = found(expectations("suggest", "wells"))
    arabic = draft[("column_values_to_contain_arabic", "name")]
    assert arabic["kwargs"]["mostly"] == 0.86
    assert arabic["meta"]["reason"] == "91.7% of the texts have Arabic letters in version 1"


def test_a_dataset_without_a_version_has_nothing_to_draft_from(
    workspace: SmallWorkspace, expectations: Any
) -> None:
    workspace.define("wells")
    assert "wells has no version yet" in expectations("suggest", "wells", code=2)


def test_data_docs_show_what_failed_and_need_nothing_else(
    workspace: SmallWorkspace,
    expectations: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connected: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: connected.append(address))
    workspace.define("provinces")
    workspace.define("communes")
    sums = {"column": "people", "group_by": ["code"], "other_table": "provinces",
            "other_column": "people", "tolerance": 0.0}  # fmt: skip
    workspace.expect(
        "communes",
        {"type": "expect_column_values_to_contain_arabic", "kwargs": {"column": "name"},
         "severity": "warning", "meta": {"reason": "the sign above the door"}},
        {"type": "expect_column_sums_to_match_other_table", "kwargs": sums},
    )  # fmt: skip
    workspace.run()
    site = tmp_path / "site"
    assert "2 datasets, 1 with expectations that fail" in expectations("docs", str(site))
    pages = {page.relative_to(site).parts[0]: page.read_text() for page in site.rglob("*.html")}
    index = (site / "index.html").read_text()
    links = re.findall(r'href="([^"]+)"', index)
    assert all((site / link).exists() for link in links)
    (page,) = (site / "validations" / "communes").rglob("*.html")
    told = page.read_text()
    assert "name: every value has an Arabic letter" in told
    assert "the sums of people by code are those of provinces.people" in told
    assert "the sign above the door" in (site / "expectations" / "communes.html").read_text()
    assert "Berkane" in told
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        text = path.read_text()
        assert not re.search(r"""(src|href)=["']?(https?:)?//|url\(|<script""", text), path
        assert str(tmp_path) not in text
        assert "/tmp/" not in text
    assert pages.keys() == {"index.html", "validations", "expectations"}
    (one,) = json.loads(expectations("docs", str(site), "communes", "--json"))
    assert (one["success"], one["failed"], one["severity"]) == (False, 1, "warning")
    assert "no dataset" in expectations("docs", str(site), "comunes", code=2)
    assert connected == []
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


@pytest.mark.parametrize(
    ("kind", "values", "step"),
    [
        ("datetime", [f"2026-01-{1 + i // 24:02}T{i % 24:02}:00:00Z" for i in range(40)], "1 hour"),
        ("date", [f"2026-01-{1 + i:02}" for i in range(0, 28, 2)], "1 week"),
        ("date", [f"{2020 + i // 12}-{1 + i % 12:02}-01" for i in range(20)], "1 month"),
        ("integer", [str(1990 + i) for i in range(20)], 1),
        ("integer", [str(1900 + 10 * i) for i in range(12)], 10),
        ("integer", [str(1990 + i * i) for i in range(12)], None),
        ("date", [f"2026-01-{1 + i + 5 * (i > 6):02}" for i in range(14)], None),
    ],
)
def test_the_step_of_a_series_is_found(
    workspace: SmallWorkspace, expectations: Any, kind: str, values: list[str], step: Any
) -> None:
    rows = "".join(f"{value},{number % 7}\n" for number, value in enumerate(values))
    workspace.data("wells", f"at,depth\n{rows}")
    columns = {"at": column(kind), "depth": column("integer")}
    workspace.define("wells", columns=columns, key=["at"])
    (record,) = workspace.run("wells")
    assert record["outcome"] == "published", record["error"]
    draft = found(expectations("suggest", "wells"))
    told = draft.get(("column_values_to_have_no_gap_in_time", "at"))
    assert (told["kwargs"].get("step") if told else None) == step
    assert ("column_values_to_be_monotone", "depth") not in draft


def test_what_does_not_hold_is_left_out_and_told(
    measured: SmallWorkspace, expectations: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moulouya.suggesting import _Draft, _expect

    wrong = _expect("expect_column_values_to_be_in_set", "a sample", column="state",
                    value_set=["dry"])  # fmt: skip
    monkeypatch.setattr(_Draft, "_row_count", lambda _: wrong)
    answer = json.loads(expectations("suggest", "wells", "--json"))
    assert answer["left_out"] == ["state: 10 of 30 values are none of dry"]
    assert wrong not in answer["expectations"]
