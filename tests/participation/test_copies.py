"""A copy of requests and followers is whole while they are written, private, and can come back."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from moulouya.errors import UsageError
from moulouya.participation import copies
from moulouya.participation.database import database
from moulouya.settings import Settings

from .conftest import Desks


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state=tmp_path / "state")


@pytest.fixture
def here(settings: Settings) -> Desks:
    return Desks(database(settings))


def test_a_copy_comes_back_with_everything(here: Desks, settings: Settings, tmp_path: Path) -> None:
    number, secret = here.sent(email="amina@example.org")
    here.following.ask("amina@example.org", "catalogue", "", "fr")
    assert copies.save(settings, tmp_path / "kept" / "people.db")
    assert (tmp_path / "kept" / "people.db").stat().st_mode & 0o077 == 0
    elsewhere = Settings(state=tmp_path / "elsewhere")
    copies.bring_back(elsewhere, tmp_path / "kept" / "people.db")
    there = Desks(database(elsewhere))
    assert there.moderation.show(number).email == "amina@example.org"
    assert there.desk.mine(secret) is not None
    assert len(there.followers.every("mail")) == 1
    there.store.close()


def test_a_copy_made_while_others_write_is_whole(
    here: Desks, settings: Settings, tmp_path: Path
) -> None:
    here.store.engine()
    done = threading.Event()

    def write() -> None:
        for number in range(60):
            here.sent(f"Request number {number}")
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    made = 0
    while not done.is_set() or made == 0:
        copies.save(settings, tmp_path / "copy.db")
        with closing(sqlite3.connect(tmp_path / "copy.db")) as con:
            items, events = (
                con.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("items", "events")
            )
        assert items == events
        made += 1
    writer.join()
    assert not list(tmp_path.glob(".copy.db*"))


def test_what_was_withdrawn_is_not_in_a_copy(
    here: Desks, settings: Settings, tmp_path: Path
) -> None:
    _, secret = here.sent("Secret words of somebody")
    here.desk.withdraw(secret)
    copies.save(settings, tmp_path / "copy.db")
    assert b"Secret words" not in (tmp_path / "copy.db").read_bytes()


def test_nothing_is_copied_before_there_is_anything(settings: Settings, tmp_path: Path) -> None:
    assert not copies.save(settings, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_what_is_there_is_not_replaced(here: Desks, settings: Settings, tmp_path: Path) -> None:
    here.sent()
    copies.save(settings, tmp_path / "copy.db")
    with pytest.raises(UsageError, match="holds requests or followers already"):
        copies.bring_back(settings, tmp_path / "copy.db")


def test_an_empty_database_is_replaced(here: Desks, settings: Settings, tmp_path: Path) -> None:
    here.sent()
    copies.save(settings, tmp_path / "copy.db")
    elsewhere = Settings(state=tmp_path / "elsewhere")
    there = Desks(database(elsewhere))
    assert there.moderation.cases() == []
    there.store.close()
    copies.bring_back(elsewhere, tmp_path / "copy.db")
    there = Desks(database(elsewhere))
    assert len(there.moderation.cases()) == 1
    there.store.close()


def test_what_is_no_copy_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database")
    with closing(sqlite3.connect(tmp_path / "other.db")) as con:
        con.execute("CREATE TABLE other (a)")
    for name in ("text", "other.db", "absent"):
        with pytest.raises(UsageError, match="is no copy"):
            copies.bring_back(settings, tmp_path / name)
    assert not (settings.state_root / "participation.db").exists()


def test_postgresql_has_copies_of_its_own(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, participation_url="postgresql+psycopg://nobody@localhost/x")
    with pytest.raises(UsageError, match="PostgreSQL"):
        copies.save(settings, tmp_path / "copy.db")
