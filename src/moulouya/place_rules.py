"""What region.yml says of the register of places, held against the datasets it names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from moulouya.definition import Definition
from moulouya.errors import Fault, did_you_mean
from moulouya.region import Region
from moulouya.yamlfile import YamlFile

Read = Callable[[str], Definition | None]


def check(
    file: YamlFile, region: Region, known: Mapping[str, Path], definition: Read
) -> Iterator[Fault]:
    """Every fault of the ``places`` block: datasets, columns, levels and units that are not there.

    ``known``: the slugs of the workspace; ``definition`` reads one, None when its file is broken.
    """
    places = region.places
    if places is None:
        return
    if places.dataset not in known:
        yield _unknown_dataset(file, ("places", "dataset"), places.dataset, known)
    else:
        register = definition(places.dataset)
        names = places.name.model_dump()
        named: dict[tuple[str, ...], str] = {
            ("code",): places.code,
            ("level",): places.level,
            ("parent",): places.parent,
            **{("name", language): column for language, column in names.items()},
        }
        if register is not None:
            yield from _columns(file, places.dataset, register, named)
            yield from _levels(file, register, places.level, places.levels)
    for level, spec in places.levels.items():
        if spec.within is not None and list(places.levels).index(level) <= _position(
            spec.within, places.levels
        ):
            message = f"{spec.within!r} is no level wider than {level!r}"
            yield file.fault(("places", "levels", level, "within"), message)
    for level, slug in places.boundaries.items():
        where = ("places", "boundaries", level)
        if level not in places.levels:
            hint = did_you_mean(level, places.levels).removeprefix("; ") or None
            yield file.fault(where, f"{level!r} is none of the levels", hint)
        if slug not in known:
            yield _unknown_dataset(file, where, slug, known)
    for key, columns in (("same_as", places.same_as), ("headline", places.headline)):
        for number, name in enumerate(columns):
            yield from _dotted(file, ("places", key, number), name, known, definition)
    for number, unit in enumerate(places.counts):
        if unit not in region.units:
            hint = did_you_mean(unit, region.units).removeprefix("; ") or None
            yield file.fault(("places", "counts", number), f"{unit!r} is not in units", hint)


def _columns(
    file: YamlFile, slug: str, register: Definition, named: Mapping[tuple[str, ...], str]
) -> Iterator[Fault]:
    for key, column in named.items():
        if column not in register.columns:
            yield _unknown_column(file, ("places", *key), slug, column, register.columns)


def _levels(
    file: YamlFile, register: Definition, column: str, levels: Iterable[str]
) -> Iterator[Fault]:
    """Levels that the register may hold and that have no name here."""
    found = register.columns.get(column)
    for value in (found.values if found is not None else None) or ():
        if value not in levels:
            message = f"level {value!r} of the register is not described"
            yield file.fault(("places", "levels"), message)


def _dotted(
    file: YamlFile,
    where: tuple[str | int, ...],
    name: str,
    known: Mapping[str, Path],
    definition: Read,
) -> Iterator[Fault]:
    slug, _, column = name.partition(".")
    if slug not in known:
        yield _unknown_dataset(file, where, slug, known)
        return
    found = definition(slug)
    if found is not None and column not in found.columns:
        yield _unknown_column(file, where, slug, column, found.columns)


def _position(level: str, levels: Iterable[str]) -> int:
    order = list(levels)
    return order.index(level) if level in order else len(order)


def _unknown_dataset(
    file: YamlFile, where: tuple[str | int, ...], slug: str, known: Iterable[str]
) -> Fault:
    hint = did_you_mean(slug, known).removeprefix("; ") or None
    return file.fault(where, f"there is no dataset {slug!r}", hint)


def _unknown_column(
    file: YamlFile, where: tuple[str | int, ...], slug: str, column: str, known: Iterable[str]
) -> Fault:
    hint = did_you_mean(column, known).removeprefix("; ") or None
    return file.fault(where, f"{slug} has no column {column!r}", hint)
