"""SDMX-JSON data messages: indexes into lists of components, turned back into values.

The forms are those of the drafts (``structure`` and ``dataSets`` at the top), of 1.0 (both under
``data``) and of 2.x (``data.structures``, several measures, values that are no indexes).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from moulouya.errors import ReadError
from moulouya.readers.rows import Row
from moulouya.readers.sdmx.components import Component, Structure, Token, structures, written
from moulouya.readers.table import Malformed

# Columns that a group shares → their texts → the columns that it sets, with their texts.
_Groups = dict[tuple[int, ...], dict[tuple[str | None, ...], list[tuple[int, str | None]]]]


def opened(
    files: list[Path],
) -> tuple[list[str], Callable[[list[Malformed]], Iterator[Row]]]:
    """The columns of all files, and what gives their rows.

    A document is in memory while it is read, as its indexes may point ahead. Raises ReadError
    for what is no SDMX-JSON data message.
    """
    only = _document(files[0]) if len(files) == 1 else None
    columns: dict[str, None] = {}
    for path in files:
        for structure in structures(path, only or _document(path)):
            columns |= dict.fromkeys(structure.columns())
    names = list(columns)

    def rows(malformed: list[Malformed]) -> Iterator[Row]:
        for path in files:
            yield from _rows(path, only or _document(path), names, malformed)

    return names, rows


def _document(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(
            path.read_bytes().decode("utf-8-sig"),
            parse_float=Token,
            parse_constant=_no_constant,
            object_pairs_hook=_distinct,
        )
    except (ValueError, RecursionError) as error:
        raise ReadError(f"{path.name} is not JSON: {error}") from error
    except MemoryError as error:
        raise ReadError(
            f"{path.name} is too large to be read as SDMX-JSON",
            hint="ask for structure-specific XML or CSV (source.accept): they are read as a stream",
        ) from error
    if not isinstance(found, dict):
        raise ReadError(f"{path.name} is no SDMX-JSON message but a list")
    if found.get("errors"):
        raise ReadError(f"{path.name} is not all of the data: {written(found['errors'])}")
    inner = found.get("data", found)
    if not isinstance(inner, dict) or not isinstance(inner.get("dataSets"), list):
        raise ReadError(
            f"{path.name} is no SDMX-JSON data message: it has no dataSets",
            hint="set source.accept to application/vnd.sdmx.data+json",
        )
    return inner


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names differ; one that comes twice would hide what came first."""
    found = dict(pairs)
    if len(found) != len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{twice!r} comes twice in an object")
    return found


def _rows(
    path: Path, document: dict[str, Any], columns: list[str], malformed: list[Malformed]
) -> Iterator[Row]:
    described = structures(path, document)
    number = 0
    for given in document["dataSets"]:
        if not isinstance(given, dict):
            raise ReadError(f"{path.name} has {written(given)[:80]} where a data set belongs")
        if given.get("action") == "Delete":
            raise ReadError(
                f"{path.name} says which observations to delete",
                hint="ask for all of the data, without updatedAfter",
            )
        try:
            dataset = _DataSet(given, described[given.get("structure") or 0], columns)
            for base, observations in dataset.series():
                for key, values in observations.items():
                    number += 1
                    try:
                        row = dataset.row(base, key, values)
                    except (IndexError, TypeError, ValueError) as error:
                        text = f"{key}: {written(values)}"
                        malformed.append(Malformed(path, number, str(error), text))
                    else:
                        yield path, number, row
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise ReadError(
                f"{path.name}: a data set does not fit its structure: {error}"
            ) from error


class _DataSet:
    """The observations of one data set, each as a row of the columns."""

    def __init__(self, given: dict[str, Any], structure: Structure, columns: list[str]) -> None:
        self.given, self.structure = given, structure
        self.position = {name: at for at, name in enumerate(columns)}
        self.own = [*structure.measures, *structure.attributes.get("observation", ())]
        self.axes = structure.dimensions.get("observation", [])
        self.base: list[str | None] = [None] * len(columns)
        for dimension in structure.dimensions.get("dataSet", ()):
            self._put(self.base, dimension, 0)
        self._put_all(
            self.base, structure.attributes.get("dataSet", []), given.get("attributes") or []
        )
        self.groups = self._groups()

    def series(self) -> Iterator[tuple[list[str | None], dict[str, list[Any]]]]:
        """What the observations of a series have in common, and the observations."""
        dimensions = self.structure.dimensions.get("series", [])
        attributes = self.structure.attributes.get("series", [])
        for key, given in (self.given.get("series") or {}).items():
            base = self.base.copy()
            self._put_key(base, dimensions, key)
            self._put_all(base, attributes, given.get("attributes") or [])
            yield base, given.get("observations") or {}
        yield self.base, self.given.get("observations") or {}

    def row(self, base: list[str | None], key: str, values: list[Any]) -> list[str | None]:
        """One observation; what follows its attributes are indexes of annotations."""
        row = base.copy()
        self._put_key(row, self.axes, key)
        self._put_all(row, self.own, values)
        for places, found in self.groups.items():
            shared = found.get(tuple(row[place] for place in places))
            for at, text in shared or ():
                row[at] = text
        return row

    def _put(self, row: list[str | None], component: Component, value: Any) -> None:
        try:
            row[self.position[component.id]] = component.text(value)
        except IndexError as error:
            raise IndexError(f"{component.id} has no value number {value}") from error

    def _put_key(self, row: list[str | None], dimensions: list[Component], key: str) -> None:
        indexes = [int(part) for part in key.split(":")] if key else []
        if len(indexes) != len(dimensions):
            raise ValueError(f"the key {key!r} has not {len(dimensions)} parts")
        for dimension, index in zip(dimensions, indexes, strict=True):
            self._put(row, dimension, index)

    def _put_all(
        self, row: list[str | None], components: Iterable[Component], values: list[Any]
    ) -> None:
        """Set values in their order; those left off at the end have their default."""
        for at, component in enumerate(components):
            self._put(row, component, values[at] if at < len(values) else None)

    def _groups(self) -> _Groups:
        """Attributes of all observations that share some dimensions (dimensionGroupAttributes).

        The field guide does not say clearly in which order their keys list the dimensions: the
        order counts in which every key fits the attributes' relationships.
        """
        fitting: list[_Groups] = []
        wrong: Exception | None = None
        for order in self.structure.orders():
            try:
                fitting.append(self._groups_in(order))
            except (IndexError, ValueError) as error:
                wrong = error
        if not fitting and wrong is not None:
            raise wrong
        if any(groups != fitting[0] for groups in fitting):
            raise ValueError("the order of the dimensions in its dimensionGroupAttributes is open")
        return fitting[0]

    def _groups_in(self, dimensions: list[Component]) -> _Groups:
        attributes = self.structure.attributes.get("dimensionGroup", [])
        groups: _Groups = {}
        for key, values in (self.given.get("dimensionGroupAttributes") or {}).items():
            parts = key.split(":")
            if len(parts) != len(dimensions):
                raise ValueError(f"the group {key!r} has not {len(dimensions)} parts")
            shared = {
                one.id: one.text(int(part))
                for one, part in zip(dimensions, parts, strict=True)
                if part
            }
            row: list[str | None] = [None] * len(self.base)
            self._put_all(row, attributes, values)
            said = [(one, row[self.position[one.id]]) for one in attributes]
            if any(text is not None and not one.hangs_on <= shared.keys() for one, text in said):
                raise ValueError(f"the group {key!r} has not the dimensions of its attributes")
            places = sorted((self.position[name], text) for name, text in shared.items())
            found = groups.setdefault(tuple(place for place, _ in places), {})
            found.setdefault(tuple(text for _, text in places), []).extend(
                (self.position[one.id], text) for one, text in said if text is not None
            )
        return groups
