"""What was published can be taken back: one version, or all since an earlier release."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from moulouya import approval, gates, pipeline, release, retraction, verification, versions
from moulouya.errors import UsageError
from moulouya.querying import query
from moulouya.status import status
from small_workspace import COLUMNS, ROWS, SmallWorkspace, text

WRONG = {"by": "Salma", "reason": "the figures are those of another province"}


def deliver(workspace: SmallWorkspace, people: int) -> dict:
    """Another delivery of the communes; returns how its run ended."""
    workspace.data("communes", ROWS.replace("100", str(people)))
    (record,) = workspace.run("communes")
    return record


def shown(workspace: SmallWorkspace) -> dict[str, int]:
    manifest = release.current(workspace.lake).manifest
    return {slug: one["version"] for slug, one in manifest["datasets"].items()}


@pytest.fixture(scope="module")
def built(new_workspace: Callable[[], SmallWorkspace]) -> SmallWorkspace:
    """Release 1: communes 1, names 1 made from it; release 2: communes 2, names 2."""
    workspace = new_workspace()
    workspace.define("communes")
    columns = {name: COLUMNS[name] for name in ("code", "people")}
    workspace.derive(
        "sums", "SELECT code, people FROM communes", title=text("Sums"), columns=columns
    )
    workspace.run()
    pipeline.release(workspace.settings)
    assert deliver(workspace, 101)["outcome"] == "published"
    workspace.run("sums")
    assert pipeline.release(workspace.settings)["release"] == 2
    return workspace


@pytest.fixture
def released(built: SmallWorkspace, tmp_path: Path) -> SmallWorkspace:
    return built.copied(tmp_path)


def test_without_a_withdrawn_version_the_one_before_shows_at_once(released):
    made = retraction.withdraw(released.settings, "communes", 2, **WRONG)
    assert (made.release, made.since) == (3, 2)
    assert [(one.slug, one.before, one.after) for one in made.shown] == [("communes", 2, 1)]
    assert shown(released) == {"communes": 1, "sums": 2}
    assert query(released.settings, "SELECT people FROM communes WHERE code = '01'").rows() == [
        (100,)
    ]
    manifest = release.current(released.lake).manifest
    assert manifest["note"] == {"action": "withdraw", "slug": "communes", "version": 2, **WRONG}
    (withdrawal,) = manifest["withdrawals"]
    assert withdrawal.items() >= {"slug": "communes", "version": 2, "erase": False, **WRONG}.items()
    assert query(
        released.settings, "SELECT slug, version, withdrawn_by FROM withdrawals"
    ).rows() == [("communes", 2, "Salma")]
    assert verification.verify(released.lake).problems == []


def test_what_was_made_from_a_withdrawn_version_is_named_and_made_again(released):
    made = retraction.withdraw(released.settings, "communes", 2, **WRONG)
    (derived,) = made.made_from
    assert (derived.slug, derived.version, derived.input_version) == ("sums", 2, 2)
    (record,) = released.run("sums")
    assert (record["outcome"], record["version"]) == ("published", 3)
    assert versions.standing(released.lake, "sums").record["inputs"] == {"communes": 1}


def test_a_withdrawal_stays_in_every_later_release(released):
    retraction.withdraw(released.settings, "communes", 2, **WRONG)
    released.define("cercles")
    released.run("cercles")
    assert pipeline.release(released.settings)["release"] == 4
    assert set(release.withdrawn(released.lake)) == {("communes", 2)}
    assert shown(released)["communes"] == 1


def test_the_last_version_that_stands_takes_its_dataset_out_of_the_catalogue(released):
    retraction.withdraw(released.settings, "communes", 2, **WRONG)
    made = retraction.withdraw(released.settings, "communes", 1, **WRONG)
    assert [(one.slug, one.before, one.after) for one in made.shown] == [("communes", 1, None)]
    assert shown(released) == {"sums": 2}
    with pytest.raises(UsageError):
        query(released.settings, "FROM communes")
    assert query(released.settings, "SELECT slug FROM datasets").rows() == [("sums",)]


def test_a_catalogue_may_become_empty(released):
    for slug, number in (("communes", 2), ("communes", 1), ("sums", 2), ("sums", 1)):
        retraction.withdraw(released.settings, slug, number, **WRONG)
    assert shown(released) == {}
    assert query(released.settings, "SELECT count(*) FROM withdrawals").rows() == [(4,)]


def test_the_number_of_a_withdrawn_version_is_not_used_again(released):
    retraction.withdraw(released.settings, "communes", 2, **WRONG)
    record = deliver(released, 102)
    assert (record["outcome"], record["version"]) == ("published", 3)
    version = versions.standing(released.lake, "communes")
    assert version.record["previous"] == 1
    assert version.record["changes"] == {"added": 0, "removed": 0, "changed": 1}


def test_the_same_material_is_not_published_again_by_itself(released):
    retraction.withdraw(released.settings, "communes", 2, **WRONG)
    (record,) = released.run("communes")
    assert (record["outcome"], record["version"]) == ("unchanged", 1)
    assert "version 2 was withdrawn by Salma" in record["reasons"][0]
    assert "moulouya withdraw communes 2 --undo" in record["reasons"][0]


def test_other_bytes_with_the_same_rows_wait_for_a_person(released):
    retraction.withdraw(released.settings, "communes", 2, **WRONG)
    released.data("communes", ROWS.replace("100", "101") + "\n\n")
    (record,) = released.run("communes")
    assert record["outcome"] == "held"
    assert "it has the same rows: version 2 was withdrawn" in record["reasons"][0]
    approval.approve(released.settings, "communes", by="Salma", reason="checked")
    assert versions.standing(released.lake, "communes").number == 3


def test_a_delivery_held_before_the_withdrawal_is_not_approved_unseen(released):
    released.define("communes", rows={"change_within": "20%"})
    released.data("communes", ROWS[: ROWS.index("02")])
    (record,) = released.run("communes")
    assert record["outcome"] == "held"
    retraction.withdraw(released.settings, "communes", 2, **WRONG)
    with pytest.raises(
        UsageError, match="version 2 of communes, with which this one was compared, was withdrawn"
    ):
        approval.approve(released.settings, "communes", by="Salma", reason="fine")
    assert gates.pending(released.lake, "communes")[0].decision is None


def test_status_shows_the_version_that_stands(released):
    retraction.withdraw(released.settings, "communes", 2, **WRONG)
    rows = {row["slug"]: row["version"] for row in status(released.settings)}
    assert rows == {"communes": 1, "sums": 2}


def test_a_withdrawn_version_can_be_published_again(released):
    retraction.withdraw(released.settings, "communes", 2, erase=True, **WRONG)
    made = retraction.reinstate(
        released.settings, "communes", 2, by="Salma", reason="they were right"
    )
    assert [(one.slug, one.before, one.after) for one in made.shown] == [("communes", 1, 2)]
    assert shown(released)["communes"] == 2
    assert release.withdrawn(released.lake) == {}


def test_what_was_erased_does_not_come_back(released):
    retraction.withdraw(released.settings, "communes", 2, erase=True, **WRONG)
    (released.lake.version("communes", 2) / retraction.TOMBSTONE).write_text("{}\n")
    with pytest.raises(UsageError, match="were erased"):
        retraction.reinstate(released.settings, "communes", 2, **WRONG)


def test_erasing_may_be_asked_for_later(released):
    retraction.withdraw(released.settings, "communes", 2, **WRONG)
    retraction.withdraw(released.settings, "communes", 2, erase=True, **WRONG)
    assert release.withdrawn(released.lake)["communes", 2].erase


@pytest.mark.parametrize(
    ("slug", "number", "message", "hint"),
    [
        ("comunes", 1, "did you mean 'communes'", "moulouya status"),
        ("communes", 7, "has no version 7", "it has 1, 2"),
        ("communes", 2, "was withdrawn on", "moulouya withdraw communes 2 --undo"),
    ],
)
def test_what_cannot_be_withdrawn_is_said(released, slug, number, message, hint):
    retraction.withdraw(released.settings, "communes", 2, **WRONG)
    with pytest.raises(UsageError, match=message) as caught:
        retraction.withdraw(released.settings, slug, number, **WRONG)
    assert hint in caught.value.hint
    assert release.current(released.lake).number == 3


def test_a_reason_is_needed(released):
    with pytest.raises(UsageError, match="a reason is needed"):
        retraction.withdraw(released.settings, "communes", 2, by="Salma", reason=" ")


def test_what_is_not_withdrawn_cannot_be_brought_back(released):
    with pytest.raises(UsageError, match="version 1 of communes is not withdrawn"):
        retraction.reinstate(released.settings, "communes", 1, **WRONG)


def test_nothing_can_be_taken_back_before_the_first_release(workspace):
    workspace.define("communes")
    with pytest.raises(UsageError, match="no release yet"):
        retraction.rollback(workspace.settings, **WRONG)


def test_a_rollback_shows_the_release_before_and_later_versions_publish_again(released):
    made = retraction.rollback(released.settings, **WRONG)
    assert made.release == 3
    assert made.versions == [("communes", 2), ("sums", 2)]
    assert shown(released) == {"communes": 1, "sums": 1}
    before, after = (release.read(released.lake, number).manifest for number in (1, 3))
    assert after["datasets"] == before["datasets"]
    assert after["note"] == {"action": "rollback", "to": 1, **WRONG}
    assert deliver(released, 103)["version"] == 3
    assert pipeline.release(released.settings)["release"] == 4
    assert shown(released)["communes"] == 3


def test_a_rollback_takes_out_what_the_release_did_not_have(released):
    released.define("cercles")
    released.run("cercles")
    pipeline.release(released.settings)
    made = retraction.rollback(released.settings, 1, **WRONG)
    assert made.versions == [("cercles", 1), ("communes", 2), ("sums", 2)]
    assert shown(released) == {"communes": 1, "sums": 1}


def test_a_rollback_takes_back_what_was_published_and_not_released_yet(released):
    deliver(released, 104)
    assert ("communes", 3) in retraction.rollback(released.settings, 1, **WRONG).versions


@pytest.mark.parametrize("to", [2, 3, 9])
def test_a_rollback_goes_to_an_earlier_release_only(released, to):
    with pytest.raises(UsageError, match=f"release {to} is not before the newest") as caught:
        retraction.rollback(released.settings, to, **WRONG)
    assert caught.value.hint == "--to 1 … 1"


def test_a_second_rollback_has_nothing_to_do(released):
    retraction.rollback(released.settings, **WRONG)
    with pytest.raises(UsageError, match="nothing is newer than release 2") as caught:
        retraction.rollback(released.settings, **WRONG)
    assert "rollback --to N" in caught.value.hint


def test_rows_that_were_withdrawn_do_not_come_back_by_a_merge(workspace):
    source = {"kind": "file", "path": "data/communes.csv", "format": "csv"}
    workspace.define("communes", source={**source, "write_disposition": "merge"})
    workspace.run()
    workspace.data("communes", "code,name,people\n04,Wrong,4\n")
    assert workspace.outcome("communes") == "published"
    pipeline.release(workspace.settings)
    retraction.withdraw(workspace.settings, "communes", 2, **WRONG)
    workspace.data("communes", "code,name,people\n05,Taourirt,5\n")
    (record,) = workspace.run("communes")
    assert (record["outcome"], record["version"]) == ("published", 3)
    assert [code for code, *_ in workspace.published("communes", 3)] == ["01", "02", "03", "05"]
