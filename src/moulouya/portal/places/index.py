"""The register of places of a release: names, levels, and which place lies in which.

``region.yml`` says which dataset is the register. Without it, or while the register is not
published, a release has no places and the portal no pages of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import duckdb
import structlog

from moulouya.duck import identifier
from moulouya.errors import LakeError
from moulouya.portal.kept import Kept
from moulouya.portal.published import Catalogue, PublishedDataset, Record
from moulouya.portal.reading import TooSlow, table_name, tables
from moulouya.region import LANGUAGES
from moulouya.region import Places as Described

log = structlog.get_logger("moulouya.portal")
MOST_KEPT = 8
Key = tuple[str, int, str, str]


@dataclass(frozen=True)
class Place:
    """One place: ``names`` by language, ``parent`` the code of the place directly around it."""

    code: str
    level: str
    names: Mapping[str, str]
    parent: str | None


@dataclass(frozen=True)
class Places:
    """All places of a release, the register's order kept.

    ``home`` is the code of the region itself, where the register has it.
    """

    described: Described
    by_code: Mapping[str, Place]
    home: str | None
    _below: Mapping[str | None, tuple[Place, ...]] = field(repr=False)

    def __iter__(self) -> Iterator[Place]:
        return iter(self.by_code.values())

    def __len__(self) -> int:
        return len(self.by_code)

    def children(self, code: str | None) -> tuple[Place, ...]:
        """The places directly in a place; the widest ones for None."""
        return self._below.get(code, ())

    def ancestors(self, code: str) -> tuple[Place, ...]:
        """The places around a place, the nearest first."""
        found: list[Place] = []
        above = self.by_code[code].parent
        while above is not None and above in self.by_code and len(found) <= len(self.levels):
            found.append(self.by_code[above])
            above = self.by_code[above].parent
        return tuple(found)

    def around(self, code: str, level: str | None) -> Place | None:
        """The place of a level that a place lies in."""
        return next((one for one in self.ancestors(code) if one.level == level), None)

    def inside(self, code: str, level: str) -> tuple[Place, ...]:
        """Every place of a level that lies in a place, however deep."""
        return self._inside.get((code, level), ())

    def peers(self, place: Place) -> tuple[Place | None, tuple[Place, ...]]:
        """The place in which a place is ranked, and those it is ranked with, itself among them."""
        around = self.around(place.code, self.described.within(place.level))
        if around is None:
            return None, (place,)
        return around, self.inside(around.code, place.level)

    def of_level(self, level: str) -> tuple[Place, ...]:
        """Every place of a level."""
        return self._of_level.get(level, ())

    @cached_property
    def levels(self) -> tuple[str, ...]:
        """The levels that have places, the widest first."""
        return tuple(level for level in self.described.levels if level in self._of_level)

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Where each place stands in the register: its column in a table of figures."""
        return {code: number for number, code in enumerate(self.by_code)}

    @cached_property
    def _of_level(self) -> Mapping[str, tuple[Place, ...]]:
        found: dict[str, list[Place]] = {}
        for place in self:
            found.setdefault(place.level, []).append(place)
        return {level: tuple(several) for level, several in found.items()}

    @cached_property
    def _inside(self) -> Mapping[tuple[str, str], tuple[Place, ...]]:
        found: dict[tuple[str, str], list[Place]] = {}
        for place in self:
            for above in self.ancestors(place.code):
                found.setdefault((above.code, place.level), []).append(place)
        return {key: tuple(several) for key, several in found.items()}


_kept: Kept[Places] = Kept(MOST_KEPT)


def places_of(catalogue: Catalogue) -> Places | None:
    """The places of a release, read once for each version of the register; None without one."""
    said = catalogue.region.get("places")
    register = catalogue.datasets.get(said["dataset"]) if said else None
    if not said or register is None:
        return None
    home = catalogue.region["place"]
    key = (register.slug, register.number, register.sha256, repr((said, home)))
    found = _kept.find(key)
    if found is None:
        found = _read(catalogue, register, Described.model_validate(said), home)
        if found is not None:
            _kept.keep(key, found)
    return found


def _read(
    catalogue: Catalogue, register: PublishedDataset, described: Described, home: Record
) -> Places | None:
    names = described.name.model_dump()
    columns = [
        described.code, described.level, described.parent, *(names[code] for code in LANGUAGES),
    ]  # fmt: skip
    selected = ", ".join(map(identifier, columns))
    query = f"SELECT {selected} FROM {table_name(register)} WHERE {identifier(columns[0])} <> ''"
    try:
        with tables(catalogue, [register]) as con:
            rows = con.execute(query).fetchall()
    except (LakeError, TooSlow, duckdb.Error) as error:
        log.warning("no places", dataset=register.slug, reason=str(error))
        return None
    order = {level: number for number, level in enumerate(described.levels)}
    named = {
        str(code): Place(str(code), str(level), _names(str(code), words), parent or None)
        for code, level, parent, *words in rows
    }
    named = {code: place for code, place in named.items() if place.level in order}
    spoken = _spoken(named, home)
    ranked = sorted(named.values(), key=lambda place: (order[place.level], place.code))
    by_code = {place.code: spoken.get(place.code, place) for place in ranked}
    below: dict[str | None, list[Place]] = {}
    for place in by_code.values():
        below.setdefault(place.parent if place.parent in by_code else None, []).append(place)
    frozen = {code: tuple(several) for code, several in below.items()}
    own = home["code"] if home["code"] in by_code else None
    return Places(described, by_code, own, frozen)


def _names(code: str, words: list[str | None]) -> dict[str, str]:
    """A place's names; one that is missing is said in another language, or by the code."""
    known = next((word for word in words if word), code)
    return {language: word or known for language, word in zip(LANGUAGES, words, strict=True)}


def _spoken(named: Mapping[str, Place], home: Record) -> dict[str, Place]:
    """The region and the country by the names that region.yml gives them."""
    own = named.get(home["code"])
    if own is None:
        return {}
    found = {own.code: Place(own.code, own.level, home["name"], own.parent)}
    above = named.get(own.parent or "")
    if above is not None and above.parent is None:
        found[above.code] = Place(above.code, above.level, home["country"], None)
    return found
