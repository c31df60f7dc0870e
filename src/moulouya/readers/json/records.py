"""The records of a JSON document or of its lines, found along the declared path, one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers.json.path import Field, Parent, RecordPath, Step, raised, resolve, scalars
from moulouya.readers.json.text import (
    DEEPEST,
    LONGEST_VALUE,
    Strict,
    Text,
    TooLong,
    encoding_of,
    read_line,
)
from moulouya.readers.rows import SHOWN

BLANKS = " \t\r\n"


@dataclass(frozen=True)
class Record:
    """What stands where records are, the objects above it, and what is wrong with it, if so."""

    line: int
    value: Any
    parents: tuple[Parent, ...] = ()
    fault: str | None = None


class Records:
    """The records of files, as often as they are gone through."""

    def __init__(self, source: Reading, path: RecordPath) -> None:
        self.source = source
        self.path = path
        self._kind: type | None = None  # what the first record is: all others must be the same
        self._outer: dict[Path, list[Parent]] = {}

    def of(self, path: Path) -> Iterator[Record]:
        """The records of one file; raises ReadError when it is no JSON or has none there."""
        encoding = encoding_of(path, self.source.dialect.encoding)
        lines = self.source.format == "ndjson"
        try:
            with path.open(encoding=encoding, newline="\n" if lines else "") as file:
                found = self._lines(path, file) if lines else self._document(Text(path, file))
                for record in found:
                    yield self._checked(record)
        except TooLong as error:
            raise ReadError(
                f"{path.name} has a record of more than {LONGEST_VALUE} letters",
                hint="set source.records to a list further in",
            ) from error
        except RecursionError as error:
            raise ReadError(f"{path.name} is nested deeper than {DEEPEST} levels") from error
        except KeyError as error:
            where = f" at {self.path.text!r}" if self.path.text else ""
            raise ReadError(
                f"{path.name} has no records{where}: {error.args[0]}",
                hint="set source.records to the path to the list of records",
            ) from error

    def around(self, path: Path) -> dict[Field, str | None]:
        """The fields of the objects around the list of records, once a document was gone through.

        They may stand behind the list, and so are no part of its records.
        """
        steps = self.path.steps
        kinds = [step.kind for step in steps]
        streamed = next((n for n, kind in enumerate(kinds) if kind in ("elements", "members")),
                        len(steps))  # fmt: skip
        between = sum(kind in ("key", "members") for kind in kinds[streamed:])
        return raised(tuple(self._outer.get(path, ())), between)

    def _checked(self, record: Record) -> Record:
        """The record, with a fault where it is of another kind than the first one."""
        if record.fault is not None or self.source.columnar:
            return record
        kind = type(record.value)
        if self._kind is None and kind in (dict, list):
            self._kind = kind
        if kind is self._kind:
            return record
        return replace(record, fault=f"no {'list' if self._kind is list else 'object'}")

    def _document(self, text: Text) -> Iterator[Record]:
        self._outer[text.path] = []
        yield from self._walk(text, self.path.steps)
        text.end()

    def _walk(self, text: Text, steps: tuple[Step, ...]) -> Iterator[Record]:
        """Follow the path through the text down to the first list or object that is streamed."""
        if not steps:
            yield from self._final(text)
            return
        step, rest = steps[0], steps[1:]
        wanted = "{" if step.kind in ("key", "members") else "["
        if text.peek() != wanted:
            raise KeyError(f"no {'object' if wanted == '{' else 'list'} in line {text.line}")
        if step.kind == "elements":
            for _ in text.elements():
                yield from self._within(text, rest, ())
        elif step.kind == "members":
            for key in text.members():
                yield from self._within(text, rest, ({("key",): key},))
        else:
            there = False
            for _ in self._siblings(text, step):
                there = True
                yield from self._walk(text, rest)
            if not there:
                told = repr(step.name) if step.kind == "key" else f"element [{step.place}]"
                raise KeyError(f"no {told}")

    def _siblings(self, text: Text, step: Step) -> Iterator[None]:
        """Go through an object or a list, and stop where the path leads on."""
        if step.kind == "place":
            for number in text.elements():
                if number == step.place:
                    yield
                else:
                    text.skip()
            return
        above: Parent = {}
        self._outer[text.path].append(above)
        for key in text.members():
            if key == step.name:
                yield
            else:
                above.update(scalars({key: text.skip()}))

    def _final(self, text: Text) -> Iterator[Record]:
        """The elements of the list that begins here, or the one object that is the record."""
        if text.peek() == "{" and (self.path.one or self.source.columnar):
            yield from self._within(text, (), ())
            return
        if text.peek() != "[":
            if not self.path.steps:
                raise text.error("the document is no list", hint="set source.records")
            raise KeyError(f"no list in line {text.line}")
        for _ in text.elements():
            line = text.line
            value = text.value()
            yield Record(line, value, (), text.strict.fault())

    def _within(
        self, text: Text, steps: tuple[Step, ...], parents: tuple[Parent, ...]
    ) -> Iterator[Record]:
        """Decode the value that comes next, and follow the rest of the path in it."""
        text.peek()
        line = text.line
        element = text.value()
        fault = text.strict.fault()
        if fault:
            yield Record(line, element, parents, fault)
            return
        for value, above in resolve(element, steps, parents):
            if self._is_record(value):
                yield Record(line, value, above)
            elif type(value) is list:
                yield from (Record(line, one, above) for one in value)
            else:
                raise KeyError(f"no list in line {line}")

    def _is_record(self, value: Any) -> bool:
        """Whether what the path leads to is a record and not a list of them."""
        if self.path.one or self.source.columnar:
            return True
        return (
            bool(self.path.steps) and self.path.steps[-1].kind == "members" and type(value) is dict
        )

    def _lines(self, path: Path, file: IO[str]) -> Iterator[Record]:
        strict = Strict()
        number = 0
        while line := read_line(file, path):
            number += 1
            text = line.strip(BLANKS)
            if not text:
                continue
            try:
                value, end = strict.decode(text)
                if end < len(text):
                    raise json.JSONDecodeError("something follows the record", text, end)
            except json.JSONDecodeError as error:
                strict.fault()
                if not line.endswith("\n"):
                    raise ReadError(
                        f"{path.name} was cut off: its last line, {number}, is no JSON",
                        hint="fetch it again",
                    ) from error
                yield Record(number, text, (), f"no JSON: {error.msg}")
            except RecursionError:
                yield Record(number, text[:SHOWN], (), f"nested deeper than {DEEPEST} levels")
            else:
                yield from self._line(number, value, strict.fault())

    def _line(self, number: int, value: Any, fault: str | None) -> Iterator[Record]:
        """The records in one line: the line itself, unless a path leads on."""
        if fault or not self.path.steps:
            yield Record(number, value, (), fault)
            return
        try:
            found = list(resolve(value, self.path.steps, ()))
        except KeyError as error:
            yield Record(number, value, (), f"nothing at {self.path.text!r}: {error.args[0]}")
            return
        for inner, above in found:
            for one in inner if type(inner) is list else [inner]:
                yield Record(number, one, above)
