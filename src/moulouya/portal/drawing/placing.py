"""What a map shows: which column says where, which measure gives the colour, and the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from moulouya.duck import identifier
from moulouya.portal.drawing import boundaries, maps
from moulouya.portal.drawing.boundaries import Boundaries
from moulouya.portal.drawing.charts import with_unit
from moulouya.portal.drawing.figures import Source, names_of, number
from moulouya.portal.drawing.levels import finest_level, steady
from moulouya.portal.drawing.scales import number as number_text
from moulouya.portal.drawing.shape import Column, Shape, families
from moulouya.portal.drawing.spec import AGGREGATES, Spec, Unfit, natural
from moulouya.portal.kept import Kept
from moulouya.portal.languages import N_, Language
from moulouya.portal.places.index import places_of
from moulouya.portal.published import Catalogue, PublishedDataset

MOST_PLACES = 5000
MOST_DOTS = 2000
OWN = ("x", "y", "agg", "kind")


@dataclass(frozen=True)
class Map:
    """What one map shows. ``left_out`` counts points for which there was no room."""

    spec: Spec
    places: tuple[maps.Place, ...]
    boundaries: Boundaries | None
    around: Boundaries | None
    unit: str
    left_out: int = 0


def candidates(catalogue: Catalogue, dataset: PublishedDataset, known: Shape) -> list[Spec]:
    """The maps that a dataset may have, the best first."""
    if not known.rows:
        return []
    column = _colour(known, dataset.slug)
    y = (column.name,) if column is not None else ()
    agg = natural(column) if column is not None else "count"
    shaped = any(one.type == "geometry" for one in known.columns.values())
    if shaped:
        key = known.key[0] if len(known.key) == 1 else ""
        return [Spec("map", key, y if key else (), "", agg if key else "count")]
    found = [Spec("points", "", y, "", agg)] if known.position is not None else []
    if boundaries.holders(catalogue):
        level = finest_level(known) if known.level is not None else None
        columns = sorted(known.of("place"), key=lambda one: one.name not in known.key)
        found += [
            Spec("map", one.name, y, "", agg, steady(known, free=(one.name,), level=level))
            for one in columns
        ]
    return found


def _colour(known: Shape, slug: str) -> Column | None:
    """The measure that gives the colour, in its latest year.

    A share or a rate is preferred to a count, which would show the largest places rather than
    the most striking; what the dataset is named after is preferred to the rest.
    """
    measures = [one for one in known.of("measure") if one.distinct > 1]
    rated = [one for one in measures if not one.counts] or measures
    named = [one for one in rated if one.name.partition("_")[0] in slug.split("_")]
    if not rated:
        return None
    column = (named or rated)[0]
    family = next(
        (one for one in families(known) if one.years and column.name in one.columns), None
    )
    return known.columns[family.columns[-1]] if family is not None else column


def best(
    catalogue: Catalogue, dataset: PublishedDataset, known: Shape, language: Language
) -> Spec | None:
    """The map of a dataset; None where nothing says where its rows are."""
    key = (dataset.sha256, catalogue.number, language.code)
    return _best.get(key, lambda: _try(catalogue, dataset, known, language))


def _try(
    catalogue: Catalogue, dataset: PublishedDataset, known: Shape, language: Language
) -> Spec | None:
    for spec in candidates(catalogue, dataset, known):
        if read(catalogue, dataset, known, spec, language) is not None:
            return spec
    return None


def parse(known: Shape, given: Sequence[tuple[str, str]], base: Spec) -> Spec:
    """The map that an address asks for; raises Unfit for columns that cannot be shown."""
    first = {name: value for name, value in reversed(given) if value}
    y = (first["y"],) if "y" in first else base.y
    for name in y:
        if name not in known.columns:
            raise Unfit(N_("This dataset has no such column."))
        if known.columns[name].kind != "measure":
            raise Unfit(N_("Only columns of numbers can be drawn as a measure."))
    agg = first.get("agg") or (natural(known.columns[y[0]]) if y else "count")
    if agg not in AGGREGATES:
        raise Unfit(N_("There is no such way to put rows together."))
    named = {name.partition("__")[0] for name, _ in given}
    filters = tuple((name, value) for name, value in given if name not in OWN and value)
    kept = tuple((name, value) for name, value in base.filters if name not in named)
    return replace(base, y=y, agg=agg, filters=(*filters, *kept))


_read_before: Kept[Map | None] = Kept(128)
_best: Kept[Spec | None] = Kept(2048)


def read(
    catalogue: Catalogue, dataset: PublishedDataset, known: Shape, spec: Spec, language: Language
) -> Map | None:
    """The values of a map; None where no value has a place. Raises LakeError and TooSlow."""
    key = (dataset.sha256, catalogue.number, spec, language.code)
    source = Source(catalogue, dataset, known, spec, language)
    reader = _points if spec.kind == "points" else _areas
    return _read_before.get(key, lambda: reader(source))


def _areas(source: Source) -> Map | None:
    spec, known = source.spec, source.known
    if not spec.x:
        return _shapes(source)
    where, bound = source.where(spec.x)
    rows = source.rows(
        f"SELECT CAST({identifier(spec.x)} AS VARCHAR), {source.measures()[0]} FROM {{table}} "
        f"WHERE {where} GROUP BY 1 LIMIT {MOST_PLACES}",
        bound,
    )
    own = any(one.type == "geometry" for one in known.columns.values())
    found = (
        boundaries.load(source.catalogue, source.dataset) if own
        else boundaries.fitting(source.catalogue, [row[0] for row in rows])
    )  # fmt: skip
    if found is None:
        return None
    values = {code: value for code, value in rows if code in found.shapes}
    if not values:
        return None
    column = known.columns[spec.x]
    named = _names(source, column, found)
    registered = places_of(source.catalogue)
    unit = _unit(source)
    places = tuple(
        _place(source, code, named.get(code, code), values.get(code), unit,
               registered is not None and code in registered.by_code)
        for code in found.shapes
    )  # fmt: skip
    return Map(spec, places, found, None, unit)


def _names(source: Source, column: Column, found: Boundaries) -> Mapping[str, str]:
    """The names of places: as the column's own table has them, else as the boundaries' has."""
    known = names_of(source.catalogue, column.references, source.language)
    if known:
        return known
    key = source.catalogue.datasets[found.slug].definition["key"][0]
    return names_of(source.catalogue, f"{found.slug}.{key}", source.language)


def _unit(source: Source) -> str:
    counted = source.spec.agg == "count" or not source.spec.y
    return "" if counted else source.known.columns[source.spec.y[0]].unit_words


def _place(
    source: Source, code: str, name: str, value: float | None, unit: str, registered: bool
) -> maps.Place:
    said = source.language.text("no value")
    if value is not None:
        said = with_unit(number_text(value, source.language), unit)
    href = f"/{source.language.code}/places/{code}" if registered else ""
    return maps.Place(code, name, value, said, href)


def _shapes(source: Source) -> Map | None:
    """Shapes as they are, where no key names them."""
    found = boundaries.load(source.catalogue, source.dataset)
    if found is None:
        return None
    places = tuple(
        maps.Place(code, source.language.text("Row %(number)s", number=code), None, "")
        for code in found.shapes
    )
    return Map(source.spec, places, found, None, "")


def _points(source: Source) -> Map | None:
    spec, known = source.spec, source.known
    assert known.position is not None
    longitude, latitude = known.position
    where, bound = source.where(longitude, latitude)
    x, y = number(longitude), number(latitude)
    where = f"{where} AND {x} BETWEEN -180 AND 180 AND {y} BETWEEN -85 AND 85"
    named = known.name_column(source.language) or (known.key[0] if known.key else longitude)
    value = number(spec.y[0]) if spec.y else "NULL"
    ((total,),) = source.rows(f"SELECT count(*) FROM {{table}} WHERE {where}", bound)
    step = -(-total // MOST_DOTS) if total else 1
    rows = source.rows(
        f"SELECT {identifier(named)}, {x}, {y}, {value} FROM {{table}} WHERE {where} "
        + (f"AND hash({identifier(named)}, {x}, {y}) % {step} = 0 " if step > 1 else "")
        + f"LIMIT {MOST_DOTS}",
        bound,
    )
    if not rows:
        return None
    unit = _unit(source) if spec.y else ""
    places = []
    for place, (name, east, north, value) in enumerate(rows):
        said = "" if not spec.y else _place(source, "", "", value, unit, False).said
        places.append(maps.Place(str(place), str(name or ""), value, said, position=(east, north)))
    around = boundaries.outlines(source.catalogue)
    return Map(spec, tuple(places), None, around, unit, int(total) - len(rows))


def picture(found: Map, name: str, language: Language) -> tuple[Markup, list[tuple[str, str, int]]]:
    """The map as SVG, and its legend's rows: colour, words and number of places."""
    colours = maps.classes([place.value for place in found.places]) if found.spec.y else None
    rows = maps.legend(colours, found.unit, language) if colours else []
    drawn = maps.draw(found.places, found.boundaries, colours, name, rows, language, found.around)
    return drawn, rows
