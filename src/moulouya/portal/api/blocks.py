"""Rows as lines of JSON in a file of small blocks, of which each can be read alone.

Every block is a Zstandard frame (RFC 8878) with a checksum, packed with one dictionary for the
file. After the blocks come frames of whatever else is told about the rows, then a frame of JSON
that has the places of all, then where that lies.
"""

from __future__ import annotations

import array
import os
import struct
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson
import zstandard

from moulouya.portal.records.spool import Draft

# As few rows as a dictionary makes up for: scattered rows are each read with their neighbours.
ROWS = 8
DICTIONARY_BYTES = 16 * 1024
# Fewer blocks teach a dictionary nothing.
FEWEST, LEARNT_FROM = 64, 2048
_FOOT = struct.Struct("<QQ")
Place = tuple[int, int]


class Damaged(Exception):
    """A file of blocks is not what was written."""


class Writing:
    """A file of blocks that is being written into a draft."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._places = array.array("Q", [0])
        self._packer: zstandard.ZstdCompressor | None = None
        self._dictionary: zstandard.ZstdCompressionDict | None = None

    @property
    def size(self) -> int:
        """The size of the file so far."""
        return self._draft.bytes

    def add(self, blocks: Sequence[bytes]) -> None:
        """Add blocks of ``ROWS`` lines each; the first ones teach the dictionary."""
        if self._packer is None:
            self._dictionary = _learnt(blocks)
            self._packer = _packer(self._dictionary)
        for block in blocks:
            self._draft.write(self._packer.compress(block))
            self._places.append(self._draft.bytes)

    def frame(self, content: bytes) -> Place:
        """Add a frame of its own; where it lies."""
        at = self._draft.bytes
        self._draft.write(_packer(None).compress(content))
        return at, self._draft.bytes - at

    def close(self, more: Mapping[str, Any]) -> None:
        """End the file; ``more`` is what a reader finds as ``head``."""
        dictionary = self._dictionary.as_bytes() if self._dictionary is not None else b""
        head = {
            **more,
            "places": self.frame(self._places.tobytes()),
            "dictionary": self.frame(dictionary),
        }
        self._draft.write(_FOOT.pack(*self.frame(orjson.dumps(head))))


class Blocks:
    """One file of blocks, open for reading from any thread; raises Damaged."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, descriptor)
        self._file = descriptor
        if hasattr(os, "posix_fadvise"):
            # Whoever reads is not to wait for the disk: some do so where others wait for them.
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
        self._local = threading.local()
        end = os.fstat(descriptor).st_size - _FOOT.size
        if end < 0:
            raise Damaged
        start, size = _FOOT.unpack(os.pread(descriptor, _FOOT.size, end))
        if start + size != end:
            raise Damaged
        self.head: dict[str, Any] = orjson.loads(self.frame((start, size)))
        dictionary = self.frame(self.head["dictionary"])
        self._dictionary = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        self._places = array.array("Q", self.frame(self.head["places"]))

    def frame(self, place: Sequence[int]) -> bytes:
        """The content of a frame that is no block."""
        start, size = place
        return self._unpacked(zstandard.ZstdDecompressor(), self._read(start, size))

    def lines(self, rows: Iterable[int]) -> list[bytes]:
        """The lines of some rows, by ascending number."""
        found: list[bytes] = []
        unpack = self._unpacker()
        for number, inside in groupby(rows, key=lambda row: row // ROWS):
            if number + 1 >= len(self._places):
                raise Damaged
            start = self._places[number]
            block = self._unpacked(unpack, self._read(start, self._places[number + 1] - start))
            lines = block.split(b"\n")
            found += [lines[row % ROWS] for row in inside]
        return found

    def span(self, first: int, end: int) -> bytes:
        """The lines of the rows from ``first`` to before ``end``, joined."""
        if first >= end:
            return b""
        low, high = first // ROWS, (end - 1) // ROWS
        if high + 1 >= len(self._places):
            raise Damaged
        ends = self._places[low : high + 2]
        read = self._read(ends[0], ends[-1] - ends[0])
        unpack, at = self._unpacker(), ends[0]
        blocks = []
        for stop in ends[1:]:
            blocks.append(self._unpacked(unpack, read[at - ends[0] : stop - ends[0]]))
            at = stop
        lines = b"\n".join(blocks).split(b"\n")
        return b"\n".join(lines[first - low * ROWS : end - low * ROWS])

    def _unpacker(self) -> zstandard.ZstdDecompressor:
        # One for each thread, as none bears two at once.
        found: zstandard.ZstdDecompressor | None = getattr(self._local, "unpacker", None)
        if found is None:
            found = self._local.unpacker = zstandard.ZstdDecompressor(dict_data=self._dictionary)
        return found

    def _read(self, start: int, size: int) -> bytes:
        try:
            return os.pread(self._file, size, start)
        except (OSError, OverflowError) as error:
            raise Damaged from error

    @staticmethod
    def _unpacked(unpack: zstandard.ZstdDecompressor, packed: bytes) -> bytes:
        try:
            return bytes(unpack.decompress(packed))
        except zstandard.ZstdError as error:
            raise Damaged from error


def _packer(dictionary: zstandard.ZstdCompressionDict | None) -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(
        level=3, write_checksum=True, write_dict_id=False, dict_data=dictionary
    )


def _learnt(blocks: Sequence[bytes]) -> zstandard.ZstdCompressionDict | None:
    """A dictionary of what blocks have in common; None where too little is known of them."""
    if len(blocks) < FEWEST:
        return None
    try:
        return zstandard.train_dictionary(
            DICTIONARY_BYTES, list(blocks[:LEARNT_FROM]), k=64, d=8, level=3
        )
    except zstandard.ZstdError:  # they have nothing in common
        return None
