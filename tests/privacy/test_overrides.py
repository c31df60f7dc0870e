"""An override lets one kind in one column through, by name, with a reason, until a day."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from moulouya import privacy
from moulouya.settings import Settings
from small_workspace import SmallWorkspace, column, rows_of, text

TODAY = dt.date(2026, 6, 1)
OVERRIDE: dict[str, Any] = {
    "column": "contact", "kind": "email", "reason": text("Public office"), "by": "A. B., director",
    "until": dt.date(2026, 12, 31),
}  # fmt: skip
ROWS = "code,contact\n01,mairie@exemple.ma\n02,06 12 34 56 78\n"
COLUMNS = {"code": column("text"), "contact": column("text")}


def contacts(workspace: SmallWorkspace, *overrides: dict[str, Any]) -> Any:
    """A dataset with an address and a phone number, and what is found in it."""
    workspace.data("offices", ROWS)
    workspace.define("offices", columns=COLUMNS, privacy=list(overrides))
    dataset = workspace.dataset("offices")
    table = workspace.root / "table.parquet"
    _write(workspace.root / "data/offices.csv", table)
    return dataset, privacy.find(table, dataset, Settings(threads=1))


def _write(csv: Path, table: Path) -> None:
    import duckdb

    duckdb.execute(f"COPY (FROM read_csv('{csv}', all_varchar = true)) TO '{table}'")
    assert rows_of(table)


def kinds(blocked: list[privacy.Finding]) -> set[str]:
    """The kinds that block."""
    return {one.kind for one in blocked}


def test_without_an_override_everything_blocks(workspace: SmallWorkspace) -> None:
    dataset, found = contacts(workspace)
    assert kinds(privacy.blocking(found, dataset.definition, TODAY)) == {"email", "phone"}


def test_an_override_is_for_its_column_and_kind_only(workspace: SmallWorkspace) -> None:
    dataset, found = contacts(workspace, OVERRIDE)
    assert kinds(privacy.blocking(found, dataset.definition, TODAY)) == {"phone"}
    dataset, found = contacts(workspace, {**OVERRIDE, "column": "code"})
    assert kinds(privacy.blocking(found, dataset.definition, TODAY)) == {"email", "phone"}


@pytest.mark.parametrize(("day", "blocks"), [(31, {"phone"}), (32, {"phone", "email"})])
def test_an_override_holds_to_the_end_of_its_last_day(
    workspace: SmallWorkspace, day: int, blocks: set[str]
) -> None:
    dataset, found = contacts(workspace, OVERRIDE)
    today = dt.date(2026, 12, 1) + dt.timedelta(days=day - 1)
    assert kinds(privacy.blocking(found, dataset.definition, today)) == blocks


def test_those_that_end_soon_are_told(workspace: SmallWorkspace) -> None:
    dataset, _ = contacts(workspace, OVERRIDE)
    assert not privacy.expiring(dataset.definition, TODAY)
    (due,) = privacy.expiring(dataset.definition, dt.date(2026, 12, 20))
    assert due.by == "A. B., director"
    assert privacy.expiring(dataset.definition, dt.date(2027, 6, 1)) == [due]


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        ({"column": "contcat"}, "privacy", "0.column: 'contcat' is not one of the columns"),
        ({"kind": "mail"}, "privacy.0.kind", "Input should be"),
        ({"by": ""}, "privacy.0.by", "at least 1 character"),
        ({"reason": {"ar": "x", "fr": "x"}}, "privacy.0.reason.en", "is missing"),
        ({"until": "one day"}, "privacy.0.until", "Input should be a valid date"),
        ({"for_ever": True}, "privacy.0.for_ever", "unknown key"),
    ],
)
def test_a_wrong_override_is_a_fault(
    workspace: SmallWorkspace, changes: dict[str, Any], key: str, message: str
) -> None:
    workspace.define("offices", columns=COLUMNS, privacy=[{**OVERRIDE, **changes}])
    ((_, _, told_key, told, _),) = workspace.faults()
    assert told_key == key
    assert message in told


def test_the_same_decision_twice_is_a_fault(workspace: SmallWorkspace) -> None:
    workspace.define("offices", columns=COLUMNS, privacy=[OVERRIDE, OVERRIDE])
    ((_, _, _, told, _),) = workspace.faults()
    assert "stand twice" in told


def test_the_reason_to_hold_and_its_hint(workspace: SmallWorkspace) -> None:
    dataset, found = contacts(workspace)
    blocked = privacy.blocking(found, dataset.definition, TODAY)
    told = privacy.hold_reason(blocked)
    assert "contact: 1 cell (50.0%) with e-mail addresses, like ***@***.ma" in told
    assert "mairie" not in told
    assert "\n" not in told
    hint = privacy.hint(blocked, TODAY)
    declared = yaml.safe_load("privacy:" + hint.split("privacy:", 1)[1])["privacy"]
    assert {one["kind"] for one in declared} == {"email", "phone"}
    assert {one["until"] for one in declared} == {dt.date(2027, 6, 1)}
    workspace.define("offices", columns=COLUMNS, privacy=declared)
    dataset = workspace.dataset("offices")
    assert not privacy.blocking(found, dataset.definition, TODAY)
