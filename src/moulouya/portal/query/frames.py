"""What a worker may say to the portal: frames of one letter, a length and so many bytes.

The portal takes nothing else from a worker. It decodes numbers and text of bounded length, never a
structure: a worker that was taken over can lie, and do no more.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from enum import IntEnum

HEAD = struct.Struct("!cI")
END = struct.Struct("!BQ")
PROBLEM = struct.Struct("!BII")
DATA, ENDED, REFUSED = b"D", b"E", b"X"
LARGEST = {DATA: 256 * 1024, ENDED: END.size, REFUSED: 4096}
LONGEST_JOB = 4 * 1024**2


class BadFrame(Exception):
    """A worker sent what no worker sends."""


class Cut(IntEnum):
    """Why a result is not whole."""

    NOT = 0
    ROWS = 1
    BYTES = 2
    SECONDS = 3


class Fault(IntEnum):
    """What kind of thing is wrong with a statement, as the worker tells it."""

    SQL = 1
    REFUSED = 2
    MEMORY = 3
    LARGE_ROW = 4
    PARAMETERS = 5
    FORMAT = 6


@dataclass(frozen=True)
class End:
    """The result is complete as far as it goes."""

    cut: Cut
    rows: int


@dataclass(frozen=True)
class Trouble:
    """The statement failed; line and column count from 1, 0 where there is no place."""

    fault: Fault
    line: int
    column: int
    message: str
    hint: str


class Out:
    """The worker's side: bytes go out in frames as they come."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._held = bytearray()
        self.sent = 0

    def write(self, data: bytes) -> int:
        """Send some of the answer, in pieces of at most one frame; returns the length."""
        view = bytes(data)
        self._held += view
        self.sent += len(view)
        if len(self._held) >= 64 * 1024:
            self.flush()
        return len(view)

    def flush(self) -> None:
        """Send what is held."""
        held, self._held = bytes(self._held), bytearray()
        for at in range(0, len(held), LARGEST[DATA]):
            self._send(DATA, held[at : at + LARGEST[DATA]])

    def end(self, cut: Cut, rows: int) -> None:
        """Say that this was all."""
        self.flush()
        self._send(ENDED, END.pack(cut, rows))

    def trouble(self, told: Trouble) -> None:
        """Say that it failed."""
        text = f"{told.message[:2000]}\0{told.hint[:500]}".encode(errors="replace")
        head = PROBLEM.pack(told.fault, told.line, told.column)
        self._send(REFUSED, (head + text)[: LARGEST[REFUSED]])

    def _send(self, kind: bytes, body: bytes) -> None:
        rest = memoryview(HEAD.pack(kind, len(body)) + body)
        while rest:
            # Not socket.send: the system calls of sockets are closed by now.
            rest = rest[os.write(self._descriptor, rest) :]


def length(head: bytes) -> tuple[bytes, int]:
    """Kind and length that a frame's head announces; raises BadFrame where they cannot be."""
    kind, size = HEAD.unpack(head)
    if size > LARGEST.get(kind, -1):
        raise BadFrame(f"a frame {kind!r} of {size} bytes")
    return kind, size


def read(kind: bytes, body: bytes) -> bytes | End | Trouble:
    """What a frame says; raises BadFrame."""
    try:
        if kind == DATA:
            return body
        if kind == ENDED:
            cut, rows = END.unpack(body)
            return End(Cut(cut), rows)
        fault, line, column = PROBLEM.unpack(body[: PROBLEM.size])
        message, _, hint = body[PROBLEM.size :].decode(errors="replace").partition("\0")
        return Trouble(Fault(fault), line, column, message, hint)
    except (struct.error, ValueError) as error:
        raise BadFrame(f"a frame {kind!r} that cannot be read") from error
