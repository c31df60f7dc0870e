"""A good table that is suspicious waits for a person; their word is kept with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from moulouya import approval, ledger, pipeline, versions
from moulouya.errors import UsageError
from small_workspace import COLUMNS, ROWS, SmallWorkspace, column

FEWER = "code,name,people\n01,Berkane,100\n"


@pytest.fixture(scope="module")
def suspicious(new_workspace: Callable[[], SmallWorkspace]) -> SmallWorkspace:
    workspace = new_workspace()
    workspace.define("communes", rows={"change_within": "20%"})
    assert workspace.outcome("communes") == "published"
    workspace.data("communes", FEWER)
    assert workspace.outcome("communes") == "held"
    return workspace


@pytest.fixture
def held(suspicious: SmallWorkspace, tmp_path: Path) -> SmallWorkspace:
    """Version 1 is published; the delivery after it, which lost two of three rows, is held."""
    return suspicious.copied(tmp_path)


def numbers(workspace):
    return workspace.lake.numbers(workspace.lake.versions("communes"))


def test_rows_that_collapse_hold_the_run_and_the_last_version_stays(held):
    (record,) = [one for one in ledger.records(held.lake) if one["outcome"] == "held"]
    assert record["reasons"] == ["1 rows after 3 (-67%), more than the 20% that may change"]
    assert record["rows"] == 1
    assert numbers(held) == [1]


def test_rows_within_the_limit_are_published(workspace):
    workspace.define("communes", rows={"change_within": "50%"})
    workspace.run()
    workspace.data("communes", ROWS + "04,Taourirt,5\n")
    assert workspace.outcome("communes") == "published"


def test_more_rejects_than_allowed_hold_even_the_first_version(workspace):
    workspace.define("communes", rejects={"at_most": "20%"})
    workspace.data("communes", ROWS + "04,Taourirt,many\n")
    (record,) = workspace.run()
    assert record["outcome"] == "held"
    assert record["reasons"] == ["1 of 4 rows were rejected (25.0%), more than the 20% allowed"]


def test_rejects_within_the_limit_are_published_beside_the_rows(workspace):
    workspace.define("communes", rejects={"at_most": "25%"})
    workspace.data("communes", ROWS + "04,Taourirt,many\n")
    (record,) = workspace.run()
    assert (record["outcome"], record["rows"], record["rejected"]) == ("published", 3, 1)
    version = versions.latest(workspace.lake, "communes")
    assert (version.path / "rejected.parquet").exists()
    assert "rejected.parquet" in {file["name"] for file in version.record["files"]}


def test_a_column_that_went_empty_holds_the_run(workspace):
    workspace.define("communes")
    workspace.run()
    workspace.data("communes", "code,name,people\n01,Berkane,\n02,Oujda,\n03,Nador,\n")
    (record,) = workspace.run()
    assert (record["outcome"], record["reasons"]) == ("held", ["the column people went empty"])


def test_a_column_that_was_always_empty_is_no_reason(workspace):
    workspace.define("communes")
    workspace.data("communes", "code,name,people\n01,Berkane,\n")
    workspace.run()
    workspace.data("communes", "code,name,people\n01,Berkan,\n")
    assert workspace.outcome("communes") == "published"


def test_approval_publishes_with_name_and_reason(held):
    record = approval.approve(held.settings, "communes", by="Amina", reason="two communes merged")
    assert (record["outcome"], record["version"]) == ("published", 2)
    version = versions.latest(held.lake, "communes")
    decision = version.record["decision"]
    assert (decision["decision"], decision["by"], decision["reason"]) == (
        "approved", "Amina", "two communes merged"
    )  # fmt: skip
    assert held.published("communes") == [("01", "Berkane", 100)]
    assert "held.json" not in {path.name for path in version.path.iterdir()}
    assert ledger.last_runs(held.lake, {"communes"})["communes"]["outcome"] == "published"


def test_an_approved_delivery_is_known_afterwards(held):
    approval.approve(held.settings, "communes", by="Amina", reason="yes")
    assert held.outcome("communes") == "unchanged"
    with pytest.raises(UsageError, match="nothing of communes waits"):
        approval.approve(held.settings, "communes", by="Amina", reason="again")


def test_a_held_delivery_that_comes_again_is_still_held_once(held):
    assert held.outcome("communes") == "held"
    assert len(list(held.lake.quarantine("communes").glob("*/held.json"))) == 1


def test_a_rejected_delivery_is_not_offered_again(held):
    record = approval.reject(held.settings, "communes", by="Amina", reason="truncated export")
    assert (record["outcome"], record["version"]) == ("unchanged", 1)
    assert record["reasons"] == ["rejected by Amina: truncated export"]
    assert held.outcome("communes") == "unchanged"
    assert numbers(held) == [1]
    with pytest.raises(UsageError, match="nothing of communes waits"):
        approval.approve(held.settings, "communes", by="Amina", reason="changed my mind")


def test_after_a_rejection_another_delivery_is_looked_at(held):
    approval.reject(held.settings, "communes", by="Amina", reason="truncated export")
    held.data("communes", ROWS.replace("100", "101"))
    assert held.outcome("communes") == "published"


def test_approval_is_refused_after_a_newer_version(held):
    held.data("communes", ROWS.replace("100", "101"))
    assert held.outcome("communes") == "published"
    with pytest.raises(UsageError, match="version 2 of communes was published after") as caught:
        approval.approve(held.settings, "communes", by="Amina", reason="too late")
    assert "moulouya reject communes" in str(caught.value.hint)
    assert numbers(held) == [1, 2]


def test_of_several_held_versions_the_newest_is_meant_unless_one_is_named(held):
    oldest = next(held.lake.quarantine("communes").glob("*/held.json")).parent.name
    held.data("communes", "code,name,people\n02,Oujda,5\n")
    assert held.outcome("communes") == "held"
    approval.reject(held.settings, "communes", oldest, by="Amina", reason="no")
    approval.approve(held.settings, "communes", by="Amina", reason="yes")
    assert held.published("communes") == [("02", "Oujda", 5)]


def test_a_decision_about_nothing_is_refused(workspace):
    workspace.define("communes")
    with pytest.raises(UsageError, match="nothing of communes waits"):
        approval.reject(workspace.settings, "communes", by="Amina", reason="x")
    with pytest.raises(UsageError, match=r"no dataset 'comunes'.*'communes'"):
        approval.reject(workspace.settings, "comunes", by="Amina", reason="x")


def test_a_held_version_is_in_no_release(held):
    made = pipeline.release(held.settings)
    manifest = json.loads((held.lake.releases / str(made["release"]) / "manifest.json").read_text())
    assert manifest["datasets"]["communes"]["version"] == 1


def test_what_was_held_is_complete_and_read_only(held):
    (folder,) = (path.parent for path in held.lake.quarantine("communes").glob("*/held.json"))
    names = {path.name for path in folder.iterdir()}
    assert {"communes.parquet", "version.json", "validation.json", "changes.json"} <= names
    assert (folder / "communes.parquet").stat().st_mode & 0o222 == 0


def test_a_changed_definition_lets_a_held_delivery_be_judged_anew(held):
    held.define("communes", rows={"change_within": "90%"})
    assert held.outcome("communes") == "published"
    assert held.published("communes") == [("01", "Berkane", 100)]


def test_a_new_column_that_is_empty_is_no_reason(workspace):
    workspace.define("communes")
    workspace.run()
    workspace.data("communes", "code,name,people,more\n01,Berkane,1,\n")
    workspace.define("communes", columns={**COLUMNS, "more": column("text")})
    assert workspace.outcome("communes") == "published"
