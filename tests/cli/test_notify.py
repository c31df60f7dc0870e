"""``moulouya notify`` and ``moulouya webhooks``: what an operator sees, sets and is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from moulouya import pipeline
from moulouya.cli import app
from moulouya.participation.database import Database, database
from moulouya.participation.followers import Followers
from moulouya.participation.following import CONFIRM, Following
from small_workspace import SmallWorkspace

HOOK = "https://127.0.0.1:9/hook"


@pytest.fixture(scope="module")
def built(new_workspace: Callable[[], SmallWorkspace]) -> SmallWorkspace:
    """A workspace with a release of one dataset."""
    made = new_workspace()
    made.define("communes")
    made.run("communes")
    pipeline.release(made.settings)
    return made


@pytest.fixture
def workspace(built: SmallWorkspace, tmp_path: Path) -> SmallWorkspace:
    return built.copied(tmp_path)


@pytest.fixture
def store(workspace: SmallWorkspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("MOULOUYA_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("MOULOUYA_LAKE", str(workspace.settings.lake_root))
    monkeypatch.setenv("MOULOUYA_STATE", str(workspace.settings.state_root))
    monkeypatch.setenv("MOULOUYA_PRIVATE_HOSTS", "127.0.0.1")
    opened = database(workspace.settings)
    yield opened
    opened.close()


def call(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def answer(*arguments: str, code: int = 0) -> Any:
    return json.loads(call(*arguments, "--json", code=code))


@pytest.fixture
def released(workspace: SmallWorkspace, store: Database) -> SmallWorkspace:
    """The workspace, which the commands are about."""
    return workspace


def test_without_a_server_or_a_webhook_it_says_so(released: SmallWorkspace) -> None:
    assert "no SMTP server is set (MOULOUYA_SMTP_URL)" in call("notify")
    assert "no SMTP server is set" in answer("notify")["message"]


def test_before_the_first_release_there_is_nothing_to_tell(
    store: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MOULOUYA_LAKE", str(tmp_path / "empty"))
    monkeypatch.setenv("MOULOUYA_SMTP_URL", "smtp://localhost:1")
    assert "nothing is released yet" in call("notify")


def test_a_server_that_is_away_is_an_error_of_the_environment(
    released: SmallWorkspace, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    Following(store).ask("amina@example.org", "catalogue", "", "en")
    monkeypatch.setenv("MOULOUYA_SMTP_URL", "smtp://user:hunter2@localhost:1")
    wrong = answer("notify", code=2)
    assert "MOULOUYA_MAIL_FROM is not an e-mail address" in wrong["error"]["message"]
    monkeypatch.setenv("MOULOUYA_MAIL_FROM", "data@example.org")
    away = call("notify", "--json", code=3)
    assert json.loads(away)["error"]["code"] == "mail"
    assert "hunter2" not in away
    dry = answer("notify", "--dry-run")
    assert (dry["confirmations"], dry["release"]) == (1, 1)


def test_a_webhook_is_registered_listed_disabled_enabled_and_removed(
    released: SmallWorkspace, store: Database
) -> None:
    made = answer("webhooks", "add", HOOK, "--dataset", "communes")
    assert made["secret"].startswith("whsec_")
    (hook,) = answer("notify", "--list")["webhooks"]
    assert (hook["url"], hook["follows"], hook["told"]) == (HOOK, "dataset communes", 1)
    assert made["secret"] not in call("notify", "--list")
    followers = Followers(store)
    followers.failed(followers.webhook(made["number"]), "answered 410", for_good=True)
    said = answer("notify", "--list")["webhooks"][0]
    assert (said["problem"], said["disabled"] is None) == ("answered 410", False)
    assert "answered 410" in call("notify", "--list")
    assert answer("webhooks", "enable", str(made["number"]))["told"] == 1
    assert answer("notify", "--list")["webhooks"][0]["disabled"] is None
    call("webhooks", "remove", str(made["number"]))
    assert "no webhook" in call("notify", "--list")
    call("webhooks", "remove", str(made["number"]), code=2)


def test_a_webhook_follows_what_is_published_at_a_public_address(released: SmallWorkspace) -> None:
    wrong = answer("webhooks", "add", HOOK, "--dataset", "comunes", code=2)
    assert "did you mean 'communes'?" in wrong["error"]["message"]
    call("webhooks", "add", HOOK, "--theme", "nothing", code=2)
    call("webhooks", "add", HOOK, "--theme", "places", "--dataset", "communes", code=2)
    for url in ("http://example.org/", "https://169.254.169.254/", "https://10.0.0.1/", "x"):
        assert answer("webhooks", "add", url, code=2)["error"]["code"] == "usage"
    answer("webhooks", "add", HOOK)
    assert "follows that already" in call("webhooks", "add", HOOK, code=2)


def test_the_list_counts_people_and_names_none(released: SmallWorkspace, store: Database) -> None:
    following, followers = Following(store), Followers(store)
    for name in ("amina", "brahim"):
        following.ask(f"{name}@example.org", "theme", "places", "en")
    following.confirm(followers.every("mail")[0].token(CONFIRM), 1)
    assert answer("notify", "--list")["mail"] == [
        {"follows": "theme places", "followers": 1, "unconfirmed": 1}
    ]
    said = call("notify", "--list")
    assert "theme places" in said
    assert "@" not in said


def test_a_webhook_that_cannot_be_told_is_named_with_exit_code_1(
    released: SmallWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tenacity import wait_none

    from moulouya.notices import webhooks

    monkeypatch.setattr(webhooks, "WAIT", wait_none())
    answer("webhooks", "add", HOOK)
    released.data("communes", "code,name,people\n01,Berkane,100\n")
    assert released.outcome("communes") == "published"
    pipeline.release(released.settings)
    told = answer("notify", code=1)
    assert told["webhooks"] == 0
    assert "ConnectError" in told["problems"][0]


def test_a_backup_carries_requests_and_followers_into_a_file_of_their_own(
    released: SmallWorkspace, store: Database, tmp_path: Path
) -> None:
    Following(store).ask("amina@example.org", "catalogue", "", "en")
    kept = tmp_path / "people.db"
    call("backup", str(tmp_path / "backup"), "--requests", str(kept), "--verify")
    assert b"amina@example.org" in kept.read_bytes()
    assert not list((tmp_path / "backup").rglob("*people*"))
    call("restore", str(tmp_path / "backup"), "--repair", "--requests", str(kept), code=2)
