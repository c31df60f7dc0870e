"""A chart or a map with all that stands beside it: its sentence, its table and its addresses."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from duckdb import Error as DuckDBError
from markupsafe import Markup

from moulouya.errors import LakeError
from moulouya.portal.drawing import (
    charts,
    choosing,
    figures,
    maps,
    placing,
    profiles,
    sayings,
    scales,
)
from moulouya.portal.drawing.figures import Figures, names_of
from moulouya.portal.drawing.shape import Shape, shape
from moulouya.portal.drawing.spec import AGGREGATES, Spec
from moulouya.portal.kept import Kept
from moulouya.portal.languages import Language
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.reading import TooSlow

log = structlog.get_logger("moulouya.portal")


@dataclass(frozen=True)
class Cell:
    """A value of a table beside a drawing; ``href`` leads to the page of a place.

    ``raw`` is what the text stands for, for a file.
    """

    text: str
    numeric: bool = False
    href: str = ""
    raw: float | None = None


@dataclass(frozen=True)
class Drawn:
    """A drawing ready for a page. ``rows_shown`` says of which rows it is."""

    spec: Spec
    title: str
    svg: Markup
    sentence: str
    rows_shown: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    page: str
    embed: str
    legend: tuple[tuple[str, str, int], ...] = ()
    geojson: str = ""

    def csv(self) -> str:
        """The table as CSV: names in the page's language, numbers with a decimal point."""
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\r\n")
        writer.writerow(self.head)
        writer.writerows(
            [("" if cell.raw is None else cell.raw) if cell.numeric else cell.text for cell in row]
            for row in self.rows
        )
        return written.getvalue()


_charts: Kept[Drawn] = Kept(256)
_maps: Kept[Drawn | None] = Kept(64)


def chart(catalogue: Catalogue, dataset: PublishedDataset, spec: Spec, language: Language) -> Drawn:
    """One chart. Raises LakeError, TooSlow and ViewError."""
    key = (dataset.sha256, catalogue.number, spec, language.code)
    return _charts.get(key, lambda: _chart(catalogue, dataset, spec, language))


def _chart(
    catalogue: Catalogue, dataset: PublishedDataset, spec: Spec, language: Language
) -> Drawn:
    known = shape(catalogue, dataset, language)
    found = figures.read(catalogue, dataset, known, spec, language)
    title = sayings.chart_title(found, known, language)
    said = sayings.sentence(found, known, language)
    head, rows = _table(found, known, language)
    query = spec.query()
    return Drawn(
        spec=spec,
        title=title,
        svg=charts.draw(found, title, said, language),
        sentence=said,
        rows_shown=_rows_shown(catalogue, found, known, language),
        head=head,
        rows=rows,
        page=f"/{language.code}/datasets/{dataset.slug}/chart?{query}",
        embed=f"/{language.code}/embed/{dataset.slug}/chart?{query}",
    )


def _rows_shown(catalogue: Catalogue, found: Figures, known: Shape, language: Language) -> str:
    names: dict[str, str] = {}
    for name, value in found.spec.filters:
        column = known.columns.get(name)
        if column is not None and column.kind == "place":
            names[value] = names_of(catalogue, column.references, language).get(value, value)
    return sayings.rows_shown(found, known, names, language)


def _table(
    found: Figures, known: Shape, language: Language
) -> tuple[tuple[str, ...], tuple[tuple[Cell, ...], ...]]:
    spec = found.spec
    first = known.columns[spec.x].title if spec.x else language.text("Group")
    if spec.kind == "scatter":
        place = known.place
        first = place.title if place is not None else language.text("Row")
        units = [known.columns[name] for name in spec.y]
        titles = [sayings.measure_title(column) for column in units]
    else:
        unit = f" ({found.unit})" if found.unit else ""
        alone = language.text("Value")
        titles = [f"{part.title or alone}{unit}" for part in found.series]
    rows = tuple(
        (Cell(name), *(_cell(found, part.values[place], language) for part in found.series))
        for place, name in enumerate(found.labels)
    )
    return (first, *titles), rows


def _cell(found: Figures, value: float | None, language: Language) -> Cell:
    text = charts.value_text(found, value, language)
    if found.spec.kind == "scatter" and value is not None:
        text = scales.number(value, language)
    return Cell(text, True, "", value)


def a_map(
    catalogue: Catalogue, dataset: PublishedDataset, spec: Spec, language: Language
) -> Drawn | None:
    """One map; None where no row has a place on it. Raises LakeError, TooSlow and ViewError."""
    key = (dataset.sha256, catalogue.number, spec, language.code)
    return _maps.get(key, lambda: _a_map(catalogue, dataset, spec, language))


def _a_map(
    catalogue: Catalogue, dataset: PublishedDataset, spec: Spec, language: Language
) -> Drawn | None:
    known = shape(catalogue, dataset, language)
    found = placing.read(catalogue, dataset, known, spec, language)
    if found is None:
        return None
    measure = sayings.measure_title(known.columns[spec.y[0]]) if spec.y else ""
    title = known.columns[spec.y[0]].title if spec.y else language.text("Where the rows are")
    svg, rows = placing.picture(found, title, language)
    query = spec.query()
    shown = Figures(spec, (), (), ())
    ordered = sorted(
        found.places, key=lambda one: (one.value is None, -(one.value or 0.0), one.name)
    )
    head = (language.text("Place"), *([measure] if measure else []))
    return Drawn(
        spec=spec,
        title=title,
        svg=svg,
        sentence=_seen(found, ordered, language),
        rows_shown=_rows_shown(catalogue, shown, known, language),
        head=head,
        rows=tuple(
            (Cell(one.name, href=one.href),
             *([Cell(_value(one, language), True, "", one.value)] if measure else []))
            for one in ordered
        ),
        page=f"/{language.code}/datasets/{dataset.slug}/map?{query}",
        embed=f"/{language.code}/embed/{dataset.slug}/map?{query}",
        legend=tuple(rows),
        geojson=(
            f"/maps/{found.boundaries.slug}/{found.boundaries.version}.geojson"
            if found.boundaries is not None
            else ""
        ),
    )  # fmt: skip


def _value(place: maps.Place, language: Language) -> str:
    return "–" if place.value is None else scales.number(place.value, language)


def _seen(found: placing.Map, ordered: Sequence[maps.Place], language: Language) -> str:
    """The highest and the lowest of a map, and what is not on it."""
    known = [one for one in ordered if one.value is not None]
    said = []
    if len(known) > 1 and known[0].value != known[-1].value:
        high, low = known[0], known[-1]
        said.append(
            language.text(
                "Highest: %(highest)s, %(high)s. Lowest: %(lowest)s, %(low)s.",
                highest=high.name,
                high=high.said,
                lowest=low.name,
                low=low.said,
            )
        )
    if found.left_out:
        said.append(
            language.count(
                "%(n)s more row is not drawn.", "%(n)s more rows are not drawn.", found.left_out
            )
        )
    return " ".join(said)


def gather(catalogue: Catalogue, dataset: PublishedDataset, language: Language) -> dict[str, Any]:
    """What the page of a dataset draws: ``charts``, ``chart_map`` and ``small`` by column.

    Where the table cannot be read the page stands without drawings.
    """
    try:
        small = profiles.of(catalogue, dataset, language)
        known = shape(catalogue, dataset, language)
        home = catalogue.region["place"]["code"]
        drawings = [
            chart(catalogue, dataset, spec, language)
            for spec in choosing.choose(known, dataset.slug, home)
        ]
        spec = placing.best(catalogue, dataset, known, language)
        on_map = a_map(catalogue, dataset, spec, language) if spec is not None else None
    except (LakeError, TooSlow, DuckDBError) as error:
        log.warning("no drawings", dataset=dataset.slug, reason=str(error))
        return {"charts": [], "chart_map": None, "small": {}}
    return {"charts": [one for one in drawings if one.svg], "chart_map": on_map, "small": small}


def aggregates(language: Language) -> list[tuple[str, str]]:
    """The ways to put rows together, for a form."""
    return [(name, language.text(words)) for name, words in AGGREGATES.items()]
