"""Stores of requests on both databases, with a clock that the test turns."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from moulouya.participation.database import Database, database
from moulouya.participation.desk import Desk
from moulouya.participation.followers import Followers
from moulouya.participation.following import Following
from moulouya.participation.model import Submission
from moulouya.participation.moderation import Moderation
from moulouya.settings import Settings


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A PostgreSQL database of its own, dropped afterwards; yields its SQLAlchemy address."""
    at = os.environ.get("MOULOUYA_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432")
    name = f"moulouya_{uuid.uuid4().hex[:12]}"
    try:
        admin = psycopg.connect(f"{at}/postgres", autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        if os.environ.get("MOULOUYA_REQUIRE_SERVICES"):
            raise
        pytest.skip(f"no PostgreSQL at {at}: {error}")
    with admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        try:
            yield f"{at}/{name}".replace("postgresql://", "postgresql+psycopg://", 1)
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@dataclass
class Desks:
    """Both parts of a store, and the time at which they believe to be."""

    store: Database
    time: dt.datetime = dt.datetime(2026, 11, 2, 10, tzinfo=dt.UTC)

    def __post_init__(self) -> None:
        self.desk = Desk(self.store, now=lambda: self.time)
        self.moderation = Moderation(self.store, now=lambda: self.time)
        self.following = Following(self.store, now=lambda: self.time)
        self.followers = Followers(self.store, now=lambda: self.time)

    def later(self, **passed: float) -> None:
        self.time += dt.timedelta(**passed)

    def sent(self, title: str = "Water use by commune", **more: str) -> tuple[int, str]:
        """Something that was sent: its number and its secret."""
        given = {"kind": "request", "language": "fr", "body": "By month, please.", **more}
        return self.desk.submit(Submission(title=title, **given))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the newest form with nothing in it, to be copied instead of made again."""
    folder = tmp_path_factory.mktemp("migrated")
    store = database(Settings(state=folder))
    store.engine()
    store.close()
    return folder / "participation.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def desks(request: pytest.FixtureRequest, migrated: Path, tmp_path: Path) -> Iterator[Desks]:
    url = request.getfixturevalue("postgresql") if request.param == "postgresql" else ""
    if not url:
        shutil.copy(migrated, tmp_path)
    store = database(Settings(state=tmp_path, participation_url=url))
    yield Desks(store)
    if url:
        with store.engine().begin() as con:
            con.exec_driver_sql("DELETE FROM items")
            con.exec_driver_sql("DELETE FROM followers")
    store.close()
