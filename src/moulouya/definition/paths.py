"""Paths into a JSON answer, as definitions write them: ``data.items``, ``[1]``, ``a[].b``.

Keys are joined by dots, ``[n]`` is an element of a list (negative: from its end), ``[]`` each of
its elements, ``*`` each member of an object, ``{}`` at the end says that the object there is the
only record, and the empty path is the whole answer. A key with dots is quoted, or found under its
own name before it is taken apart, as ``@odata.nextLink``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

_KEYS = r"[^.\[\]{}\"*]+"
_STEP = re.compile(
    rf'(?P<dot>\.?)(?:"(?P<quoted>[^"]+)"|\[(?P<place>(?:-?\d+)?)\]|(?P<all>\*)|(?P<one>\{{\}}$)'
    rf"|(?P<keys>{_KEYS}(?:\.{_KEYS})*))"
)


@dataclass(frozen=True)
class Step:
    """One step of a path; of keys, several are joined by dots."""

    kind: Literal["keys", "key", "place", "elements", "members"]
    name: str = ""
    place: int = 0


def parsed(path: str) -> tuple[Step, ...]:
    """The steps of a path; raises ValueError for text that is no path."""
    steps: list[Step] = []
    at = 0
    while at < len(path):
        step = _STEP.match(path, at)
        # A dot stands between two steps, and before a bracket there is none.
        dotted = step is not None and bool(step["dot"])
        bracket = step is not None and step["place"] is not None
        if step is None or (dotted if at == 0 or bracket else not dotted and not step["one"]):
            raise ValueError(f"{path!r} is not a path such as data.items, [1] or features[].id")
        at = step.end()
        if step["quoted"]:
            steps.append(Step("key", name=step["quoted"]))
        elif step["keys"]:
            steps.append(Step("keys", name=step["keys"]))
        elif step["all"]:
            steps.append(Step("members"))
        elif bracket:
            number = step["place"]
            steps.append(Step("place", place=int(number)) if number else Step("elements"))
    return tuple(steps)


def found(document: Any, path: str | None) -> list[Any]:
    """Every value that the path leads to: none where it leads nowhere, several by [] and *.

    Raises ValueError for text that is no path.
    """
    return list(_walk(document, parsed(path or "")))


def value(document: Any, path: str) -> Any:
    """The one value at the path, None where there is none; raises ValueError for no path."""
    values = found(document, path)
    return values[0] if values else None


def records(document: Any, path: str | None) -> list[Any] | None:
    """The records at the path: the elements of the lists there; an object there is one record.

    None where the path leads nowhere, which an empty list is not. Raises ValueError for text
    that is no path.
    """
    steps = parsed(path or "")
    if steps and steps[-1].kind == "elements":
        steps = steps[:-1]  # the last list is gone through anyway
    values = [value for value in _walk(document, steps) if value is not None]
    if not values:
        return [] if _spreads(document, steps) else None
    return [row for each in values for row in (each if isinstance(each, list) else [each])]


def _spreads(document: Any, steps: tuple[Step, ...]) -> bool:
    """Whether the way to the first [] or * ends in a list or object, be it empty."""
    for number, step in enumerate(steps):
        if step.kind in ("elements", "members"):
            kind = list if step.kind == "elements" else dict
            return any(isinstance(each, kind) for each in _walk(document, steps[:number]))
    return False


def _walk(value: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    if step.kind == "elements" and isinstance(value, list):
        for element in value:
            yield from _walk(element, rest)
    elif step.kind == "members" and isinstance(value, dict):
        for member in value.values():
            yield from _walk(member, rest)
    elif step.kind == "place" and isinstance(value, list):
        if -len(value) <= step.place < len(value):
            yield from _walk(value[step.place], rest)
    elif step.kind == "key" and isinstance(value, dict):
        if step.name in value:
            yield from _walk(value[step.name], rest)
    elif step.kind == "keys" and isinstance(value, dict):
        yield from _named(value, step.name, rest)


def _named(value: dict[str, Any], name: str, rest: tuple[Step, ...]) -> Iterator[Any]:
    """Follow keys joined by dots, the longest part that is a key first."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        key = ".".join(parts[:length])
        if key in value:
            after = ".".join(parts[length:])
            yield from _walk(value[key], (Step("keys", name=after), *rest) if after else rest)
            return
