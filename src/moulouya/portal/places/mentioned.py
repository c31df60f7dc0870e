"""The places that a search names: what they are, and which rows of a dataset are about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import duckdb
import structlog

from moulouya.duck import identifier
from moulouya.errors import LakeError
from moulouya.portal.kept import Kept
from moulouya.portal.languages import Language
from moulouya.portal.places.columns import holds_codes
from moulouya.portal.places.index import places_of
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.reading import TooSlow, table_name, tables
from moulouya.portal.records.view import View
from moulouya.region import Places as Described

MOST_KEPT = 256
# A column with more values than this is not read for the sake of a link.
MOST_CODES = 20_000
LONGEST = 2.0
MOST_NAMED = 30
log = structlog.get_logger("moulouya.portal")


@dataclass(frozen=True)
class Mentioned:
    """A place by its page; ``words`` tells it from others of the same name."""

    code: str
    name: str
    level: str
    words: str
    href: str


@dataclass(frozen=True)
class Link:
    """Where the rows about one place are."""

    words: str
    href: str


_codes: Kept[frozenset[str]] = Kept(MOST_KEPT)


def mentioned(catalogue: Catalogue, codes: Iterable[str], spoken: Language) -> list[Mentioned]:
    """Some places, by their codes, as a reader is told of them; those unknown are left out."""
    places = places_of(catalogue)
    if places is None:
        return []
    found = [places.by_code[code] for code in codes if code in places.by_code]
    names = [place.names[spoken.code] for place in found]
    told = []
    for place, name in zip(found, names, strict=True):
        level = places.described.levels[place.level].title.model_dump()[spoken.code]
        words = f"{name} ({level})" if names.count(name) > 1 else name
        href = f"/{spoken.code}/places/{quote(place.code)}"
        told.append(Mentioned(place.code, name, level, words, href))
    return told


def rows_about(
    catalogue: Catalogue,
    datasets: Sequence[PublishedDataset],
    wanted: Sequence[Mentioned],
    spoken: Language,
) -> dict[str, list[Link]]:
    """For each dataset the links to its rows about the places wanted, where it has any."""
    places = places_of(catalogue)
    if places is None or not wanted:
        return {}
    columns = {
        dataset.slug: column
        for dataset in datasets
        if (column := _column(dataset, places.described)) is not None
    }
    held = _held(catalogue, [one for one in datasets if one.slug in columns], columns)
    found: dict[str, list[Link]] = {}
    for slug, codes in held.items():
        here = [place for place in wanted if place.code in codes]
        alone = len({place.name for place in here}) == len(here)
        dataset = catalogue.datasets[slug]
        hidden = _same_in_every_row(dataset, places.described, spoken)
        for place in here:
            asked = [(f"{columns[slug]}__exact", place.code), *(("_nocol", one) for one in hidden)]
            query = View.parse(dataset, asked).query()
            href = f"/{spoken.code}/datasets/{slug}/data?{query}"
            found.setdefault(slug, []).append(Link(place.name if alone else place.words, href))
    return found


def _same_in_every_row(dataset: PublishedDataset, places: Described, spoken: Language) -> list[str]:
    """Columns of the register that a table repeats, and that say nothing new of one place.

    None of a wide table: the address of a view names every column that it shows.
    """
    if len(dataset.definition["columns"]) > MOST_NAMED:
        return []
    names = places.name.model_dump()
    own = names[spoken.code]
    repeated = {places.level, places.parent, *names.values()} - {own}
    return [name for name in dataset.definition["columns"] if name in repeated]


def _column(dataset: PublishedDataset, places: Described) -> str | None:
    """The column by which rows are about a place: of the key, or the only one with codes."""
    columns = dataset.definition["columns"]
    coded: list[str] = [
        name for name in columns if holds_codes(dataset.slug, name, columns[name], places)
    ]
    keys = [name for name in coded if name in dataset.definition["key"]]
    if len(keys) == 1:
        return keys[0]
    return coded[0] if len(coded) == 1 else None


def _held(
    catalogue: Catalogue, datasets: Sequence[PublishedDataset], columns: Mapping[str, str]
) -> dict[str, frozenset[str]]:
    """The codes in the column of each dataset, read once for a version."""
    found: dict[str, frozenset[str]] = {}
    unread = []
    for dataset in datasets:
        known = _codes.find((dataset.slug, dataset.sha256, columns[dataset.slug]))
        if known is not None:
            found[dataset.slug] = known
        elif _few(dataset, columns[dataset.slug]):
            unread.append(dataset)
    for dataset in unread:
        codes = _read(catalogue, dataset, columns[dataset.slug])
        if codes is None:
            continue
        key = (dataset.slug, dataset.sha256, columns[dataset.slug])
        found[dataset.slug] = _codes.keep(key, codes)
    return found


def _few(dataset: PublishedDataset, column: str) -> bool:
    distinct = {one["name"]: one.get("distinct") or 0 for one in dataset.record["columns"]}
    return int(distinct.get(column, 0)) <= MOST_CODES


def _read(catalogue: Catalogue, dataset: PublishedDataset, column: str) -> frozenset[str] | None:
    """The distinct codes of a column; None where they cannot be read, which only costs a link."""
    query = f"SELECT DISTINCT CAST({identifier(column)} AS VARCHAR) FROM {table_name(dataset)}"
    try:
        with tables(catalogue, [dataset], seconds=LONGEST) as con:
            return frozenset(code for (code,) in con.execute(query).fetchall() if code)
    except (LakeError, TooSlow, duckdb.Error) as error:
        log.warning("codes of places not read", dataset=dataset.slug, reason=str(error))
        return None
