"""The tables beside the editor: names, columns and files of what can be asked."""

from __future__ import annotations

from dataclasses import dataclass

from moulouya import serving
from moulouya.portal.console import names
from moulouya.portal.kept import Kept
from moulouya.portal.languages import Language
from moulouya.portal.published import Catalogue, PublishedDataset

# Of a larger catalogue the page lists the names alone; the columns are those of the chosen one.
MOST_WITH_COLUMNS = 150


@dataclass(frozen=True)
class Column:
    """A column: its name as it is written in SQL, its type, its title."""

    name: str
    sql: str
    type: str
    title: str


@dataclass(frozen=True)
class Table:
    """A table. ``file``: the address of its DuckDB file, ``bytes`` the size of that; 0 for none."""

    theme: str
    slug: str
    sql: str
    title: str
    columns: tuple[Column, ...]
    file: str
    bytes: int


@dataclass(frozen=True)
class Theme:
    """Tables of one schema."""

    name: str
    title: str
    tables: tuple[Table, ...]


_listed: Kept[tuple[Theme, ...]] = Kept(8)
_described: Kept[Table] = Kept(2048)


def listed(catalogue: Catalogue, language: Language, chosen: str = "") -> tuple[Theme, ...]:
    """Every table by its theme; ``chosen`` has its columns in any case."""
    if len(catalogue.datasets) <= MOST_WITH_COLUMNS:
        return _listed.get((catalogue.number, catalogue.created, language.code, ""),
                           lambda: _themes(catalogue, language, None))  # fmt: skip
    chosen = chosen if chosen in catalogue.datasets else ""
    return _listed.get((catalogue.number, catalogue.created, language.code, chosen),
                       lambda: _themes(catalogue, language, chosen))  # fmt: skip


def described(dataset: PublishedDataset, language: Language) -> Table:
    """One table with its columns."""
    return _described.get((dataset.sha256, language.code), lambda: _table(dataset, language, True))


def _themes(catalogue: Catalogue, language: Language, chosen: str | None) -> tuple[Theme, ...]:
    by_theme: dict[str, list[Table]] = {}
    for slug, dataset in catalogue.datasets.items():
        with_columns = chosen is None or slug == chosen
        by_theme.setdefault(dataset.theme, []).append(_table(dataset, language, with_columns))
    titles = {
        name: theme["title"][language.code] for name, theme in catalogue.region["themes"].items()
    }
    return tuple(
        Theme(name, titles.get(name, name), tuple(tables))
        for name, tables in sorted(by_theme.items(), key=lambda one: titles.get(one[0], one[0]))
    )


def _table(dataset: PublishedDataset, language: Language, with_columns: bool) -> Table:
    told = dataset.definition["columns"]
    columns = tuple(
        Column(one["name"], names.name(one["name"]), one["type"].partition("(")[0],
               told[one["name"]]["title"][language.code])
        for one in (dataset.record["columns"] if with_columns else ())
    )  # fmt: skip
    file = dataset.files.get(serving.file_name(dataset.slug))
    return Table(
        dataset.theme,
        dataset.slug,
        names.table(dataset.theme, dataset.slug),
        dataset.definition["title"][language.code],
        columns,
        f"/files/{dataset.slug}/{dataset.number}/{file.name}" if file else "",
        file.bytes if file else 0,
    )
