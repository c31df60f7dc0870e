"""The values that a dataset's text columns hold, read once for each version and kept."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import structlog

from moulouya.duck import identifier
from moulouya.errors import LakeError
from moulouya.portal.published import Catalogue, PublishedDataset, report
from moulouya.portal.reading import TooSlow, table_name, tables

MOST_OF_A_COLUMN = 1000
MOST = 4000
LONGEST = 100
SECONDS = 5.0
log = structlog.get_logger("moulouya.portal")


def values(catalogue: Catalogue, dataset: PublishedDataset) -> list[str]:
    """Distinct values of the text columns, at most ``MOST``, each cut after ``LONGEST`` signs.

    What the profile of the version lists is taken from there; only other columns are read. A table
    that cannot be read gives what the profile had.
    """
    definition, profiled = dataset.definition, report(dataset, "profile.json").get("columns", {})
    found: dict[str, None] = {}
    unread: list[str] = []
    for name, column in definition["columns"].items():
        if column["type"] != "text" or column.get("values"):
            continue
        seen = profiled.get(name, {})
        listed = seen.get("categories") or {}
        if listed and len(listed) == seen.get("distinct"):
            found.update(dict.fromkeys(value[:LONGEST] for value in listed))
        else:
            unread.append(name)
    if unread:
        try:
            found.update(dict.fromkeys(_read(catalogue, dataset, unread)))
        except (TooSlow, LakeError, duckdb.Error) as error:
            log.warning("values not searchable", dataset=dataset.slug, reason=str(error))
    return list(found)[:MOST]


def _read(catalogue: Catalogue, dataset: PublishedDataset, columns: list[str]) -> list[str]:
    table = table_name(dataset)
    each = " UNION ALL ".join(
        f"(SELECT DISTINCT left({identifier(name)}, {LONGEST}) AS value FROM {table} "
        f"WHERE {identifier(name)} IS NOT NULL LIMIT {MOST_OF_A_COLUMN})"
        for name in columns
    )
    with tables(catalogue, [dataset], seconds=SECONDS) as con:
        rows = con.execute(f"SELECT DISTINCT value FROM ({each}) LIMIT {MOST}").fetchall()
    return sorted(str(value) for (value,) in rows)


class Kept:
    """Values by the hash of a version's record, in a file of the state folder.

    Losing the file costs only reading the tables again, so a damaged or read-only one is put up
    with; without a file nothing is kept.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()

    def find(self, keys: Iterable[str]) -> dict[str, list[str]]:
        """What is known of some versions."""
        wanted = set(keys)
        with self._lock:
            try:
                with closing(self._open()) as con:
                    rows = con.execute("SELECT version, listed FROM found").fetchall()
                    return {key: json.loads(text) for key, text in rows if key in wanted}
            except (OSError, sqlite3.Error, ValueError) as error:
                log.warning("search values not kept", reason=str(error))
                return {}

    def keep(self, found: dict[str, list[str]]) -> None:
        """Add what was read."""
        rows = [(key, json.dumps(one, ensure_ascii=False)) for key, one in found.items()]
        self._write("INSERT OR REPLACE INTO found VALUES (?, ?)", rows)

    def forget_but(self, current: Collection[str]) -> None:
        """Drop versions that are not current any more."""
        listed = json.dumps(sorted(current))
        drop = "DELETE FROM found WHERE version NOT IN (SELECT value FROM json_each(?))"
        self._write(drop, [(listed,)])

    def _write(self, statement: str, rows: Sequence[tuple[str, ...]]) -> None:
        with self._lock:
            try:
                with closing(self._open()) as con, con:
                    con.executemany(statement, rows)
            except (OSError, sqlite3.Error) as error:
                log.warning("search values not kept", reason=str(error))

    def _open(self) -> sqlite3.Connection:
        if self._file is None:
            return _prepared(sqlite3.connect(":memory:"))
        self._file.parent.mkdir(parents=True, exist_ok=True)
        return _prepared(sqlite3.connect(self._file, timeout=5))


def _prepared(con: sqlite3.Connection) -> sqlite3.Connection:
    con.execute("CREATE TABLE IF NOT EXISTS found (version TEXT PRIMARY KEY, listed TEXT NOT NULL)")
    return con
