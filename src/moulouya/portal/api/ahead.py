"""Records written ahead: the rows of a version as lines of JSON, for pages of whole rows.

Most programs read a table page after page, all of it or the rows that equal something. Planning
such a page costs DuckDB more than reading it, so a version that is read that way is written once,
in the background, to a file in the state folder out of which pages are cut. Whatever is here can be
deleted at any time; until a file is there, and for every other question, DuckDB answers.
"""

from __future__ import annotations

import atexit
import hashlib
import threading
from collections import Counter
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import duckdb
import structlog
from pyroaring import BitMap

from moulouya.errors import LakeError
from moulouya.portal.api import equalities, objects, writing
from moulouya.portal.api.blocks import ROWS, Blocks, Damaged, Writing
from moulouya.portal.api.equalities import Equalities
from moulouya.portal.api.querying import Question
from moulouya.portal.api.writing import Cut
from moulouya.portal.kept import Kept
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.reading import TooSlow, stored_name, tables
from moulouya.portal.records.spool import Spool

# Blocks that DuckDB is asked for at once.
AT_ONCE = 2048
# A version is written after so many pages of it were asked for.
WORTH = 8
LARGEST = 1024**3
MOST_OPEN = 16
# Raised whenever a file is laid out otherwise.
LAYOUT = 2
log = structlog.get_logger("moulouya.portal")


class Written:
    """A version's rows and its index; raises Damaged."""

    def __init__(self, blocks: Blocks, index: Equalities) -> None:
        self._blocks = blocks
        self._index = index

    def cut(self, asked: Question) -> Cut | None:
        """A page of whole rows; None where the index does not know which."""
        if asked.where is None:
            first = asked.offset if asked.after is None else asked.after + 1
            places = range(first, min(first + asked.limit + 1, asked.table.rows))
            lines = self._blocks.span(first, first + min(len(places), asked.limit))
            return Cut(lines, places, asked.table.rows)
        rows = self._index.rows(asked.where.equals)
        if rows is None:
            return None
        skipped = asked.offset if asked.after is None else rows.rank(asked.after)
        found = list(rows[skipped : skipped + asked.limit + 1])
        lines = b"\n".join(self._blocks.lines(found[: asked.limit]))
        return Cut(lines, found, len(rows) if asked.total == "exact" else None)


class Ahead:
    """The files of records that are there, and the thread that writes those worth having."""

    def __init__(self, folder: Path) -> None:
        self._spool = Spool(folder)
        self._lock = threading.Lock()
        self._open: Kept[Written] = Kept(MOST_OPEN)
        self._bitmaps: Kept[BitMap] = Kept(equalities.MOST_KEPT, len)
        self._asked: Counter[str] = Counter()
        self._writer: threading.Thread | None = None
        self._stopping = threading.Event()

    def cut(self, catalogue: Catalogue, dataset: PublishedDataset, asked: Question) -> Cut | None:
        """The page that a question is about; None where DuckDB has to be asked.

        That is for other rows than whole ones in their order, for conditions that are more than
        equalities, for an estimate, and where nothing is written.
        """
        if not _covered(asked):
            return None
        name = name_of(asked)
        written = self._find(name)
        if written is None:
            self._wish(name, catalogue, dataset, asked)
            return None
        return self._cut(written, name, dataset, asked)

    def cut_at_once(self, dataset: PublishedDataset, asked: Question) -> Cut | None:
        """The same where the file is open already: nothing is looked for and nothing begun."""
        if not _covered(asked):
            return None
        name = name_of(asked)
        written = self._open.find(name)
        return None if written is None else self._cut(written, name, dataset, asked)

    def _cut(
        self, written: Written, name: str, dataset: PublishedDataset, asked: Question
    ) -> Cut | None:
        try:
            return written.cut(asked)
        except Damaged:
            self._forget(name, dataset)
            return None

    def write(self, catalogue: Catalogue, dataset: PublishedDataset, asked: Question) -> None:
        """Write the file of a version; one that cannot be read or kept is left to DuckDB."""

        def reading() -> AbstractContextManager[duckdb.DuckDBPyConnection]:
            return tables(catalogue, [dataset])

        source, table = stored_name(dataset), asked.table
        whole = objects.expressions(asked.choice, [])[0]
        try:
            with self._spool.draft(name_of(asked)) as draft:
                blocks = Writing(draft)
                for start in range(0, table.rows, ROWS * AT_ONCE):
                    with reading() as con:
                        blocks.add(_blocks(con, source, whole, start))
                    if self._stopping.is_set() or blocks.size > LARGEST:
                        return
                blocks.close({"columns": equalities.write(blocks, reading, source, table)})
                draft.keep()
        except (OSError, LakeError, TooSlow, duckdb.Error) as error:
            log.warning("records not written ahead", dataset=dataset.slug, reason=str(error))

    def settle(self) -> None:
        """Wait for the file that is being written, if one is."""
        with self._lock:
            writer = self._writer
        if writer is not None:
            writer.join()

    def stop(self) -> None:
        """Leave a file that is being written."""
        self._stopping.set()
        self.settle()

    def _find(self, name: str) -> Written | None:
        found = self._open.find(name)
        path = None if found is not None else self._spool.find(name)
        if path is None:
            return found
        try:
            blocks = Blocks(path)
        except (OSError, Damaged):
            path.unlink(missing_ok=True)
            return None
        return self._open.keep(name, Written(blocks, Equalities(blocks, name, self._bitmaps)))

    def _forget(self, name: str, dataset: PublishedDataset) -> None:
        log.warning("records written ahead are damaged", dataset=dataset.slug)
        self._open.forget(name)
        with suppress(OSError):
            (self._spool.folder / name).unlink()

    def _wish(
        self, name: str, catalogue: Catalogue, dataset: PublishedDataset, asked: Question
    ) -> None:
        """Count a question; begin to write where there were enough, one version at a time."""
        if any(one.kind == "geometry" for one in asked.choice.outputs):
            return
        with self._lock:
            self._asked[name] += 1
            if self._asked[name] < WORTH or (self._writer is not None and self._writer.is_alive()):
                return
            # What could not be written is tried again after as many questions.
            self._asked.clear()
            if self._writer is None:
                atexit.register(self.stop)
            self._writer = threading.Thread(
                target=self.write, args=(catalogue, dataset, asked), name="ahead", daemon=True
            )
            self._writer.start()


def _covered(asked: Question) -> bool:
    """Whether a question is of the kind that a file can answer."""
    where = asked.where
    simple = where is None or (bool(where.equals) and asked.total != "estimate")
    return simple and asked.choice.whole


def name_of(asked: Question) -> str:
    """The name of the file for a table: another one for other content or another way to write."""
    told = (writing.WRITING, LAYOUT, ROWS, asked.sha256)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]


def _blocks(con: duckdb.DuckDBPyConnection, source: str, whole: str, start: int) -> list[bytes]:
    """The next blocks of a table, from a row on: lines of JSON."""
    inner = (
        f"SELECT rowid AS place, {whole} AS line FROM {source} "
        f"WHERE rowid >= {start} AND rowid < {start + ROWS * AT_ONCE}"
    )
    found = con.execute(
        f"SELECT string_agg(line, chr(10) ORDER BY place) FROM ({inner}) "
        f"GROUP BY place // {ROWS} ORDER BY min(place)"
    ).fetchall()
    return [text.encode() for (text,) in found]
