"""Reading published tables in the portal's own process: few connections, kept open, with a limit.

Only SQL that the portal itself wrote runs here. SQL that a reader wrote belongs in a sandbox.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from moulouya import serving
from moulouya.duck import identifier
from moulouya.errors import LakeError
from moulouya.portal.published import Catalogue, PublishedDataset

SECONDS = 10.0
# Each keeps up to 256 MB of what it read.
MOST_OPEN = 12
# Below so many rows, sharing a query out among threads costs more than it saves.
SHARED_FROM = 2_000_000
Files = frozenset[tuple[serving.Table, Path]]


class TooSlow(Exception):
    """A query of the portal's own was not answered within its time."""


@dataclass
class _Opened:
    con: duckdb.DuckDBPyConnection
    stack: ExitStack
    users: int = 0


@dataclass
class _Pool:
    """Connections by the files they read; those nobody uses are closed, the oldest first."""

    opened: OrderedDict[Files, _Opened] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, files: Files, threads: int) -> _Opened:
        """A connection to some files; ``threads`` is always the same for the same files."""
        with self.lock:
            found = self.opened.get(files)
            if found is None:
                stack = ExitStack()
                con = stack.enter_context(serving.connect(dict(files), threads=threads))
                found = self.opened[files] = _Opened(con, stack)
            found.users += 1
            self.opened.move_to_end(files)
            idle = [key for key, one in self.opened.items() if not one.users]
            for key in idle[: max(0, len(self.opened) - MOST_OPEN)]:
                self.opened.pop(key).stack.close()
            return found

    def give_back(self, one: _Opened) -> None:
        with self.lock:
            one.users -= 1


class _Watch:
    """Interrupts what takes longer than it may: one thread for all, as starting one costs much."""

    def __init__(self) -> None:
        self._due: dict[duckdb.DuckDBPyConnection, float] = {}
        self._changed = threading.Condition()
        self._wakes = math.inf
        self._thread: threading.Thread | None = None

    def begin(self, con: duckdb.DuckDBPyConnection, seconds: float) -> None:
        """Interrupt a connection after some seconds, unless it ends before."""
        due = time.monotonic() + seconds
        with self._changed:
            self._due[con] = due
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._watch, name="patience", daemon=True)
                self._thread.start()
            elif due < self._wakes:
                self._changed.notify()

    def end(self, con: duckdb.DuckDBPyConnection) -> None:
        """Leave a connection alone from now on."""
        with self._changed:
            self._due.pop(con, None)

    def _watch(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for con in [con for con, due in self._due.items() if due <= now]:
                    del self._due[con]
                    con.interrupt()
                self._wakes = min(self._due.values(), default=math.inf)
                self._changed.wait(None if self._wakes == math.inf else self._wakes - now)


_pool = _Pool()
_patience = _Watch()


def table_name(dataset: PublishedDataset) -> str:
    """The table of a dataset in SQL on a connection of `tables`: ``"<theme>"."<slug>"``."""
    return f"{identifier(dataset.theme)}.{identifier(dataset.slug)}"


def stored_name(dataset: PublishedDataset) -> str:
    """The same table where it is stored: there its rows have numbers, ``rowid`` from 0 on."""
    return f"{identifier(serving.file_name(dataset.slug))}.main.{identifier(dataset.slug)}"


@contextmanager
def tables(
    catalogue: Catalogue, datasets: Sequence[PublishedDataset], seconds: float = SECONDS
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection on which the tables of some datasets can be read, for this thread alone.

    Raises LakeError where a file is missing or damaged, TooSlow when the body takes longer than
    ``seconds``: what runs then is interrupted.
    """
    files: dict[serving.Table, Path] = {}
    for dataset in datasets:
        file = dataset.files.get(serving.file_name(dataset.slug))
        if file is None:
            raise LakeError(f"{dataset.slug} version {dataset.number} has no table for DuckDB")
        files[(dataset.theme, dataset.slug)] = catalogue.sound(dataset.folder, file)
    threads = 2 if any(one.rows >= SHARED_FROM for one in datasets) else 1
    with _opened(files, seconds, threads) as con:
        yield con


@contextmanager
def patient(
    con: duckdb.DuckDBPyConnection, seconds: float = SECONDS
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Interrupt what takes longer than ``seconds`` on a connection, and raise TooSlow."""
    _patience.begin(con, seconds)
    try:
        yield con
    except duckdb.InterruptException as error:
        raise TooSlow(f"not answered within {seconds:g} s") from error
    finally:
        _patience.end(con)


@contextmanager
def _opened(
    files: Mapping[serving.Table, Path], seconds: float, threads: int
) -> Iterator[duckdb.DuckDBPyConnection]:
    held = _pool.take(frozenset(files.items()), threads)
    con = held.con.cursor()
    try:
        with patient(con, seconds):
            yield con
    finally:
        con.close()
        _pool.give_back(held)
