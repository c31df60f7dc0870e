"""What features and records have: their schema, what they can be asked for and sorted by.

Two documents tell the columns of a layer. ``schema`` is that of OGC API Features Part 5, for QGIS;
``schemas/feature`` describes a feature as GeoJSON, for GDAL. Without them, programs guess
the types from the first features, and take a column that begins with gaps for text.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import duckdb

from moulouya.errors import LakeError
from moulouya.portal.languages import N_
from moulouya.portal.ogc.answering import Document
from moulouya.portal.ogc.asking import BASE, SCHEMA_JSON, Asked
from moulouya.portal.ogc.layers import CATALOG, Layer, drawn
from moulouya.portal.ogc.parameters import RESERVED
from moulouya.portal.ogc.saying import MOMENTS, PROPERTIES, SORTED
from moulouya.portal.ogc.units import ucum
from moulouya.portal.reading import TooSlow

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPES: Mapping[str, Mapping[str, Any]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "json": {"type": ["object", "array", "string", "number", "boolean"]},
}
# What a column must be to name a feature, by Part 5.
NAMING = ("string", "integer")
# GDAL holds whole numbers from a schema in 32 bits, and others exactly up to 53.
SMALL, EXACT = 2**31 - 1, 2**53
# What a record has of properties, by their titles in the interface.
TITLES = {
    "id": N_("Identifier"),
    "title": N_("Title"),
    "description": N_("Description"),
    "keywords": N_("Keywords"),
    "language": N_("Language"),
    "themes": N_("Themes"),
    "license": N_("Licence"),
    "publisher": N_("Publisher"),
    "formats": N_("Formats"),
    "created": N_("Published"),
    "updated": N_("Updated"),
    "geometry": N_("Place"),
}


def kind(layer: Layer, name: str) -> Mapping[str, Any]:
    """What the values of a column are in JSON."""
    return TYPES.get(layer.table.types[name].partition("(")[0], {"type": "number"})


def column(asked: Asked, layer: Layer, name: str) -> dict[str, Any]:
    """A column as JSON Schema, told in the language asked for."""
    said, code = layer.dataset.definition["columns"][name], asked.language.code
    found: dict[str, Any] = {
        "title": said["title"][code],
        "description": said["description"][code],
        **kind(layer, name),
        "x-ogc-propertySeq": list(layer.properties).index(name) + 1,
    }
    unit = ucum(str(said.get("unit") or ""))
    if unit:
        found["x-ogc-unit"] = unit
    if layer.key == (name,) and found["type"] in NAMING:
        found["x-ogc-role"] = "id"
    elif name == layer.instant:
        found["x-ogc-role"] = "primary-instant"
    return found


def geometry(asked: Asked, layer: Layer | None) -> dict[str, Any]:
    """The place of a feature, with the type of shape that all of them have, where it is one."""
    title = TITLES["geometry"]
    found = {"title": asked.language.text(title)}
    kinds = _kinds(asked, layer) if layer is not None else frozenset({"polygon"})
    names = sorted(kinds, key=len)
    told = "any"
    if len(names) == 1:
        told = names[0]
    elif len(names) == 2 and names[1] == f"multi{names[0]}":
        told = "-or-".join(names)
    return {**found, "format": f"geometry-{told}", "x-ogc-role": "primary-geometry"}


def _kinds(asked: Asked, layer: Layer) -> frozenset[str]:
    """A table that cannot be read now may have shapes of any kind."""
    try:
        return drawn(asked.catalogue, layer).kinds
    except (LakeError, TooSlow, duckdb.Error):
        return frozenset()


def parameters_of(layer: Layer) -> list[str]:
    """The columns that are parameters, too: those that no parameter of the standards is called."""
    return [name for name in layer.simple if name not in RESERVED]


def of_features(asked: Asked, layer: Layer, name: str) -> Document:
    """``/collections/<slug>/schema``, ``…/queryables`` or ``…/sortables``."""
    names: Collection[str] = layer.simple if name == "sortables" else layer.properties
    told = {one: column(asked, layer, one) for one in names}
    if name != "sortables":
        told["geometry"] = geometry(asked, layer)
    if name == "queryables" and len(layer.place) == 1:
        # Filters know the place by the name of its column, too.
        (own,) = layer.place
        told.setdefault(own, {"title": told["geometry"]["title"],
                              "format": told["geometry"]["format"]})  # fmt: skip
    title = layer.dataset.definition["title"][asked.language.code]
    return _document(asked, f"/collections/{layer.slug}/{name}", title, told)


def of_a_feature(asked: Asked, layer: Layer) -> Document:
    """``/collections/<slug>/schemas/feature``: one feature as it is in GeoJSON."""
    title = layer.dataset.definition["title"][asked.language.code]
    body = {
        "$schema": DIALECT,
        "$id": f"{asked.site}{BASE}/collections/{layer.slug}/schemas/feature",
        "type": "object",
        "title": title,
        "required": ["type", "id", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"type": "string"},
            "geometry": {"type": ["object", "null"]},
            "properties": {"type": "object", "properties": _values(layer)},
        },
    }
    return Document(body, SCHEMA_JSON)


def _values(layer: Layer) -> dict[str, dict[str, Any]]:
    """The columns by their types; ``nullable`` tells, as in OpenAPI 3.0, which may be missing.

    GDAL understands a single type and nothing beside it. Two columns are left out, so that GDAL
    takes their types from the features: whole numbers that neither kind of its numbers holds, and
    one that is called as GDAL calls the feature's own id.
    """
    columns = {one["name"]: one for one in layer.dataset.record["columns"]}
    found: dict[str, dict[str, Any]] = {}
    for name in layer.properties:
        if name == "id":
            continue
        told = dict(kind(layer, name))
        if told["type"] == "integer":
            ends = [abs(int(end)) for side in ("min", "max") if (end := columns[name].get(side))]
            if max(ends, default=0) > EXACT:
                continue
            if max(ends, default=0) > SMALL:
                told["type"] = "number"
        if columns[name].get("nulls"):
            told["nullable"] = True
        found[name] = told
    return found


def of_records(asked: Asked, name: str) -> Document:
    """``/collections/catalog/schema``, ``…/queryables`` or ``…/sortables``."""
    names: Collection[str] = SORTED if name == "sortables" else PROPERTIES
    told: dict[str, dict[str, Any]] = {}
    for number, one in enumerate(names, start=1):
        title = asked.language.text(TITLES[one])
        told[one] = {"title": title, **record(one), "x-ogc-propertySeq": number}
    if name != "sortables":
        told["geometry"] = geometry(asked, None)
    title = asked.catalogue.region["title"][asked.language.code]
    return _document(asked, f"/collections/{CATALOG}/{name}", title, told)


def record(name: str) -> dict[str, Any]:
    """What a property of records is in JSON."""
    if name in ("keywords", "language", "themes", "formats"):
        return {"type": "array", "items": {"type": "string"}}
    return {"type": "string", **({"format": "date-time"} if name in MOMENTS else {})}


def _document(asked: Asked, path: str, title: str, told: dict[str, Any]) -> Document:
    body = {
        "$schema": DIALECT,
        # Without the language that was asked for: the standard wants no parameters in it.
        "$id": f"{asked.site}{BASE}{path}",
        "type": "object",
        "title": title,
        "properties": told,
        "additionalProperties": False,
    }
    return Document(body, SCHEMA_JSON)
