"""SDMX-ML data messages, read as a stream of events: the document is never a tree in memory.

Version 2.1, and 3.0 as far as it is the same. Written for what the standard's own Python library
leaves open: it keeps every observation in memory, and lets the parser expand entities.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.sax import SAXParseException

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from moulouya.errors import ReadError
from moulouya.readers.rows import Row
from moulouya.readers.sdmx.elements import MEASURE, DataSet, Group, Message, Observation, Texts
from moulouya.readers.table import Malformed

BLOCK = 256 * 1024


def opened(
    files: list[Path],
) -> tuple[list[str], Callable[[list[Malformed]], Iterator[Row]]]:
    """The columns of all files, and what gives their rows; each file is read through twice.

    Raises ReadError for what is no such message, has a DTD, or is not whole.
    """
    columns: dict[str, None] = {}
    everywhere: dict[tuple[Path, int], set[str]] = {}
    for path in files:
        series: Texts | None = None
        for one in _observations(path):
            if one.series is not series:
                series = one.series
                columns |= dict.fromkeys([*one.dataset.values, *series])
            if not one.own.keys() <= columns.keys():
                columns |= dict.fromkeys(one.own)
            if one.dataset.groups:
                names = everywhere.get((path, one.dataset.number))
                if names is None:
                    everywhere[path, one.dataset.number] = {*series, *one.own}
                    for group in one.dataset.groups:
                        columns |= dict.fromkeys(group.attributes)
                else:
                    names &= {*series, *one.own}
    names_of_all = list(columns | {MEASURE: None})

    def rows(malformed: list[Malformed]) -> Iterator[Row]:
        for path in files:
            yield from _rows(path, names_of_all, everywhere, malformed)

    return names_of_all, rows


def _rows(
    path: Path,
    columns: list[str],
    everywhere: dict[tuple[Path, int], set[str]],
    malformed: list[Malformed],
) -> Iterator[Row]:
    position = {name: at for at, name in enumerate(columns)}
    dataset: DataSet | None = None
    series: Texts | None = None
    base: list[str | None] = []
    groups: _Groups | None = None
    axis: int | None = None
    for one in _observations(path):
        if one.dataset is not dataset:
            dataset, series = one.dataset, None
            groups = None
            if dataset.groups:
                groups = _Groups(dataset.groups, everywhere[path, dataset.number])
            axis = position.get(dataset.axis or MEASURE)
        if one.series is not series:
            series = one.series
            base = [None] * len(columns)
            clash = _put(base, position, dataset.values) or _put(base, position, series)
        row = base.copy()
        wrong = clash or _put(row, position, one.own)
        if groups is not None and wrong is None:
            for attributes in groups.of({**series, **one.own}):
                wrong = wrong or _put(row, position, attributes)
        if wrong is None and dataset.axis and (axis is None or row[axis] is None):
            wrong = f"it has no {dataset.axis}"
        if wrong is None:
            yield path, one.line, row
        else:
            said = json.dumps({**series, **one.own}, ensure_ascii=False)
            malformed.append(Malformed(path, one.line, wrong, said))


def _put(row: list[str | None], position: dict[str, int], values: Texts) -> str | None:
    """Set values in a row; what is wrong when one is there already and is another."""
    for name, value in values.items():
        at = position[name]
        if row[at] is not None and row[at] != value:
            return f"it has two values of {name}: {row[at]} and {value}"
        row[at] = value
    return None


class _Groups:
    """Finds the group attributes of an observation by the values that the groups share."""

    def __init__(self, groups: list[Group], everywhere: set[str]) -> None:
        self.found: dict[tuple[str, ...], dict[tuple[str, ...], list[Texts]]] = {}
        for group in groups:
            key, attributes = group.key, group.attributes
            if key is None:  # structure-specific: dimensions are what every observation has too
                key = {name: text for name, text in attributes.items() if name in everywhere}
                attributes = {name: text for name, text in attributes.items() if name not in key}
            names = tuple(sorted(key))
            values = tuple(key[name] for name in names)
            self.found.setdefault(names, {}).setdefault(values, []).append(attributes)

    def of(self, values: Texts) -> Iterator[Texts]:
        for names, by_values in self.found.items():
            yield from by_values.get(tuple(values.get(name, "") for name in names), ())


def _observations(path: Path) -> Iterator[Observation]:
    """The observations of a message in their order; holds no more than one block of them."""
    message = Message(path)
    parser = DefusedExpatParser(forbid_dtd=True)
    parser.setContentHandler(message)
    message.line = parser.getLineNumber
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                parser.feed(block)
                yield from message.taken()
        parser.close()
    except DefusedXmlException as error:
        raise ReadError(
            f"{path.name} has a document type or entity, which no data needs: {error}"
        ) from error
    except LookupError as error:
        raise ReadError(f"{path.name}: {error}") from error
    except SAXParseException as error:
        raise ReadError(
            f"{path.name} is not whole XML: line {error.getLineNumber()}: {error.getMessage()}",
            hint="check source.format, source.compression and source.accept",
        ) from error
    yield from message.taken()
    message.finish()
