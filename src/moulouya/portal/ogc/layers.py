"""Datasets that lie on a map: their shape, their time, what names a feature, how far they go."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

import numpy as np
import shapely

from moulouya.duck import identifier, literal
from moulouya.portal.kept import Kept
from moulouya.portal.ogc.bounds import Box, Period
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.reading import stored_name, tables
from moulouya.portal.records.formats import shape_of
from moulouya.portal.records.values import ViewError, typed
from moulouya.portal.records.view import Table

CATALOG = "catalog"
SECONDS = 60.0
MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"
_drawn: Kept[Drawn] = Kept(4096)
_layers: Kept[tuple[Layer, ...]] = Kept(16_384)


@dataclass(frozen=True)
class Drawn:
    """What the shapes of a layer are: the box around them, and their types in simple features."""

    box: Box | None
    kinds: frozenset[str]


@dataclass(frozen=True)
class Layer:
    """A dataset whose rows are features.

    ``place`` is the column of shapes, or those of longitude and latitude; ``instant`` the first
    column of days or times, empty for none; ``key`` names a row, and is empty where only its place
    in the table does.
    """

    dataset: PublishedDataset
    table: Table
    place: tuple[str, ...]
    instant: str
    key: tuple[str, ...]

    @property
    def slug(self) -> str:
        """The id of the collection."""
        return self.dataset.slug

    @property
    def source(self) -> str:
        """The table in SQL."""
        return stored_name(self.dataset)

    @property
    def properties(self) -> Mapping[str, str]:
        """The columns that features have as properties, with their types."""
        return {name: kind for name, kind in self.table.types.items() if kind != "geometry"}

    @property
    def simple(self) -> list[str]:
        """The columns that can be compared and sorted."""
        return [name for name, kind in self.properties.items() if kind != "json"]

    @property
    def period(self) -> Period | None:
        """The time that the dataset says it is about; None where it says nothing."""
        return period_of(self.dataset)

    def id_sql(self) -> str:
        """SQL for the id of a feature: its key, in which commas stand between several columns."""
        if not self.key:
            return "CAST(rowid AS VARCHAR)"
        if len(self.key) == 1:
            return self._text(self.key[0])
        parts = [
            f"replace(replace({self._text(name)}, '%', '%25'), ',', '%2C')" for name in self.key
        ]
        return " || ',' || ".join(parts)

    def _text(self, name: str) -> str:
        column = identifier(name)
        if self.table.types[name] == "datetime":
            return f"strftime({column}, {literal(MOMENT)})"
        return f"CAST({column} AS VARCHAR)"

    def find_sql(self, feature: str) -> tuple[str, list[object]] | None:
        """The condition for the feature with an id; None where no feature can have it."""
        if not self.key:
            if not (feature.isascii() and feature.isdigit() and len(feature) < 19):
                return None
            return "rowid = ?", [int(feature)]
        parts = [feature] if len(self.key) == 1 else [unquote(one) for one in feature.split(",")]
        if len(parts) != len(self.key):
            return None
        try:
            values = [
                typed(name, self.table.types[name], text)
                for name, text in zip(self.key, parts, strict=True)
            ]
        except ViewError:
            return None
        sql = " AND ".join(
            f"{identifier(name)} = {one.place}" for name, one in zip(self.key, values, strict=True)
        )
        return sql, [one.value for one in values]


def layer_of(dataset: PublishedDataset) -> Layer | None:
    """A dataset as features; None where nothing of it lies on a map."""
    known = _layers.find(dataset.sha256)
    if known is None:
        known = _layers.keep(dataset.sha256, _layers_of(dataset))
    return known[0] if known else None


def _layers_of(dataset: PublishedDataset) -> tuple[Layer, ...]:
    """One layer or none; the id of the collection of records is nobody else's."""
    table = Table.of(dataset)
    place = shape_of(table)
    if not place or dataset.slug == CATALOG:
        return ()
    types = table.types
    instant = next((name for name, kind in types.items() if kind in ("date", "datetime")), "")
    return (Layer(dataset, table, place, instant, tuple(dataset.definition.get("key") or ())),)


def layers(catalogue: Catalogue) -> list[Layer]:
    """Every dataset of a release that lies on a map."""
    return [found for one in catalogue.datasets.values() if (found := layer_of(one)) is not None]


def feature_path(layer: Layer, feature: str) -> str:
    """The address of a feature below ``/ogc``; what the id has of signs is encoded there."""
    return f"/collections/{layer.slug}/items/{quote(feature, safe='')}"


def period_of(dataset: PublishedDataset) -> Period | None:
    """The days that a dataset says it is about."""
    told = dataset.definition.get("temporal")
    if not told:
        return None

    def day(text: object) -> dt.datetime:
        return dt.datetime.combine(dt.date.fromisoformat(str(text)), dt.time(), dt.UTC)

    last = day(told["end"]) if told.get("end") else None
    return Period(day(told["start"]), last and last + dt.timedelta(days=1, microseconds=-1))


def box_of(catalogue: Catalogue, layer: Layer) -> Box | None:
    """The box around all features; None where there is none. Raises as `reading.tables` does."""
    return drawn(catalogue, layer).box


def drawn(catalogue: Catalogue, layer: Layer) -> Drawn:
    """What is drawn, read once for a version; raises what `reading.tables` raises."""
    known = _drawn.find(layer.dataset.sha256)
    if known is None:
        known = _drawn.keep(layer.dataset.sha256, _read(catalogue, layer))
    return known


def _read(catalogue: Catalogue, layer: Layer) -> Drawn:
    if len(layer.place) == 2:
        ends = {one["name"]: (one.get("min"), one.get("max"))
                for one in layer.dataset.record["columns"]}  # fmt: skip
        (west, east), (south, north) = (ends[name] for name in layer.place)
        if None in (west, east, south, north):
            return Drawn(None, frozenset({"point"}))
        return Drawn((float(west), float(south), float(east), float(north)), frozenset({"point"}))
    column = identifier(layer.place[0])
    least, most = np.full(2, np.inf), np.full(2, -np.inf)
    types: set[int] = set()
    with tables(catalogue, [layer.dataset], SECONDS) as con:
        query = f"SELECT {column} FROM {layer.source} WHERE {column} IS NOT NULL"
        for batch in con.execute(query).to_arrow_reader(2000):
            shapes = shapely.from_wkb(batch.column(0).to_numpy(zero_copy_only=False))
            shapes = shapes[~shapely.is_empty(shapes)]
            types.update(np.unique(shapely.get_type_id(shapes)).tolist())
            bounds = shapely.bounds(shapes)
            if len(bounds):
                least = np.minimum(least, bounds[:, :2].min(axis=0))
                most = np.maximum(most, bounds[:, 2:].max(axis=0))
    kinds = frozenset(shapely.GeometryType(one).name.lower() for one in types)
    if not np.isfinite([*least, *most]).all():
        return Drawn(None, kinds)
    return Drawn((float(least[0]), float(least[1]), float(most[0]), float(most[1])), kinds)
