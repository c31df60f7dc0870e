"""The body of an answer: streamed to a file, measured, hashed and held against its head."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from moulouya.web.answers import Head
from moulouya.web.inflating import GZIP, Inflater
from moulouya.web.limits import ROOM_EVERY, check_room, check_size
from moulouya.web.trouble import Trouble


class Sink(Protocol):
    """What takes the bytes: a file, or nothing but the hash."""

    def write(self, data: bytes, /) -> object:
        """Take these bytes."""


@dataclass(frozen=True)
class Received:
    """What arrived: as many bytes, this hash; ``proven`` when nothing can be missing."""

    bytes: int
    sha256: str
    proven: bool


def receive(
    head: Head, blocks: Iterable[bytes], sink: Sink, folder: Path, most: int, *, keep_gzip: bool
) -> Received:
    """Take a whole body; raises Trouble when it is too large, broken, damaged or endless.

    A body that was encoded though asked not to be is kept decoded. With ``keep_gzip`` (the
    definition says that the file itself is gzip) it is kept as sent, unless gzip is inside it too.
    """
    if head.length is not None:
        check_size(head.length, most)
        check_room(folder, head.length)
    encoding = head.headers.get("content-encoding", "").strip().lower()
    inflater = Inflater(encoding, most) if encoding not in ("", "identity") else None
    digest = hashlib.sha256()
    wire = _Wire(blocks, folder, most)
    kept = 0
    for piece in _as_kept(wire, inflater, keep_gzip) if inflater else wire:
        sink.write(piece)
        digest.update(piece)
        kept += len(piece)
    if head.length is not None and wire.bytes != head.length:
        raise Trouble(f" broke off: {wire.bytes} of {head.length} bytes arrived", retry=True)
    if inflater:
        inflater.finish()
    return Received(kept, digest.hexdigest(), proven=head.whole)


class _Wire:
    """The blocks as they come, counted, while they fit the limit and the disk."""

    def __init__(self, blocks: Iterable[bytes], folder: Path, most: int) -> None:
        self._blocks = blocks
        self._folder = folder
        self._most = most
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        room_checked = -ROOM_EVERY
        for block in self._blocks:
            self.bytes += len(block)
            check_size(self.bytes, self._most)
            if self.bytes - room_checked >= ROOM_EVERY:
                check_room(self._folder, 0)
                room_checked = self.bytes
            yield block


def _as_kept(wire: Iterable[bytes], inflater: Inflater, keep_gzip: bool) -> Iterator[bytes]:
    """What is kept of an encoded body; as sent only when ``keep_gzip`` and no gzip is inside."""
    held = b""
    as_sent = None if keep_gzip else False
    for block in wire:
        if as_sent:
            yield block
        elif as_sent is None:
            held += block
        for piece in inflater.feed(block):
            if as_sent is None and piece:
                as_sent = not piece.startswith(GZIP[:1])
                if as_sent:
                    yield held
            if as_sent is False:
                yield piece
