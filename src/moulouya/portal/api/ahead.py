"""Records written ahead: the rows of a version as lines of JSON in blocks, for pages as they lie.

Most programs read a table page after page, whole rows in their own order. Planning such a page
costs DuckDB more than reading it, so a version that is read that way is written once, in the
background, to a file in the state folder out of which pages are cut. The file is made of Zstandard
frames (RFC 8878), each a block of rows with a checksum, then a frame with the places of all
blocks. Whatever is here can be deleted at any time; until a file is there, DuckDB answers.
"""

from __future__ import annotations

import array
import atexit
import hashlib
import os
import struct
import threading
import weakref
from collections import Counter, OrderedDict
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import duckdb
import structlog
import zstandard

from moulouya.errors import LakeError
from moulouya.portal.api import objects, writing
from moulouya.portal.api.querying import Question
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.reading import TooSlow, stored_name, tables
from moulouya.portal.records.spool import Spool

# Rows in a block, and blocks that DuckDB is asked for at once.
ROWS = 128
AT_ONCE = 128
# A version is written after so many pages of it were asked for.
WORTH = 8
LARGEST = 1024**3
MOST_OPEN = 16
_FOOT = struct.Struct("<QQ")
log = structlog.get_logger("moulouya.portal")


class Damaged(Exception):
    """A file of records is not what was written."""


class Blocks:
    """One file of records, open for reading from any thread."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, descriptor)
        self._file = descriptor
        end = os.fstat(descriptor).st_size - _FOOT.size
        if end < 0:
            raise Damaged
        start, size = _FOOT.unpack(os.pread(descriptor, _FOOT.size, end))
        if start + size != end:
            raise Damaged
        self._places = array.array("Q", self._frames([(start, size)])[0])

    def cut(self, first: int, end: int) -> tuple[bytes, int]:
        """The lines of the rows from ``first`` to before ``end``, and how many; raises Damaged."""
        if first >= end:
            return b"", 0
        low, high = first // ROWS, (end - 1) // ROWS
        if high + 1 >= len(self._places):
            raise Damaged
        ends = self._places[low : high + 2]
        blocks = self._frames([(a, b - a) for a, b in pairwise(ends)])
        lines = b"\n".join(blocks).split(b"\n")[first - low * ROWS : end - low * ROWS]
        return b"\n".join(lines), len(lines)

    def _frames(self, places: list[tuple[int, int]]) -> list[bytes]:
        """The contents of frames that lie one after the other, by place and size."""
        start = places[0][0]
        size = places[-1][0] + places[-1][1] - start
        unpack = zstandard.ZstdDecompressor().decompress
        try:
            read = os.pread(self._file, size, start)
            return [unpack(read[at - start : at - start + length]) for at, length in places]
        except (OSError, OverflowError, zstandard.ZstdError) as error:
            raise Damaged from error


class Ahead:
    """The files of records that are there, and the thread that writes those worth having."""

    def __init__(self, folder: Path) -> None:
        self._spool = Spool(folder)
        self._lock = threading.Lock()
        self._open: OrderedDict[str, Blocks] = OrderedDict()
        self._asked: Counter[str] = Counter()
        self._writer: threading.Thread | None = None
        self._stopping = threading.Event()

    def cut(
        self, catalogue: Catalogue, dataset: PublishedDataset, asked: Question
    ) -> tuple[bytes, int] | None:
        """The lines of JSON that a plain question asks for; None where they are not written."""
        name = name_of(asked)
        blocks = self._find(name)
        if blocks is None:
            self._wish(name, catalogue, dataset, asked)
            return None
        first = asked.offset if asked.after is None else asked.after + 1
        try:
            return blocks.cut(first, min(first + asked.limit, asked.table.rows))
        except Damaged:
            self._forget(name, dataset)
            return None

    def write(self, catalogue: Catalogue, dataset: PublishedDataset, asked: Question) -> None:
        """Write the file of a version; one that cannot be read or kept is left to DuckDB."""
        try:
            with self._spool.draft(name_of(asked)) as draft:
                places = array.array("Q", [0])
                for start in range(0, asked.table.rows, ROWS * AT_ONCE):
                    for block in _blocks(catalogue, dataset, asked, start):
                        draft.write(_packed(block.encode()))
                        places.append(draft.bytes)
                    if self._stopping.is_set() or draft.bytes > LARGEST:
                        return
                listed = _packed(places.tobytes())
                draft.write(listed + _FOOT.pack(places[-1], len(listed)))
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

    def _find(self, name: str) -> Blocks | None:
        with self._lock:
            found = self._open.get(name)
            if found is not None:
                self._open.move_to_end(name)
                return found
            path = self._spool.find(name)
            if path is None:
                return None
            try:
                found = Blocks(path)
            except (OSError, Damaged):
                path.unlink(missing_ok=True)
                return None
            self._open[name] = found
            if len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
            return found

    def _forget(self, name: str, dataset: PublishedDataset) -> None:
        log.warning("records written ahead are damaged", dataset=dataset.slug)
        with self._lock:
            self._open.pop(name, None)
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


def name_of(asked: Question) -> str:
    """The name of the file for a table: another one for other content or another way to write."""
    told = (writing.WRITING, ROWS, asked.sha256)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]


def _blocks(
    catalogue: Catalogue, dataset: PublishedDataset, asked: Question, start: int
) -> list[str]:
    """The next blocks of a table, from a row on: lines of JSON."""
    whole = objects.expressions(asked.choice, [])[0]
    inner = (
        f"SELECT rowid AS place, {whole} AS line FROM {stored_name(dataset)} "
        f"WHERE rowid >= {start} AND rowid < {start + ROWS * AT_ONCE}"
    )
    with tables(catalogue, [dataset]) as con:
        found = con.execute(
            f"SELECT string_agg(line, chr(10) ORDER BY place) FROM ({inner}) "
            f"GROUP BY place // {ROWS} ORDER BY min(place)"
        ).fetchall()
    return [text for (text,) in found]


def _packed(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(content)
