"""The part of Solr's query language that CKAN's clients use in ``fq``: fields, OR, NOT, ranges.

Source: the Solr reference guide, standard query parser; CKAN's API guide, ``package_search``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Package = dict[str, Any]
Test = Callable[[Package], bool]
_TOKEN = re.compile(
    r"""\s*(?:(?P<mark>[()+\-!])|(?P<word>(?:AND|OR|NOT)(?![\w:]))
    |(?P<field>[A-Za-z_]\w*):|(?P<range>[\[{][^\]}]*[\]}])
    |"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>(?:[^\s()"\[\]{}\\]|\\.)+))""",
    re.VERBOSE,
)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z?")
_STEP = re.compile(r"([-+]\d{1,9})(SECOND|MINUTE|HOUR|DAY)S?")
_NOW = re.compile(rf"NOW(?:{_STEP.pattern})*")
DEEPEST = 20


class BadQuery(ValueError):
    """A filter query that cannot be read; the message is for its writer."""


class BadSearch(BadQuery):
    """A parameter or an order that a search does not have."""


@dataclass(frozen=True)
class Token:
    """A piece of a query and what it is: mark, word, field, range, quoted or bare."""

    kind: str
    text: str


def tokens(query: str) -> list[Token]:
    """A query taken apart. Raises BadQuery."""
    found, place = [], 0
    query = query.rstrip()
    while place < len(query):
        match = _TOKEN.match(query, place)
        if match is None or match.lastgroup is None:
            raise BadQuery(f"cannot read {query[place : place + 20]!r}")
        found.append(Token(match.lastgroup, match[match.lastgroup]))
        place = match.end()
    return found


def matcher(query: str) -> Test:
    """A test of packages from a filter query; an empty one lets all through. Raises BadQuery."""
    reader = _Reader(tokens(query[:5000]))
    test = reader.either(None, 0)
    if reader.rest:
        raise BadQuery(f"unexpected {reader.rest[0].text!r}")
    return test


class _Reader:
    """Reads tokens from left to right; what stands side by side must all hold."""

    def __init__(self, rest: list[Token]) -> None:
        self.rest = rest

    def either(self, field: str | None, depth: int) -> Test:
        if depth > DEEPEST:
            raise BadQuery("too many brackets")
        sides = [self._all(field, depth)]
        while self._next("word", "OR"):
            sides.append(self._all(field, depth))
        return sides[0] if len(sides) == 1 else lambda one: any(side(one) for side in sides)

    def _all(self, field: str | None, depth: int) -> Test:
        tests: list[Test] = []
        while self.rest and not self._at("mark", ")") and not self._at("word", "OR"):
            if self._next("word", "AND"):
                continue
            tests.append(self._one(field, depth))
        return lambda one: all(test(one) for test in tests)

    def _one(self, field: str | None, depth: int) -> Test:
        if self._next("mark", "+"):
            return self._one(field, depth)
        if self._next("mark", "-") or self._next("mark", "!") or self._next("word", "NOT"):
            if not self.rest:
                raise BadQuery("nothing follows the minus")
            refused = self._one(field, depth)
            return lambda one: not refused(one)
        if self._next("mark", "("):
            inside = self.either(field, depth + 1)
            if not self._next("mark", ")"):
                raise BadQuery("a bracket is not closed")
            return inside
        if not self.rest:
            raise BadQuery("a value is missing")
        token = self.rest.pop(0)
        if token.kind == "field":
            return self._one(token.text, depth + 1)
        return _value(field, token)

    def _at(self, kind: str, text: str) -> bool:
        return bool(self.rest) and self.rest[0] == Token(kind, text)

    def _next(self, kind: str, text: str) -> bool:
        if self._at(kind, text):
            self.rest.pop(0)
            return True
        return False


def _value(field: str | None, token: Token) -> Test:
    if token.kind in ("mark", "word"):
        raise BadQuery(f"unexpected {token.text!r}")
    if token.kind == "range":
        return _range(field, token.text)
    wanted = re.sub(r"\\(.)", r"\1", token.text).casefold()
    if token.kind == "bare" and wanted in ("*", "*:*"):
        return lambda one: True
    if field is None:
        return lambda one: wanted in f"{one['name']} {one['title']} {one['notes']}".casefold()
    if token.kind == "bare" and "*" in wanted:
        pattern = re.compile(".*".join(map(re.escape, wanted.split("*"))), re.DOTALL)
        return lambda one: any(pattern.fullmatch(value.casefold()) for value in of(one, field))
    return lambda one: any(value.casefold() == wanted for value in of(one, field))


def _range(field: str | None, text: str) -> Test:
    ends = re.fullmatch(r"\s*(\S+)\s+TO\s+(\S+)\s*", text[1:-1])
    if ends is None or field is None:
        raise BadQuery(
            f"{text} is not a range such as metadata_modified:[2026-01-01T00:00:00Z TO *]"
        )
    low, high = (_sortable(end.strip('"'), dt.datetime.now(dt.UTC)) for end in ends.groups())
    with_low, with_high = text[0] == "[", text[-1] == "]"

    def test(one: Package) -> bool:
        for value in (_sortable(given) for given in of(one, field)):
            above = low == "*" or value > low or (with_low and value == low)
            below = high == "*" or value < high or (with_high and value == high)
            if above and below:
                return True
        return False

    return test


def _sortable(text: str, now: dt.datetime | None = None) -> str:
    """A moment with all its microseconds, so that moments compare as texts; others as they are.

    With ``now``, Solr's ``NOW-7DAYS`` is a moment too. Raises BadQuery.
    """
    moment = _MOMENT.fullmatch(text)
    if moment is not None:
        return f"{moment[1]}.{(moment[2] or '')[:6]:0<6}"
    if now is None or not text.startswith("NOW"):
        return text
    if not _NOW.fullmatch(text):
        raise BadQuery(f"{text} is not a moment such as NOW-7DAYS")
    try:
        for number, unit in _STEP.findall(text):
            now += dt.timedelta(**{f"{unit.lower()}s": int(number)})
    except OverflowError as error:
        raise BadQuery(f"{text} is beyond the calendar") from error
    return now.replace(tzinfo=None).isoformat(timespec="microseconds")


def of(package: Package, field: str) -> list[str]:
    """The values that a package has in a field of CKAN's search index."""
    match field:
        case "organization":
            return [package["organization"]["name"]]
        case "groups" | "tags":
            return [one["name"] for one in package[field]]
        case "res_format":
            return list(dict.fromkeys(one["format"] for one in package["resources"]))
        case "capacity":
            return ["public"]
        case "dataset_type" | "type":
            return [package["type"]]
    found = package.get(field)
    if found is None:
        return [one["value"] for one in package["extras"] if one["key"] == field]
    return [] if isinstance(found, list | dict) else [str(found)]
