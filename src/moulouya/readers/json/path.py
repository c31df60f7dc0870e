"""The path to the records of a JSON document, and what is found along it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from moulouya.errors import ReadError
from moulouya.readers.json.text import DEEPEST, Number, text_of

_STEP = re.compile(
    r'\.?("(?P<quoted>[^"]+)"|\[(?P<place>\d*)\]|(?P<one>\{\}$)|(?P<key>[^.\[\]{}]+))'
)
PARENT = "^"


@dataclass(frozen=True)
class Step:
    """One step of a path: into a member, an element, every member, or every element."""

    kind: Literal["key", "place", "members", "elements"]
    name: str = ""
    place: int = 0


@dataclass(frozen=True)
class RecordPath:
    """Where the records are; ``one`` says that an object there is itself the only record."""

    text: str
    steps: tuple[Step, ...]
    one: bool


def path_of(text: str | None) -> RecordPath:
    """Take a path apart: ``a.b``, ``[0]``, ``[]``, ``*``, ``{}`` at its end, ``"a.b"`` quoted.

    Raises ReadError when it cannot be understood.
    """
    text = text or ""
    steps: list[Step] = []
    one = False
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None or (found[0][0] == "." and at == 0) or text[-1] == ".":
            raise ReadError(
                f"source.records: {text!r} is no path",
                hint="such as data, result.records, [1], stations[].readings, series.*, or {} "
                "where the document is one record",
            )
        at = found.end()
        if found["one"]:
            one = True
        elif found["place"] is not None:
            steps.append(
                Step("place", place=int(found["place"])) if found["place"] else Step("elements")
            )
        elif found["key"] == "*":
            steps.append(Step("members"))
        else:
            steps.append(Step("key", name=found["quoted"] or found["key"]))
    if steps and steps[-1].kind == "elements" and not one:
        steps.pop()  # the last list is gone through anyway
    return RecordPath(text, tuple(steps), one)


Field = str | tuple[str, ...]  # a record's own field, or the path of keys to one further in
Parent = dict[tuple[str, ...], str | None]


def resolve(
    value: Any, steps: tuple[Step, ...], parents: tuple[Parent, ...]
) -> Iterator[tuple[Any, tuple[Parent, ...]]]:
    """What the rest of a path leads to within a value, with the scalars of the objects above it.

    Raises KeyError with what is missing.
    """
    if not steps:
        yield value, parents
        return
    step, rest = steps[0], steps[1:]
    if step.kind in ("key", "members"):
        if type(value) is not dict:
            raise KeyError(f"no object at {step.name or '*'!r}")
        if step.kind == "key":
            if step.name not in value:
                raise KeyError(f"no {step.name!r}")
            above = scalars({key: v for key, v in value.items() if key != step.name})
            yield from resolve(value[step.name], rest, (*parents, above))
        else:
            for key, member in value.items():
                yield from resolve(member, rest, (*parents, {("key",): key}))
        return
    if type(value) is not list:
        raise KeyError("no list")
    if step.kind == "place":
        if step.place >= len(value):
            raise KeyError(f"no element [{step.place}]")
        yield from resolve(value[step.place], rest, parents)
    else:
        for element in value:
            yield from resolve(element, rest, parents)


def scalars(value: Any, prefix: tuple[str, ...] = ()) -> Parent:
    """The members of an object that are no lists or objects, also those of objects within it."""
    found: Parent = {}
    if type(value) is not dict or len(prefix) >= DEEPEST:
        return found
    for key, member in value.items():
        if type(member) is dict:
            found.update(scalars(member, (*prefix, key)))
        elif type(member) is not list:
            found[(*prefix, key)] = text_of(member)
    return found


def fields_of(record: dict[str, Any]) -> dict[Field, str | None]:
    """A record's fields as texts, those of objects within it as well: ``("address", "city")``."""
    found: dict[Field, str | None] = {}
    nested: list[tuple[tuple[str, ...], dict[str, Any]]] = []
    for key, value in record.items():
        kind = type(value)
        if kind is str or value is None:
            found[key] = value
        elif kind is Number:
            found[key] = str(value)
        else:
            found[key] = text_of(value)
            if kind is dict:
                nested.append(((key,), value))
    while nested:
        prefix, inner = nested.pop(0)
        for key, value in inner.items():
            path = (*prefix, key)
            found[path] = text_of(value)
            if type(value) is dict:
                nested.append((path, value))
    return found


def raised(parents: tuple[Parent, ...], above: int = 0) -> dict[Field, str | None]:
    """The fields of the objects above a record: ^.name of the next one, ^.^.name of its own.

    ``above`` is how many further objects there are between these and the record.
    """
    found: dict[Field, str | None] = {}
    for level, parent in enumerate(reversed(parents), above + 1):
        for path, value in parent.items():
            found[(PARENT,) * level + path] = value
    return found
