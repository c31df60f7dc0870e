"""The database of what people ask: SQLite in the state folder, or PostgreSQL where one is named."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock, Timeout

from moulouya.participation.tables import StoreError
from moulouya.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 5
# Any number, the same in every process: who holds it migrates.
MIGRATING = 31_13_09_08
SENDING = MIGRATING + 1


class Database:
    """Connections to it; its tables are made or brought up to date before the first use."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self._engine: sa.Engine | None = None
        self._lock = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read with; raises StoreError."""
        with _told(), self.engine().connect() as con:
            yield con

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A connection in a transaction, committed at the end; raises StoreError.

        On SQLite it takes the lock first, so that what was read is still so when it is written.
        """
        with _told(), self.engine().connect().execution_options(writing=True) as con, con.begin():
            yield con

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Yields whether no other process sends now, on any host; raises StoreError."""
        with ExitStack() as held:
            with _told():
                if self.engine().dialect.name == "sqlite":
                    lock = FileLock(self._folder / "participation.sending.lock", timeout=0)
                    try:
                        held.enter_context(lock)
                    except Timeout:
                        free = False
                    else:
                        free = True
                else:
                    con = held.enter_context(self.engine().connect())
                    taken = sa.select(sa.func.pg_try_advisory_lock(SENDING))
                    free = con.execute(taken).scalar_one()
                    con.commit()
                    if free:
                        held.callback(_unlocked, con)
            yield free

    def engine(self) -> sa.Engine:
        """The engine, with tables of the newest form; raises StoreError."""
        with self._lock:
            if self._engine is None:
                with _told():
                    self._engine = self._opened()
            return self._engine

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _opened(self) -> sa.Engine:
        if self._url:
            engine = sa.create_engine(self._url, pool_pre_ping=True, pool_size=2, max_overflow=4)
        else:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self._folder / "participation.db"
            engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})
            sa.event.listen(engine, "connect", _prepare)
            sa.event.listen(engine, "begin", _begin)
        self._migrate(engine)
        return engine

    def _migrate(self, engine: sa.Engine) -> None:
        """Bring the tables up to date, one process at a time; quick where they are."""
        if engine.dialect.name == "sqlite":
            with FileLock(self._folder / "participation.lock", timeout=60):
                _log_ahead(engine)
                if not _is_newest(engine):
                    _upgrade(engine)
                    (self._folder / "participation.db").chmod(0o600)
            return
        if _is_newest(engine):
            return
        with engine.connect() as holder:
            holder.execute(sa.select(sa.func.pg_advisory_lock(MIGRATING)))
            try:
                _upgrade(engine)
            finally:
                holder.execute(sa.select(sa.func.pg_advisory_unlock(MIGRATING)))


def _unlocked(con: sa.Connection) -> None:
    """Let the next one send; where that cannot be said, the end of the session says it."""
    try:
        con.execute(sa.select(sa.func.pg_advisory_unlock(SENDING)))
        con.commit()
    except sa.exc.SQLAlchemyError:
        con.invalidate()


def database(settings: Settings) -> Database:
    """The database that the settings name."""
    return Database(settings.participation_url, settings.state_root)


@lru_cache(maxsize=1)
def newest() -> str | None:
    """The newest form of the tables."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def _is_newest(engine: sa.Engine) -> bool:
    with engine.connect() as con:
        return MigrationContext.configure(con).get_current_revision() == newest()


def _log_ahead(engine: sa.Engine) -> None:
    """Let readers go on beside one writer; the file remembers it.

    SQLite does not wait its turn for this change, it fails: so it is made under our lock only.
    """
    with closing(engine.raw_connection()) as con:
        con.cursor().execute("PRAGMA journal_mode = WAL")


def _upgrade(engine: sa.Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.connect().execution_options(writing=True) as con, con.begin():
        config.attributes["connection"] = con
        command.upgrade(config, "head")


def _prepare(connection: Any, _record: Any) -> None:
    """Set up a connection to SQLite: references that hold, and rows that are gone once deleted.

    Transactions begin when we say so, not when Python's driver guesses.
    """
    connection.isolation_level = None
    for pragma in ("foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(con: sa.Connection) -> None:
    writing = con.get_execution_options().get("writing")
    con.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError, Timeout) as error:
        cause = getattr(error, "orig", None) or error
        raise StoreError(
            f"the database of requests cannot be used: {cause}",
            hint="MOULOUYA_PARTICIPATION_URL, or the state folder, says where it is",
        ) from error
