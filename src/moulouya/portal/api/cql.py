"""CQL2 Text (OGC 21-065r2), read by the package ``cql2`` behind limits, with exact numbers.

The text is taken apart first. Names, numbers and texts go to the parser as marks that say which
token they were: so numbers keep all their digits, every mistake has its place, and what the parser
takes exponential time for, deep nesting, never reaches it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cql2

from moulouya.portal.api.faults import Refused

LONGEST = 4000
MOST_TOKENS = 1000
DEEPEST = 8
DEEPEST_GEOMETRY = 5
MOST_SIGNS = 3
KEYWORDS = frozenset(
    {"AND", "OR", "NOT", "BETWEEN", "IN", "LIKE", "IS", "NULL", "TRUE", "FALSE", "DIV"}
)
GEOMETRIES = frozenset(
    {"POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
     "GEOMETRYCOLLECTION", "BBOX"}
)  # fmt: skip
MARK = re.compile(r"#([0-9]+)")
TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<text>'(?:[^']|'')*')"
    r'|(?P<quoted>"[^"]*")'
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?(?!\w))"
    r"|(?P<word>[^\W\d]\w*)"
    r"|(?P<sign><>|!=|<=|>=|[-+*/%^=<>(),])",
)


@dataclass(frozen=True)
class Token:
    """A piece of the text: its kind (a group of ``TOKEN``), as it is written, and its place."""

    kind: str
    text: str
    at: int

    @property
    def value(self) -> str:
        """A text or a name without its quotes."""
        if self.kind == "text":
            return self.text[1:-1].replace("''", "'")
        return self.text[1:-1] if self.kind == "quoted" else self.text


@dataclass(frozen=True)
class Expression:
    """A text that was read: its tree as CQL2 JSON, in which ``#n`` stands for ``tokens[n]``."""

    tree: Any
    tokens: tuple[Token, ...]

    @property
    def canonical(self) -> str:
        """The same for texts that differ only in the space between."""
        return " ".join(token.text for token in self.tokens)

    def token(self, mark: str) -> Token:
        """The token that a mark stands for."""
        found = MARK.fullmatch(mark)
        if found is None or int(found[1]) >= len(self.tokens):
            raise ValueError(f"{mark!r} is no mark")
        return self.tokens[int(found[1])]


def read(text: str, parameter: str) -> Expression:
    """Read an expression; raises Refused with the place of the first mistake."""
    if len(text) > LONGEST:
        raise Refused("too-long", f"{parameter} has at most {LONGEST} characters",
                      "ask in several parts, or use /api/v1/sql", parameter=parameter)  # fmt: skip
    tokens = tuple(_tokens(text, parameter))
    if len(tokens) > MOST_TOKENS:
        raise _wrong(parameter, tokens[MOST_TOKENS].at,
                     f"there are more than {MOST_TOKENS} words and signs")  # fmt: skip
    marked = _marked(tokens, parameter)
    try:
        tree = cql2.Expr(" ".join(marked)).to_json()
    # The parser raises plain Exceptions, too, as where a position of a shape has one number.
    except Exception as error:
        raise _not_parsed(parameter, tokens, marked, str(error)) from error
    return Expression(tree, tokens)


def _tokens(text: str, parameter: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            quote = text[at] in "'\""
            raise _wrong(
                parameter, at,
                f"the quote {text[at]} is not closed" if quote
                else f"{text[at]!r} has no meaning here",
                "a text stands between single quotes, 'like this'" if quote else "",
            )  # fmt: skip
        kind = str(found.lastgroup)
        if kind != "space":
            yield Token(kind, found[0], at)
        at = found.end()


def _marked(tokens: tuple[Token, ...], parameter: str) -> list[str]:
    """What the parser is given for each token. Raises Refused where they nest too deeply."""
    marked: list[str] = []
    opened: list[int] = []
    inside = 0  # How many parentheses were open where a geometry began.
    signs = 0
    for number, token in enumerate(tokens):
        following = tokens[number + 1].text if number + 1 < len(tokens) else ""
        upper = token.text.upper() if token.kind == "word" else ""
        signs = signs + 1 if token.text == "-" or upper == "NOT" else 0
        if signs > MOST_SIGNS:
            raise _wrong(parameter, token.at, "there are too many signs one after the other")
        if token.text == "(":
            opened.append(number)
            if len(opened) > (inside + DEEPEST_GEOMETRY if inside else DEEPEST):
                raise _wrong(parameter, token.at, "there are too many parentheses in parentheses")
        elif token.text == ")":
            if not opened:
                raise _wrong(parameter, token.at, "this parenthesis was never opened")
            opened.pop()
            if inside and len(opened) < inside:
                inside = 0
        if upper in GEOMETRIES and following == "(" and not inside:
            inside = len(opened) + 1
        mark = _mark(token, number, upper, following, bool(inside))
        if inside and token.kind == "number" and tokens[number - 1].text == "-":
            # Well-known text has no space after a sign.
            marked[-1], mark = "", f"-{mark}"
        marked.append(mark)
    if opened:
        raise _wrong(parameter, tokens[opened[-1]].at, "this parenthesis is not closed")
    return marked


def _mark(token: Token, number: int, upper: str, following: str, in_geometry: bool) -> str:
    if token.kind == "text":
        return f"'#{number}'"
    if token.kind == "sign":
        return token.text
    if token.kind == "number" and in_geometry:
        return token.text
    if upper in KEYWORDS or (upper and (following == "(" or in_geometry)):
        return upper
    return f'"#{number}"'


def _not_parsed(
    parameter: str, tokens: tuple[Token, ...], marked: list[str], message: str
) -> Refused:
    """The parser's complaint, about the text as it was written."""
    place = re.search(r"--> 1:([0-9]+)", message)
    if place is None:
        return _wrong(parameter, tokens[0].at if tokens else 0, "this shape cannot be read")
    left = int(place[1]) - 1
    number = 0
    while number < len(marked) and left > len(marked[number]):
        left -= len(marked[number]) + 1
        number += 1
    if number >= len(tokens) or (left and number + 1 >= len(tokens)):
        end = tokens[-1].at + len(tokens[-1].text) if tokens else 0
        return _wrong(parameter, end, "the expression ends too early", _expected(message))
    token = tokens[number + bool(left)]
    return _wrong(parameter, token.at, f"{token.text[:60]!r} is not expected here",
                  _expected(message))  # fmt: skip


def _expected(message: str) -> str:
    if "Identifier" in message or "Expr" in message:
        return "a column, a value or a function can stand here"
    return "an operator such as = or AND can stand here, or the end"


def _wrong(parameter: str, at: int, detail: str, hint: str = "") -> Refused:
    return Refused("expression", f"{parameter}, character {at + 1}: {detail}", hint,
                   parameter=parameter, at=at)  # fmt: skip
