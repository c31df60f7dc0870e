"""XML: the elements at a declared path as rows, their children and attributes as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers.rows import Row, table_of
from moulouya.readers.table import Malformed, RawTable
from moulouya.readers.xml.elements import elements, free, local
from moulouya.readers.xml.fields import fields_of

SAMPLE = 1000  # records whose fields are the columns, unless a later one has more
MOST_COLUMNS = 2000


def read(con: DuckDBPyConnection, files: list[Path], source: Reading, scratch: Path) -> RawTable:
    """Open the elements at ``source.records`` (such as ``list/item``) as rows of text.

    A child is found by its name, an attribute as ``@id``, what is further in as ``place/name`` or
    ``place/@id``, the record's own text as ``.``, an attribute of the element above as ``../@id``.
    A child that comes several times in any record is a JSON list in all of them. Raises ReadError
    when the document is not well-formed, has a document type, or has nothing at the path.
    """
    if not source.records:
        raise ReadError(
            f"{files[0].name}: source.records does not say where the records are",
            hint="set it to the path from the root to them, such as list/item",
        )
    table = _Table(files, _steps(source.records), source.records)
    for most in (SAMPLE, None):
        columns = table.columns(most)
        try:
            malformed: list[Malformed] = []
            rows = table.rows(columns)
            return table_of(con, scratch, files[0].name, columns, rows, malformed)
        except _NewFieldError:  # one that the first records do not have: look at them all
            continue
    raise AssertionError("a look at all records finds every field")


class _NewFieldError(Exception):
    """A record has a field that no column is for, or has one several times for the first time."""


def _steps(path: str) -> list[str]:
    steps = re.findall(r"(\{[^}]*\}[^/{}]+|[^/{}]+)", path.strip("/"))
    if not steps or "/".join(steps) != path.strip("/"):
        raise ReadError(
            f"source.records: {path!r} is no path of element names",
            hint="such as list/item, or {http://example.org/ns}list/item",
        )
    return steps


class _Table:
    """The records of all files on their way to rows."""

    def __init__(self, files: list[Path], steps: list[str], path: str) -> None:
        self.files = files
        self.steps = steps
        self.path = path
        self.several: set[str] = set()  # fields that some record has more than once

    def columns(self, most: int | None) -> list[str]:
        """The fields of the first records, or of all, in the order in which they appear."""
        found: dict[str, None] = {}
        every = (record for path in self.files for record in self._records(path))
        for element in islice(every, most):
            found.update(dict.fromkeys(fields_of(element, self.several)))
            if len(found) > MOST_COLUMNS:
                raise ReadError(
                    f"{self.files[0].name} has records of more than {MOST_COLUMNS} fields",
                    hint="is source.records the path to the single record?",
                )
        if not found:
            raise ReadError(
                f"{self.files[0].name} has no records at {self.path!r}",
                hint=f"the document begins with: {_outline(self.files[0])}",
            )
        # What lies within a field that turned out to come several times is in its list.
        return [
            name for name in found
            if not any(name.startswith(f"{one}/") for one in self.several)
        ]  # fmt: skip

    def rows(self, columns: list[str]) -> Iterator[Row]:
        """Every record as a row; raises _NewFieldError where one has a field without a column."""
        known = dict.fromkeys(columns).keys()
        for path in self.files:
            for element in self._records(path):
                before = len(self.several)
                fields = fields_of(element, self.several)
                if len(self.several) > before or not fields.keys() <= known:
                    raise _NewFieldError
                yield path, element.sourceline or 0, [fields.get(name) for name in columns]

    def _records(self, path: Path) -> Iterator[Any]:
        last = self.steps[-1] if self.steps[-1].startswith("{") else "{*}" + self.steps[-1]
        with path.open("rb") as file:
            for element in elements(file, path.name, [last]):
                if self._is_at_path(element):
                    yield element
                    free(element)

    def _is_at_path(self, element: Any) -> bool:
        at = element
        for step in reversed(self.steps):
            if at is None or step not in (at.tag, local(at.tag)):
                return False
            at = at.getparent()
        return at is None


def _outline(path: Path) -> str:
    """The paths of the first elements, to see what could be the records."""
    found: dict[str, None] = {}
    with path.open("rb") as file:
        for element in islice(elements(file, path.name, ["{*}*"]), 50):
            names = [local(element.tag), *(local(one.tag) for one in element.iterancestors())]
            found.setdefault("/".join(reversed(names)))
    return ", ".join(list(found)[:12])
