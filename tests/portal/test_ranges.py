"""Byte ranges mean what RFC 9110 says, for every header that anyone may send."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moulouya.portal.ranges import MOST_RANGES, NotSatisfiable, parse_range


@pytest.mark.parametrize(
    ("header", "spans"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-", [(0, 100)]),
        ("bytes=99-", [(99, 100)]),
        ("bytes=10-19", [(10, 20)]),
        ("bytes=90-500", [(90, 100)]),
        ("bytes=-5", [(95, 100)]),
        ("bytes=-500", [(0, 100)]),
        ("BYTES = 1-2", [(1, 3)]),
        ("bytes=0-1, 5-6", [(0, 2), (5, 7)]),
        ("bytes=5-6,0-1", [(5, 7), (0, 2)]),
        ("bytes=0-1,500-600", [(0, 2)]),
        ("bytes=0-1,,5-6,", [(0, 2), (5, 7)]),
    ],
)
def test_range_that_can_be_served(header: str, spans: list[tuple[int, int]]) -> None:
    assert parse_range(header, 100) == spans


@pytest.mark.parametrize(
    "header",
    ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-1", "rows=0-1", "bytes=1",
     "bytes=+1-2", "bytes=1_0-20", "bytes=١-٢", "bytes=0x1-2", "bytes=--5", "bytes=0-1;2-3",
     "bytes=0-1,x", "bytes=0-,0-,0-",
     "bytes=" + ",".join(f"{n}-{n}" for n in range(MOST_RANGES + 1))],
)  # fmt: skip
def test_header_that_is_ignored(header: str) -> None:
    assert parse_range(header, 100) == []


@pytest.mark.parametrize(
    "header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=500-,200-300"]
)
def test_range_outside_the_file(header: str) -> None:
    with pytest.raises(NotSatisfiable):
        parse_range(header, 100)


def test_empty_file_satisfies_no_range() -> None:
    with pytest.raises(NotSatisfiable):
        parse_range("bytes=0-", 0)


PART = st.from_regex(r"\A[0-9]{0,3}-[0-9]{0,3}\Z")


@given(st.lists(PART, min_size=1, max_size=6), st.integers(0, 400))
@example(["-0", "0-0"], 1)
def test_served_spans_are_those_asked_for(parts: list[str], size: int) -> None:
    """Compared with a slow reading of the header: a set of byte positions for each part."""
    header = "bytes=" + ",".join(parts)
    asked = [positions(part, size) for part in parts]
    try:
        spans = parse_range(header, size)
    except NotSatisfiable:
        assert all(part is not None and not part for part in asked)
        return
    if not spans:
        assert None in asked or sum(len(part or ()) for part in asked) > size
        return
    assert [set(range(*span)) for span in spans] == [part for part in asked if part]


def positions(part: str, size: int) -> set[int] | None:
    """The bytes of one part, or None when the part is not a range."""
    first, last = re.fullmatch(r"(\d*)-(\d*)", part).groups()  # type: ignore[union-attr]
    if not first and not last:
        return None
    if not first:
        return set(range(size)[-int(last) :]) if int(last) else set()
    if last and int(last) < int(first):
        return None
    return {n for n in range(size) if n >= int(first) and (not last or n <= int(last))}


@given(st.text(max_size=60), st.integers(0, 1000))
def test_any_header_gives_spans_within_the_file(header: str, size: int) -> None:
    try:
        spans = parse_range(header, size)
    except NotSatisfiable:
        return
    assert all(0 <= start < end <= size for start, end in spans)
