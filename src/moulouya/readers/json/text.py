"""JSON text (RFC 8259) taken apart value by value, so that a document is never whole in memory."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from json.encoder import encode_basestring
from pathlib import Path
from typing import IO, Any

from moulouya.errors import ReadError

BLOCK = 256 * 1024
LONGEST_VALUE = 32 * 1024 * 1024  # letters of one record; as Python objects it is ten times that
DEEPEST = 64
UTF8 = frozenset({"utf-8", "utf8", "utf-8-sig", "ascii"})
_BLANKS = re.compile(r"[ \t\n\r]*")
_TAIL = 12  # letters of the longest escape sequence: an error so near the end may be a cut


class Number(str):
    """A number with every digit that the source wrote."""

    __slots__ = ()


class TooLong(Exception):
    """A value has more letters than may be in memory at once."""


class Strict:
    """A decoder that keeps the digits of numbers and notes what JSON forbids but Python takes."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.decode = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=Number,
            parse_float=Number,
            parse_constant=self._constant,
        ).raw_decode

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            self.faults.append(f"the key {twice[:80]!r} comes twice")
        return found

    def _constant(self, name: str) -> None:
        self.faults.append(f"{name} is no JSON")

    def fault(self) -> str | None:
        """What was wrong since the last call, if anything."""
        found = self.faults[0] if self.faults else None
        self.faults.clear()
        return found


class Text:
    """The text of a document, read in blocks, with the line that reading has come to."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self.path = path
        self.strict = Strict()
        self._file = file
        self._buffer = ""
        self._at = 0
        self._ended = False
        self._line = 1
        self._counted = 0

    @property
    def line(self) -> int:
        """The line of the next letter."""
        self._line += self._buffer.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def peek(self) -> str:
        """The next letter that is no blank; empty at the end."""
        while True:
            blanks = _BLANKS.match(self._buffer, self._at)
            assert blanks is not None, "it matches nothing as well"
            self._at = blanks.end()
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if self._ended:
                return ""
            self._fill(BLOCK)

    def take(self, wanted: str) -> None:
        """Go past one mark, or say what is there instead."""
        if self.peek() != wanted:
            raise self.error(f"{wanted!r} was expected")
        self._at += 1

    def value(self) -> Any:
        """Decode the value that begins here, whole; TooLong leaves the text where it was."""
        if not self.peek():
            raise self.error("it ends where a value was expected")
        while True:
            try:
                value, end = self.strict.decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated string")
                if self._ended or not (cut or error.pos >= len(self._buffer) - _TAIL):
                    self._at = min(error.pos, len(self._buffer))
                    raise self.error(error.msg) from error
            except RecursionError as error:
                raise self.error(f"it is nested deeper than {DEEPEST} levels") from error
            else:
                # A number that ends with the buffer may go on in the next block.
                if self._ended or end < len(self._buffer):
                    self._at = end
                    return value
            self.strict.faults.clear()
            if len(self._buffer) - self._at > LONGEST_VALUE:
                raise TooLong
            self._fill(max(BLOCK, len(self._buffer) - self._at))

    def members(self) -> Iterator[str]:
        """The keys of the object that begins here; each value must be taken before the next."""
        self.take("{")
        keys: set[str] = set()
        while self.peek() != "}":
            if keys:
                self.take(",")
            if self.peek() != '"':
                raise self.error("a key was expected")
            key = self.value()
            if key in keys:
                raise self.error(f"the key {key[:80]!r} comes twice")
            keys.add(key)
            self.take(":")
            yield key
        self.take("}")

    def elements(self) -> Iterator[int]:
        """The places, from 0, in the list that begins here; each value must be taken."""
        self.take("[")
        number = 0
        while self.peek() != "]":
            if number:
                self.take(",")
            if self.peek() in ("]", ""):
                raise self.error("a value was expected")
            yield number
            number += 1
        self.take("]")

    def skip(self, depth: int = 0) -> Any:
        """Go past a value; give it back where it is no longer than may be in memory."""
        if depth > DEEPEST:
            raise self.error(f"it is nested deeper than {DEEPEST} levels")
        try:
            value = self.value()
        except TooLong:
            first = self.peek()
            if first not in "[{":
                raise self.error(f"a text is longer than {LONGEST_VALUE} letters") from None
            for _ in self.members() if first == "{" else self.elements():
                self.skip(depth + 1)
            return None
        fault = self.strict.fault()
        if fault:
            raise self.error(fault)
        return value

    def end(self) -> None:
        """Make sure that nothing follows."""
        if self.peek():
            raise self.error(
                "something follows the document",
                hint="is every line a record? then set source.format: ndjson",
            )

    def error(self, message: str, *, hint: str | None = None) -> ReadError:
        """A ReadError that says where."""
        return ReadError(
            f"{self.path.name} is not JSON: line {self.line}: {message}",
            hint=hint or "check source.format and source.compression; was the file cut off?",
        )

    def _fill(self, size: int) -> None:
        self._line = self.line
        block = read_text(self._file, self.path, size)
        self._ended = not block
        self._buffer = self._buffer[self._at :] + block
        self._at = self._counted = 0


def encoding_of(path: Path, declared: str) -> str:
    """The declared encoding; for UTF-8 the one that the first bytes are in (RFC 4627, 3)."""
    if declared not in UTF8:
        return declared
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    nuls = "".join("0" if byte == 0 else "x" for byte in head)
    return {
        "000x": "utf-32-be",
        "x000": "utf-32-le",
        "0x0x": "utf-16-be",
        "x0x0": "utf-16-le",
    }.get(nuls, "utf-8")


def read_text(file: IO[str], path: Path, size: int) -> str:
    """Read letters; raises ReadError where bytes are none in the declared encoding."""
    return _decoded(lambda: file.read(size), path)


def read_line(file: IO[str], path: Path) -> str:
    """Read a line; raises ReadError where it is too long, or not in the declared encoding."""
    line = _decoded(lambda: file.readline(LONGEST_VALUE), path)
    if len(line) == LONGEST_VALUE:
        raise ReadError(f"{path.name} has a line of more than {LONGEST_VALUE} letters")
    return line


def _decoded(read: Callable[[], str], path: Path) -> str:
    try:
        return read()
    except UnicodeError as error:
        raise ReadError(
            f"{path.name} is not JSON: {error}", hint="set source.dialect.encoding"
        ) from error


def text_of(value: Any) -> str | None:
    """A value as a field's text: lists and objects as compact JSON, null as no value."""
    kind = type(value)
    if kind is str or value is None:
        return value  # type: ignore[no-any-return]
    if kind is Number:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    parts: list[str] = []
    _write(value, parts, 1)
    return "".join(parts)


def _write(value: Any, parts: list[str], depth: int) -> None:
    if depth > DEEPEST:
        raise RecursionError
    if type(value) is dict:
        mark = "{"
        for key, member in value.items():
            parts.append(mark + encode_basestring(key) + ":")
            _write(member, parts, depth + 1)
            mark = ","
        parts.append("}" if value else "{}")
    elif type(value) is list:
        mark = "["
        for element in value:
            parts.append(mark)
            _write(element, parts, depth + 1)
            mark = ","
        parts.append("]" if value else "[]")
    elif type(value) is str:
        parts.append(encode_basestring(value))
    else:
        parts.append("null" if value is None else str(text_of(value)))
