"""One record of delimited text, value by value: the careful reading where the fast one stops."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

from moulouya.readers.delimited.marks import Marks

SPAN_LINES = 32  # a record that breaks the rules of quoting is followed no further than this
SPAN_BYTES = 64 * 1024
MOST_INSIDE = 64  # delimiters inside the values of one broken record
MOST_STRAYS = 2  # in lines that make one record together
_Chain = tuple[bytes, int, "_Chain"] | None
_Way = tuple[int, _Chain]


class Broken(Exception):
    """A record breaks the rules of quoting; the message says which."""


@dataclass(frozen=True)
class _Patterns:
    quoted: re.Pattern[bytes]
    plain: re.Pattern[bytes]
    escaped: re.Pattern[bytes] | None
    blanks: re.Pattern[bytes]


@lru_cache
def _patterns(marks: Marks) -> _Patterns:
    delimiter, quote = re.escape(marks.delimiter), re.escape(marks.quote)
    end = rb"(?=" + delimiter + rb"|\r?\n|\r|\Z)"
    if marks.newline == b"\n":
        end = rb"(?=" + delimiter + rb"|\r?\n|\r?\Z)"
    if marks.escape is None:
        inside = rb"(?:(?!" + quote + rb").|" + quote + quote + rb")*+"
        plain = rb"(?:(?!" + end[3:-1] + rb").)*+"
        escaped = None
    else:
        escape = re.escape(marks.escape)
        inside = rb"(?:" + escape + rb".|(?!" + quote + rb"|" + escape + rb").)*+"
        plain = rb"(?:" + escape + rb".|(?!" + end[3:-1] + rb").)*+"
        marked = rb"|".join(filter(None, (delimiter, quote, escape, rb"\r\n", rb"[\r\n]")))
        escaped = re.compile(escape + rb"(" + marked + rb")", re.DOTALL)
    if not marks.quote:
        inside = rb"(?!)"
    return _Patterns(
        quoted=re.compile(quote + rb"(" + inside + rb")" + quote, re.DOTALL),
        plain=re.compile(plain, re.DOTALL),
        escaped=escaped,
        blanks=re.compile(rb"[ \t]*+" if marks.trim and marks.delimiter not in b" \t" else rb""),
    )


def record_at(data: bytes, start: int, marks: Marks) -> tuple[list[bytes], int]:
    """The values of the record at ``start`` by the strict rules, and where the next one starts.

    Raises Broken where a quote stands where none may, or is never closed (RFC 4180, section 2).
    """
    patterns = _patterns(marks)
    values: list[bytes] = []
    at = start
    while True:
        value, at = _value_at(data, at, marks, patterns)
        values.append(value)
        if data.startswith(marks.delimiter, at):
            at += len(marks.delimiter)
            continue
        for end in (b"\r\n", b"\n", b"\r"):
            if data.startswith(end, at):
                return values, at + len(end)
        return values, len(data)


def _value_at(data: bytes, at: int, marks: Marks, patterns: _Patterns) -> tuple[bytes, int]:
    blanks = patterns.blanks.match(data, at)
    opening = blanks.end() if blanks else at
    if marks.quote and data.startswith(marks.quote, opening):
        quoted = patterns.quoted.match(data, opening)
        if quoted is None:
            raise Broken("a quote is never closed")
        blanks = patterns.blanks.match(data, quoted.end())
        after = blanks.end() if blanks else quoted.end()
        ends = (marks.delimiter, b"\n", b"\r\n" if marks.newline == b"\n" else b"\r")
        if after < len(data) and not data.startswith(ends, after) and data[after:] != b"\r":
            raise Broken("text follows a closing quote")
        return unquoted(quoted[1], marks), after
    plain = patterns.plain.match(data, at)
    assert plain is not None, "a plain value may be empty"
    value = plain[0]
    bare = patterns.escaped.sub(b"", value) if patterns.escaped else value
    if marks.quote and marks.quote in bare:
        raise Broken("a quote stands inside a value that is not quoted")
    if patterns.escaped:
        value = patterns.escaped.sub(rb"\1", value)
    if b"\r" in bare:
        raise Broken("a carriage return stands inside a value that is not quoted")
    return value, plain.end()


def unquoted(inside: bytes, marks: Marks) -> bytes:
    """What stands between the quotes of a value, its marks resolved."""
    escaped = _patterns(marks).escaped
    if escaped is not None:
        return escaped.sub(rb"\1", inside)
    return inside.replace(marks.quote * 2, marks.quote)


def line_end(data: bytes, start: int, marks: Marks) -> int:
    """Where the next physical line starts."""
    end = data.find(marks.newline, start)
    if end < 0:
        return len(data)
    if marks.newline == b"\r" and data.startswith(b"\n", end + 1):
        return end + 2
    return end + 1


def readings(text: bytes, fields: int, marks: Marks) -> tuple[int, list[list[bytes]]]:
    """How to see ``fields`` values in a text whose quotes break the rules, with fewest strays.

    A value is either quoted, then it starts and ends with a quote and may hold any, or it is
    not, then it holds neither delimiter nor line end and its quotes are letters. Returns the
    number of stray quotes and the readings (at most two of them) that have so few. One with two
    values that are not quoted but hold half a pair of quotes is no reading: the pair may have
    wrapped the delimiters between them.
    """
    pieces = text.split(marks.delimiter)
    surplus = len(pieces) - fields  # so many delimiters stand inside values
    if not 0 <= surplus <= MOST_INSIDE:
        return 0, []
    # ways[at][more]: how the pieces from `at` on can be read with `more` delimiters in values.
    ways: list[list[list[_Way]]] = [[[] for _ in range(surplus + 1)] for _ in [*pieces, b""]]
    ways[len(pieces)][0] = [(0, None)]
    for at in range(len(pieces) - 1, -1, -1):
        piece = pieces[at]
        opens = bool(marks.quote) and piece.startswith(marks.quote)
        whole = opens and len(piece) > len(marks.quote) and piece.endswith(marks.quote)
        plain = not whole and b"\n" not in piece and b"\r" not in piece
        strays = _strays(piece, marks, doubled=False)
        for more in range(surplus + 1):
            rests = ways[at + 1][more] if plain else []
            found: list[_Way] = [(strays + cost, (piece, strays % 2, rest)) for cost, rest in rests]
            for joined in range(0 if whole else 1, more + 1) if opens else ():
                last = at + joined
                if last >= len(pieces) or not pieces[last].endswith(marks.quote):
                    continue
                if rests := ways[last + 1][more - joined]:
                    inside = marks.delimiter.join(pieces[at : last + 1])
                    inside = inside[len(marks.quote) : -len(marks.quote)]
                    own, value = _strays(inside, marks, doubled=True), unquoted(inside, marks)
                    found += [(own + cost, (value, 0, rest)) for cost, rest in rests]
            ways[at][more] = sorted(found, key=itemgetter(0))[:2]
    best = ways[0][surplus]
    fewest = best[0][0] if best else 0
    seen = [_unchained(chain) for cost, chain in best if cost == fewest]
    halves = [sum(half for _, half in values) for values in seen]
    return fewest, [] if max(halves, default=0) > 1 else [[v for v, _ in one] for one in seen]


def _strays(text: bytes, marks: Marks, *, doubled: bool) -> int:
    escaped = _patterns(marks).escaped
    if escaped is not None:
        text = escaped.sub(b"", text)
    elif doubled:
        text = text.replace(marks.quote * 2, b"")
    return text.count(marks.quote) if marks.quote else 0


def _unchained(chain: _Chain) -> list[tuple[bytes, int]]:
    values = []
    while chain is not None:
        value, half, chain = chain
        values.append((value, half))
    return values


def span_of(data: bytes, start: int, fields: int, marks: Marks) -> int:
    """Where a broken record may end: after its line, or after the lines that read no worse."""
    first = line_end(data, start, marks)
    fewest, found = readings(data[start:first].rstrip(b"\r\n"), fields, marks)
    allowed = fewest if found else MOST_STRAYS
    end = first
    for _ in range(SPAN_LINES):
        if end >= len(data) or end - start > SPAN_BYTES:
            break
        end = line_end(data, end, marks)
        strays, found = readings(data[start:end].rstrip(b"\r\n"), fields, marks)
        if found and strays <= allowed:
            return end
    return first


def written(values: list[bytes], marks: Marks) -> bytes:
    """A record in the plainest form of the dialect: quoted where needed, quotes doubled."""
    if not marks.quote:
        return marks.delimiter.join(values) + b"\n"
    special = (marks.delimiter, marks.quote, b"\n", b"\r")
    parts = [
        marks.quote + value.replace(marks.quote, marks.quote * 2) + marks.quote
        if any(mark in value for mark in special) or (not value and len(values) == 1)
        else value
        for value in values
    ]
    return marks.delimiter.join(parts) + b"\n"
