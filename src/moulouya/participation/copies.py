"""A copy of the database of requests and followers, made while it is used, and the way back.

It holds names and addresses of people, so it never lies in a lake, whose backups may be public.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from filelock import FileLock

from moulouya.errors import UsageError
from moulouya.participation.tables import StoreError
from moulouya.settings import Settings

NAME = "participation.db"


def save(settings: Settings, to: Path) -> bool:
    """Copy the database into a file that only its owner reads, whole or not at all.

    Returns False where there is no database yet. Raises UsageError for PostgreSQL, StoreError.
    """
    _require_sqlite(settings, "pg_dump")
    own = settings.state_root / NAME
    if not own.exists():
        return False
    _copy(own, to)
    return True


def bring_back(settings: Settings, source: Path) -> None:
    """Put a copy in place of a database in which there is nothing.

    Raises UsageError where there is something, or ``source`` is no copy; StoreError.
    """
    _require_sqlite(settings, "pg_restore")
    if not source.is_file() or not _is_ours(source):
        raise UsageError(f"{source} is no copy of the database of requests")
    own = settings.state_root / NAME
    own.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(own.with_suffix(".lock"), timeout=60):
        if own.exists() and not _is_empty(own):
            raise UsageError(
                f"{own} holds requests or followers already",
                hint="stop the portal and move the file away first",
            )
        for ending in ("-wal", "-shm"):
            own.with_name(own.name + ending).unlink(missing_ok=True)
        _copy(source, own)


def _copy(source: Path, to: Path) -> None:
    scratch = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(_opened(source)) as before, closing(sqlite3.connect(scratch)) as after:
            before.backup(after)
            after.execute("PRAGMA journal_mode = DELETE")
            ((found,),) = after.execute("PRAGMA integrity_check").fetchall()
        if found != "ok":
            raise StoreError(f"{source} is damaged: {found}")
        with scratch.open("rb") as file:
            os.fsync(file.fileno())
        scratch.replace(to)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{source} cannot be copied to {to}: {error}") from error
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)


def _is_ours(path: Path) -> bool:
    try:
        with closing(_opened(path)) as con:
            con.execute("SELECT version_num FROM alembic_version").fetchone()
            con.execute("SELECT count(*) FROM items").fetchone()
    except sqlite3.Error:
        return False
    return True


def _is_empty(path: Path) -> bool:
    try:
        with closing(_opened(path)) as con:
            tables = {row[0] for row in con.execute("SELECT name FROM sqlite_master")}
            kept = [name for name in ("items", "followers") if name in tables]
            return not any(con.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() for name in kept)
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}") from error


def _require_sqlite(settings: Settings, instead: str) -> None:
    if settings.participation_url:
        raise UsageError(
            "requests and followers are in PostgreSQL, which has its own copies", hint=instead
        )
