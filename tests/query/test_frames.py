"""What a worker says is taken as bytes within bounds, whatever it says."""

from __future__ import annotations

import os
import socket
import threading

from hypothesis import given
from hypothesis import strategies as st

from moulouya.portal.query.frames import (
    HEAD,
    LARGEST,
    BadFrame,
    Cut,
    End,
    Fault,
    Out,
    Trouble,
    length,
    read,
)


@given(st.binary(min_size=HEAD.size, max_size=HEAD.size), st.binary(max_size=5000))
def test_whatever_comes_is_a_frame_within_bounds_or_refused(head: bytes, body: bytes) -> None:
    try:
        kind, size = length(head)
        assert size <= LARGEST[kind]
        said = read(kind, body[:size])
    except BadFrame:
        return
    assert isinstance(said, bytes | End | Trouble)


@given(st.sampled_from([b"D", b"E", b"X"]), st.binary(max_size=5000))
def test_whatever_a_frame_holds_is_read_or_refused(kind: bytes, body: bytes) -> None:
    try:
        said = read(kind, body)
    except BadFrame:
        return
    assert isinstance(said, bytes | End | Trouble)


def test_what_is_written_arrives_as_it_was() -> None:
    ours, theirs = socket.socketpair()
    told = Trouble(Fault.SQL, 3, 7, "x" * 5000 + "é", "a hint")
    content = os.urandom(1_000_000)

    def write() -> None:
        with theirs:
            out = Out(theirs.fileno())
            for start in range(0, len(content), 12_345):
                out.write(content[start : start + 12_345])
            out.end(Cut.ROWS, 42)
            out.trouble(told)

    thread = threading.Thread(target=write)
    thread.start()
    with ours, ours.makefile("rb") as file:
        got = b""
        while True:
            kind, size = length(file.read(HEAD.size))
            said = read(kind, file.read(size))
            if not isinstance(said, bytes):
                break
            got += said
        assert (got, said) == (content, End(Cut.ROWS, 42))
        kind, size = length(file.read(HEAD.size))
        trouble = read(kind, file.read(size))
        assert trouble == Trouble(Fault.SQL, 3, 7, "x" * 2000, "a hint")
    thread.join()
