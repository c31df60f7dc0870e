"""Tokens: shown once, kept as a hash, revoked and expired."""

from __future__ import annotations

import datetime as dt
import json

import pytest
import typer
from typer.testing import CliRunner

from moulouya.cli import inbox as commands
from moulouya.cli.options import Commands
from moulouya.errors import UsageError
from moulouya.inbox import tokens
from moulouya.inbox.rates import Rates
from moulouya.inbox.refusals import Refused


def test_only_a_hash_of_the_secret_is_kept(root):
    _, text = tokens.create(root, "office", "wells")
    (path,) = (root / ".tokens").glob("*")
    assert text not in path.read_text()
    assert text[-43:] not in path.read_text()
    assert (root / ".tokens").stat().st_mode & 0o077 == 0


def test_a_token_is_recognised_until_it_is_revoked(root):
    token, text = tokens.create(root, "office", "wells")
    assert tokens.recognised(root, text) == token
    assert tokens.revoke(root, token.id).revoked
    assert tokens.recognised(root, text) is None
    assert tokens.revoke(root, token.id).revoked


def test_a_token_expires(root, monkeypatch):
    _, text = tokens.create(root, "office", "wells", days=1)
    assert tokens.recognised(root, text)
    later = (dt.datetime.now(dt.UTC) + dt.timedelta(days=2)).isoformat(timespec="seconds")
    monkeypatch.setattr(tokens, "_now", lambda: later)
    assert tokens.recognised(root, text) is None


def test_a_secret_that_differs_in_one_letter_is_wrong(root):
    _, text = tokens.create(root, "office", "wells")
    other = text[:-1] + ("A" if text[-1] != "A" else "B")
    assert tokens.recognised(root, other) is None


@pytest.mark.parametrize("number", ["", "../../x", "0" * 12])
def test_what_is_no_token_cannot_be_revoked(root, number):
    with pytest.raises(UsageError, match="no token"):
        tokens.revoke(root, number)


@pytest.fixture
def cli(partners):
    app = typer.Typer(cls=Commands)
    app.command("other")(lambda: None)
    commands.add_to(app)

    def call(*words: str):
        settings = partners.settings
        places = ["--lake", str(settings.lake_root), "--workspace", str(settings.workspace_root)]
        return CliRunner().invoke(app, ["inbox", *words, *places])

    return call


def test_tokens_are_made_listed_and_revoked_by_command(cli, root):
    made = cli("token", "create", "office", "wells", "--days", "30")
    assert made.exit_code == 0
    token = tokens.recognised(root, made.stdout.strip())
    assert (token.partner, token.slug) == ("office", "wells")
    listed = json.loads(cli("token", "list", "--json").stdout)
    assert [(one["id"], one["valid"]) for one in listed] == [(token.id, True)]
    assert "sha256" not in listed[0]
    assert cli("token", "revoke", token.id).exit_code == 0
    assert not json.loads(cli("token", "list", "--json").stdout)[0]["valid"]
    assert token.id in cli("token", "list").stdout


def test_a_token_is_made_only_for_a_dataset_that_receives(cli):
    for slug in ("communes", "nothing"):
        assert cli("token", "create", "office", slug).exit_code == 2


def test_the_inbox_is_not_served_in_the_clear(cli):
    refused = cli("serve", "--host", "0.0.0.0", "--port", "1")
    assert refused.exit_code == 2
    assert "needs https" in refused.output


def test_a_rate_heals_with_time():
    now = [0.0]
    rates = Rates(lambda: now[0])
    for _ in range(3):
        rates.check("x", 3)
        rates.count("x")
        now[0] += 10
    with pytest.raises(Refused) as caught:
        rates.check("x", 3)
    assert caught.value.headers == {"Retry-After": "30"}
    now[0] = 60.0
    rates.check("x", 3)
