"""The components of SDMX-JSON data: what the indexes in its data sets stand for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moulouya.errors import ReadError

MEASURE = {"id": "OBS_VALUE"}
LEVELS = ("dataSet", "series", "observation")
LAST = 1_000_000  # place in the key of a dimension that says none


class Token(str):
    """A number as the document writes it: 40.3000 stays 40.3000."""

    __slots__ = ()


@dataclass(frozen=True)
class Component:
    """A dimension, measure or attribute, and the texts its indexes stand for, if they do."""

    id: str
    texts: list[str | None] | None
    default: str | None
    position: int
    hangs_on: frozenset[str] = frozenset()

    def text(self, value: Any) -> str | None:
        """The text of a value in the data; raises IndexError or TypeError for a bad index."""
        if value is None:
            return self.default
        if self.texts is None:
            return text_of(value)
        if isinstance(value, list):
            return written([self.text(one) for one in value])
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise TypeError(f"{value!r} is no index")
        return self.texts[value]


@dataclass(frozen=True)
class Structure:
    """The components of a data set, by the level that they are given at."""

    dimensions: dict[str, list[Component]]
    measures: list[Component]
    attributes: dict[str, list[Component]]

    def columns(self) -> list[str]:
        """The ids of all components, dimensions first."""
        found = [one for level in LEVELS for one in self.dimensions.get(level, ())]
        found += self.measures
        for level in ("observation", "series", "dimensionGroup", "dataSet"):
            found += self.attributes.get(level, ())
        return list(dict.fromkeys(one.id for one in found))

    def orders(self) -> list[list[Component]]:
        """All dimensions as they are listed, and in the order of the series key."""
        listed = [one for level in LEVELS for one in self.dimensions.get(level, ())]
        return [listed, sorted(listed, key=lambda one: one.position)]


def structures(path: Path, document: dict[str, Any]) -> list[Structure]:
    """The structures that a document describes; raises ReadError where it does so otherwise."""
    given = document.get("structures") or [document.get("structure")]
    try:
        return [
            Structure(
                dimensions=_levels(one["dimensions"]),
                measures=_measures(one),
                attributes=_levels(one.get("attributes") or {}),
            )
            for one in given
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ReadError(
            f"{path.name} does not say its structure as SDMX-JSON does: {error!r}",
            hint="set source.accept to application/vnd.sdmx.data+json",
        ) from error


def _measures(structure: dict[str, Any]) -> list[Component]:
    given = structure.get("measures")
    return [
        _component(one) for one in ([MEASURE] if given is None else given.get("observation") or ())
    ]


def _levels(given: dict[str, list[dict[str, Any]]]) -> dict[str, list[Component]]:
    return {level: [_component(one) for one in listed or ()] for level, listed in given.items()}


def _component(given: dict[str, Any]) -> Component:
    if type(given["id"]) is not str:
        raise TypeError(f"the id of a component is {given['id']!r}")
    values = given.get("values")
    position = given.get("keyPosition")
    return Component(
        id=given["id"],
        texts=None if values is None else [_code(one) for one in values],
        default=text_of(given.get("default")),
        position=LAST if position is None else int(position),
        hangs_on=frozenset((given.get("relationship") or {}).get("dimensions") or ()),
    )


def _code(value: dict[str, Any] | None) -> str | None:
    """The text of a listed value: its code, else its value, else its name."""
    if value is None:
        return None
    for field in ("id", "value", "values", "name"):
        if value.get(field) is not None:
            return text_of(value[field])
    return None


def text_of(value: Any) -> str | None:
    """A value as text: a string as it is, anything else as JSON writes it."""
    if value is None or type(value) is str:
        return value
    return written(value)


def written(value: Any) -> str:
    """A value as JSON, its numbers as they were written."""
    if isinstance(value, Token):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    if isinstance(value, dict):
        pairs = (f"{json.dumps(k, ensure_ascii=False)}:{written(v)}" for k, v in value.items())
        return "{" + ",".join(pairs) + "}"
    return json.dumps(value, ensure_ascii=False)
