"""Where the records of delimited text start and end, and which of them need a second look.

Whole blocks at a time, with array operations: in text whose quoting is sound, a mark stands
inside a quoted value exactly if an odd number of quotes comes before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moulouya.readers.delimited.marks import Marks

Positions = NDArray[np.int64]
_NONE = np.empty(0, np.int64)
_ZERO = np.zeros(1, np.int64)


@dataclass(frozen=True)
class Records:
    """The whole records at the start of a block, up to the first one whose quotes are unsound.

    ``starts``, ``ends`` (without the line end) and ``nexts`` are offsets, ``fields`` the number
    of values; ``odd`` marks records with a mark that only a careful reading resolves.
    ``lines`` are the offsets of all line ends; ``unsound`` says that a broken record follows.
    """

    starts: Positions
    ends: Positions
    nexts: Positions
    fields: Positions
    odd: NDArray[np.bool_]
    lines: Positions
    unsound: bool

    @property
    def size(self) -> int:
        """How many bytes the records take."""
        return int(self.nexts[-1]) if self.nexts.size else 0


def records_of(block: bytes, marks: Marks, *, final: bool) -> Records:
    """Find the records in a block that starts with one; ``final``: nothing comes after it."""
    text = np.frombuffer(block, np.uint8)
    escaped = _escaped(block, text, marks)
    quotes = _without(_found(block, text, marks.quote), escaped) if marks.quote else _NONE
    lines = _line_ends(text, marks.newline)
    ends = _outside(_without(lines, escaped), quotes)
    delimiters = _outside(_without(_found(block, text, marks.delimiter), escaped), quotes)
    stop = _first_unsound(block, text, quotes, marks, final=final)
    nexts = ends + 1
    if marks.newline == b"\r":
        pairs = ends[ends + 1 < text.size]
        nexts[: pairs.size] += (text[pairs] == 13) & (text[pairs + 1] == 10)
    if final and (not nexts.size or nexts[-1] < text.size) and text.size:
        ends, nexts = np.append(ends, text.size), np.append(nexts, text.size)
    elif not final and nexts.size and nexts[-1] == text.size and marks.newline == b"\r":
        ends, nexts = ends[:-1], nexts[:-1]  # a line feed may follow in the next block
    if stop is not None:
        keep = int(np.searchsorted(ends, stop))
        ends, nexts = ends[:keep], nexts[:keep]
    starts = np.concatenate((_ZERO, nexts[:-1])) if nexts.size else _NONE
    fields = np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1
    if marks.newline == b"\n" and ends.size:
        ends = ends - ((ends > starts) & (text[np.maximum(ends - 1, 0)] == 13))
    odd = np.full(ends.size, not marks.readable)
    for mark in (marks.escape, b"\0"):
        if mark and mark in block:
            _flag(odd, _found(block, text, mark), nexts)
    if marks.newline == b"\n" and b"\r" in block:
        returns = np.flatnonzero(text == 13)
        alone = returns[text[np.minimum(returns + 1, text.size - 1)] != 10]
        alone = _outside(alone, quotes)
        if alone.size:
            _flag(odd, alone[~np.isin(alone, ends)], nexts)
    if marks.comment:
        inside = starts[starts < text.size]
        odd[: inside.size] |= text[inside] == marks.comment[0]
    return Records(starts, ends, nexts, fields, odd, lines, stop is not None)


def ends_outside(block: bytes, marks: Marks) -> tuple[int, int]:
    """How many line feeds, and how many lone carriage returns, stand outside quoted values."""
    text = np.frombuffer(block, np.uint8)
    escaped = _escaped(block, text, marks)
    quotes = _without(_found(block, text, marks.quote), escaped) if marks.quote else _NONE
    returns = np.flatnonzero(text == 13)
    alone = returns[text[np.minimum(returns + 1, text.size - 1)] != 10]
    return _outside(np.flatnonzero(text == 10), quotes).size, _outside(alone, quotes).size


def _found(block: bytes, text: NDArray[np.uint8], mark: bytes) -> Positions:
    """Every place of a mark, found from left to right without overlap."""
    if len(mark) == 1:
        return np.flatnonzero(text == mark[0])
    if mark[:1] in mark[1:]:
        places = [match.start() for match in re.finditer(re.escape(mark), block)]
        return np.array(places, np.int64)
    same: Any = text[: max(text.size - len(mark) + 1, 0)] == mark[0]
    for number in range(1, len(mark)):
        same &= text[number : text.size - len(mark) + 1 + number] == mark[number]
    return np.flatnonzero(same)


def _line_ends(text: NDArray[np.uint8], newline: bytes) -> Positions:
    if newline == b"\n":
        return np.flatnonzero(text == 10)
    ends: NDArray[np.bool_] = text == 13
    feeds = np.flatnonzero(text == 10)
    alone = feeds[(feeds == 0) | (text[feeds - 1] != 13)]
    ends[alone] = True
    return np.flatnonzero(ends)


def _escaped(block: bytes, text: NDArray[np.uint8], marks: Marks) -> Positions:
    """The places behind an escape that is not escaped itself."""
    if not marks.escape or marks.escape not in block:
        return _NONE
    places = _found(block, text, marks.escape)
    # In a run of escapes every second one is escaped: count from the start of its run.
    breaks = np.diff(places, prepend=-2) != 1
    run_starts = np.maximum.accumulate(np.where(breaks, np.arange(places.size), 0))
    active = (np.arange(places.size) - run_starts) % 2 == 0
    behind: Positions = places[active] + len(marks.escape)
    return behind


def _without(places: Positions, others: Positions) -> Positions:
    if not others.size or not places.size:
        return places
    return places[~np.isin(places, others)]


def _outside(places: Positions, quotes: Positions) -> Positions:
    """The places with an even number of quotes before them."""
    if not quotes.size:
        return places
    outside: Positions = places[np.searchsorted(quotes, places) & 1 == 0]
    return outside


def _first_unsound(
    block: bytes, text: NDArray[np.uint8], quotes: Positions, marks: Marks, *, final: bool
) -> int | None:
    """The first quote that stands where the rules of quoting allow none."""
    if not quotes.size:
        return None
    width = len(marks.quote)
    opening, closing = quotes[0::2], quotes[1::2] + width
    before = opening[opening > 0]
    last = text[before - 1]
    known = (last == 10) | _follows(text, before, marks.delimiter)
    after = closing[closing < text.size]
    following = text[after]
    ended = (following == 10) | (following == 13) | _starts(text, after, marks.delimiter)
    if marks.newline == b"\r":
        known |= last == 13
    if marks.escape is None:  # a quote written twice closes and opens again
        known |= _follows(text, before, marks.quote)
        ended |= _starts(text, after, marks.quote)
    wrong, wrong_after = before[~known], after[~ended] - width
    first = min((int(some[0]) for some in (wrong, wrong_after) if some.size), default=None)
    if first is None and final and quotes.size % 2:
        return int(quotes[-1])
    return first


def _starts(text: NDArray[np.uint8], places: Positions, mark: bytes) -> NDArray[np.bool_]:
    """Which places a mark stands at."""
    same = np.ones(places.size, bool)
    for number, byte in enumerate(mark):
        at = places + number
        same &= (at < text.size) & (text[np.minimum(at, text.size - 1)] == byte)
    return same


def _follows(text: NDArray[np.uint8], places: Positions, mark: bytes) -> NDArray[np.bool_]:
    """Which places a mark stands right before."""
    return (places >= len(mark)) & _starts(text, np.maximum(places - len(mark), 0), mark)


def _flag(odd: NDArray[np.bool_], places: Positions, nexts: Positions) -> None:
    """Mark the records in which the places are."""
    found = np.searchsorted(nexts, places, side="right")
    odd[np.unique(found[found < odd.size])] = True
