"""``moulouya withdraw`` and ``rollback``: what they answer, in words and in JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from moulouya import pipeline
from moulouya.cli import app
from small_workspace import ROWS, SmallWorkspace

SAID = ("--by", "Salma", "--reason", "another province")


@pytest.fixture(scope="module")
def built(new_workspace: Callable[[], SmallWorkspace]) -> SmallWorkspace:
    workspace = new_workspace()
    workspace.define("communes")
    workspace.derive("sums", "SELECT code, name, people FROM communes")
    workspace.run()
    pipeline.release(workspace.settings)
    workspace.data("communes", ROWS.replace("100", "101"))
    workspace.run("communes", "sums")
    pipeline.release(workspace.settings)
    return workspace


@pytest.fixture
def cli(
    built: SmallWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Call a command on the workspace and its lake."""
    workspace = built.copied(tmp_path)
    monkeypatch.setenv("MOULOUYA_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("MOULOUYA_LAKE", str(workspace.settings.lake_root))
    monkeypatch.setenv("MOULOUYA_STATE", str(workspace.settings.state_root))

    def call(*arguments: str, code: int = 0, input: str | None = None) -> Any:
        result = CliRunner().invoke(app, list(arguments), input=input)
        assert result.exit_code == code, result.output
        return result

    return call


def test_withdraw_says_what_shows_instead_and_what_is_stale(cli):
    assert cli("withdraw", "communes", "2", *SAID).stdout.splitlines() == [
        "release 3 committed: withdrawn: communes version 2",
        "  communes shows version 1 again, not 2",
        "  sums version 2 was made from communes version 2: moulouya run sums",
    ]


def test_withdraw_says_that_a_dataset_left_the_catalogue(cli):
    cli("withdraw", "communes", "2", *SAID)
    assert "  communes has left the catalogue" in cli("withdraw", "communes", "1", *SAID).stdout


def test_withdraw_says_when_data_are_deleted(cli):
    assert "deleted by the next moulouya gc" in cli(
        "withdraw", "communes", "2", "--erase", *SAID
    ).stdout  # fmt: skip


def test_withdraw_can_be_undone(cli):
    cli("withdraw", "communes", "2", *SAID)
    assert cli("withdraw", "communes", "2", "--undo", *SAID).stdout.splitlines() == [
        "release 4 committed: published again: communes version 2",
        "  communes shows version 2, not 1",
    ]


def test_withdraw_answers_in_json(cli):
    assert json.loads(cli("withdraw", "communes", "2", *SAID, "--json").stdout) == {
        "release": 3,
        "since": 2,
        "versions": [{"slug": "communes", "version": 2}],
        "shown": [{"slug": "communes", "before": 2, "after": 1}],
        "made_from": [
            {"slug": "sums", "version": 2, "input": "communes", "input_version": 2}
        ],
    }  # fmt: skip


def test_a_reason_is_asked_for(cli):
    assert "Reason: " in cli("withdraw", "communes", "2", input="another province\n").stdout
    cli("withdraw", "communes", "1", "--reason", " ", code=2)


def test_to_erase_and_to_undo_are_two_things(cli):
    assert "exclude one another" in cli(
        "withdraw", "communes", "2", "--erase", "--undo", *SAID, code=2
    ).output  # fmt: skip


def test_what_is_not_there_is_an_error_with_a_hint(cli):
    error = json.loads(cli("withdraw", "communes", "9", *SAID, "--json", code=2).stdout)["error"]
    assert (error["code"], error["message"]) == ("usage", "communes has no version 9")
    assert error["hint"] == "it has 1, 2"


def test_rollback_goes_to_the_release_before(cli):
    assert cli("rollback", *SAID).stdout.splitlines() == [
        "release 3 committed: withdrawn: communes version 2, sums version 2",
        "  communes shows version 1 again, not 2",
        "  sums shows version 1 again, not 2",
    ]
    assert "nothing is newer than release 2" in cli("rollback", *SAID, code=2).output


def test_rollback_answers_in_json(cli):
    found = json.loads(cli("rollback", "--to", "1", *SAID, "--json").stdout)
    assert (found["release"], len(found["versions"]), found["made_from"]) == (3, 2, [])
