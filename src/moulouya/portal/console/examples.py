"""Statements to begin with: of the catalogue, and of one dataset from what its columns are."""

from __future__ import annotations

from dataclasses import dataclass

from moulouya.portal.console.names import name, table
from moulouya.portal.drawing.shape import Column, Shape, shape
from moulouya.portal.languages import N_, Language
from moulouya.portal.published import Catalogue, PublishedDataset

MOST = 6
CATALOGUE = (
    (
        N_("Which tables are there?"),
        "SELECT theme, slug, title_{code} AS title, rows\nFROM catalogue.datasets\n"
        "ORDER BY theme, slug",
    ),
    (
        N_("Which columns have a name like this?"),
        "SELECT slug, name, type, title_{code} AS title\nFROM catalogue.columns\n"
        "WHERE name LIKE '%name%'\nORDER BY slug, position",
    ),
)
FIRST_ROWS, ABOUT = N_("The first rows"), N_("Every column in short")
COUNTED, BY_GROUP = N_("How many rows of each kind"), N_("By group")
OVER_TIME, LARGEST, ON_MAP = N_("Over time"), N_("The largest values"), N_("On a map")


@dataclass(frozen=True)
class Example:
    """A statement and what it asks, in the reader's language."""

    title: str
    sql: str


def of_catalogue(language: Language) -> list[Example]:
    """What helps to find one's way."""
    return [
        Example(language.text(title), sql.format(code=language.code)) for title, sql in CATALOGUE
    ]


def of_dataset(
    catalogue: Catalogue, dataset: PublishedDataset, language: Language
) -> list[Example]:
    """Statements that answer something for this dataset, the plainest first."""
    known = shape(catalogue, dataset, language)
    source = table(dataset.theme, dataset.slug)
    found = [(FIRST_ROWS, f"SELECT *\nFROM {source}\nLIMIT 20")]
    found += _drawn(known, source, known.name_column(language))
    found.append((ABOUT, f"SUMMARIZE {source}"))
    return [Example(language.text(title), sql) for title, sql in found[:MOST]]


def _drawn(known: Shape, source: str, label: str) -> list[tuple[str, str]]:
    measures, times = known.of("measure"), known.of("time")
    groups = [one for one in known.of("category") if 1 < one.distinct <= known.rows // 2]
    found = []
    if groups:
        by = name(groups[0].name)
        found.append(
            (COUNTED, f"SELECT {by}, count(*) AS n\nFROM {source}\nGROUP BY ALL\nORDER BY n DESC")
        )
    if measures:
        what = name(measures[0].name)
        shown = [name(one) for one in (*known.key, label) if one and one != measures[0].name]
        listed = ", ".join([*dict.fromkeys(shown), what])
        found.append(
            (LARGEST, f"SELECT {listed}\nFROM {source}\nORDER BY {what} DESC NULLS LAST\nLIMIT 10")
        )
        put_together = _put_together(measures[0])
        if times:
            when = name(times[0].name)
            found.append(
                (OVER_TIME,
                 f"SELECT {when}, {put_together}\nFROM {source}\nGROUP BY ALL\nORDER BY {when}")
            )  # fmt: skip
        elif groups:
            by = name(groups[0].name)
            found.append(
                (BY_GROUP,
                 f"SELECT {by}, {put_together}\nFROM {source}\nGROUP BY ALL\nORDER BY 2 DESC")
            )  # fmt: skip
    if known.position is not None:
        longitude, latitude = known.position
        listed = ", ".join(name(one) for one in (label, latitude, longitude) if one)
        found.append((ON_MAP, f"SELECT {listed}\nFROM {source}\nLIMIT 500"))
    return found


def _put_together(measure: Column) -> str:
    """Counts add up, the rest is averaged."""
    column = name(measure.name)
    if measure.counts:
        return f"sum({column}) AS {name(f'{measure.name}_sum')}"
    return f"round(avg({column}), 2) AS {name(f'{measure.name}_average')}"
