"""Where the table is in a JSON, XML or HTML document, for drafts only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers.html import captions
from moulouya.readers.json.text import Text, TooLong, encoding_of
from moulouya.readers.xml.elements import elements, local

LOOKED_AT = 50_000  # XML elements
DEEPEST = 6
Candidate = tuple[int, str, bool]  # records, the path to them, whether they are columns


def json_path(path: Path, declared: str | None, warnings: list[str]) -> dict[str, Any]:
    """The options for a JSON document: the path to its longest list of records."""
    if declared is not None:
        return {"format": "json", "records": declared}
    with path.open(encoding=encoding_of(path, "utf-8"), newline="") as file:
        text = Text(path, file)
        keys: set[str] = set()
        try:
            found = list(_candidates_in(text, keys))
        except TooLong as error:
            raise ReadError(f"{path.name} has a value that is too long for a sample") from error
    if keys >= {"header", "structure", "dataSets"}:
        return {"format": "sdmx"}
    if not found:
        raise ReadError(f"{path.name} has no list of records")
    _, records, columnar = max(found, key=lambda one: one[0])
    others = [one[1] for one in found if one[1] != records]
    if others:
        told = ", ".join(others[:8])
        warnings.append(f"records were read at {records!r}; there are lists at {told} as well")
    source: dict[str, Any] = {"format": "json"}
    if records:
        source["records"] = records
    if columnar:
        source["columnar"] = True
    return source


def _candidates_in(text: Text, keys: set[str]) -> Iterator[Candidate]:
    """The lists of records in a document; a list that is too long to hold is one for sure."""
    first = text.peek()
    if first == "[":
        heads = []
        for number in text.elements():
            heads.append(text.value())
            text.strict.fault()
            if number >= 1000:
                yield number, "", False
                return
        text.end()
        yield from _candidates(heads, "", 0)
        return
    if first != "{":
        raise text.error("the document is neither a list nor an object")
    scalars = 0
    shapes: list[frozenset[str]] = []
    for key in text.members():
        keys.add(key)
        text.peek()
        try:
            value = text.value()
        except TooLong:
            if text.peek() != "[":
                raise
            yield 1_000_000, _joined("", key), False
            return
        text.strict.fault()
        scalars += not isinstance(value, dict | list)
        if isinstance(value, dict):
            shapes.append(frozenset(value))
        yield from _candidates(value, _joined("", key), 1)
    text.end()
    if scalars:
        yield 1, "{}", False
    elif len(shapes) == len(keys) > 2 and frozenset.intersection(*shapes):
        yield len(shapes), "*", False


def _candidates(value: Any, path: str, depth: int) -> Iterator[Candidate]:
    if depth > DEEPEST:
        return
    if isinstance(value, list):
        yield from _in_list(value, path, depth)
    elif isinstance(value, dict):
        columns = list(value.values())
        if len(columns) > 1 and all(isinstance(one, list) and one for one in columns):
            lengths = {len(one) for one in columns}
            if len(lengths) == 1 and not isinstance(columns[0][0], dict | list):
                yield lengths.pop(), path, True
                return
        for key, member in value.items():
            yield from _candidates(member, _joined(path, key), depth + 1)
        objects = [one for one in columns if isinstance(one, dict)]
        if len(objects) > 2 and len(objects) == len(columns):
            shared = set.intersection(*(set(one) for one in objects[:50]))
            if shared:
                yield len(objects), f"{path}.*" if path else "*", False


def _in_list(value: list[Any], path: str, depth: int) -> Iterator[Candidate]:
    if value and isinstance(value[0], dict):
        others = [one for one in value if isinstance(one, list)]
        if not others:
            yield len(value), path, False
            return
    if value and isinstance(value[0], list) and not isinstance((value[0] or [None])[0], dict):
        widths = {len(one) for one in value if isinstance(one, list)}
        if len(widths) == 1 and len(value) > 1:
            yield len(value), path, False
            return
    for number, element in enumerate(value[:20]):
        if isinstance(element, list):
            yield from _candidates(element, f"{path}[{number}]", depth + 1)


def _joined(path: str, key: str) -> str:
    step = key if re.fullmatch(r"[^.\[\]{}\"*]+", key) else f'"{key}"'
    return f"{path}.{step}" if path else step


def xml_path(path: Path, declared: str | None, warnings: list[str]) -> dict[str, Any]:
    """The options for an XML document: the path of the elements that repeat most."""
    if declared is not None:
        return {"format": "xml", "records": declared}
    times: Counter[str] = Counter()
    rich: set[str] = set()
    with path.open("rb") as file:
        for element in islice(elements(file, path.name, ["{*}*"]), LOOKED_AT):
            names = [local(element.tag), *(local(one.tag) for one in element.iterancestors())]
            place = "/".join(reversed(names))
            times[place] += 1
            if len(element) or element.attrib:
                rich.add(place)
    below_root = {place: number for place, number in times.items() if "/" in place}
    several = {place: number for place, number in below_root.items() if number > 1}
    chosen = {place: n for place, n in several.items() if place in rich} or several or below_root
    if not chosen:
        raise ReadError(f"{path.name} has no elements below its root, and so no records")
    # The outermost of those that repeat: what repeats within it are its fields.
    best = max(chosen, key=lambda place: (-place.count("/"), chosen[place]))
    most = max(chosen, key=lambda place: chosen[place])
    if chosen[most] > 20 * chosen[best]:
        best = most
    warnings.append(f"the elements {best} were taken for the records")
    return {"format": "xml", "records": best}


def html_table(path: Path, declared: str | int | None, warnings: list[str]) -> dict[str, Any]:
    """The options for an HTML page: its table with the most rows."""
    if declared is not None:
        return {"format": "html", "table": declared}
    found = captions(path, Reading(format="html"))
    if not found:
        raise ReadError(f"{path.name} has no table")
    if len(found) == 1:
        return {"format": "html"}
    rows = [int(told[1]) for one in found if (told := re.search(r"\((\d+) rows:", one))]
    largest = max(range(len(rows)), key=lambda place: rows[place]) + 1
    warnings.append(f"of {len(found)} tables the largest one, {largest}, was read")
    return {"format": "html", "table": largest}
