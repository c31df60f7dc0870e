"""What features and records have: their schema, what they can be asked for and sorted by."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from moulouya.portal.languages import N_
from moulouya.portal.ogc.answering import Document
from moulouya.portal.ogc.asking import SCHEMA_JSON, Asked
from moulouya.portal.ogc.layers import CATALOG, Layer
from moulouya.portal.ogc.parameters import RESERVED
from moulouya.portal.ogc.saying import MOMENTS, PROPERTIES, SORTED

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPES: Mapping[str, Mapping[str, Any]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "json": {},
}
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


def column(asked: Asked, layer: Layer, name: str) -> dict[str, Any]:
    """A column as JSON Schema, told in the language asked for."""
    said, code = layer.dataset.definition["columns"][name], asked.language.code
    found: dict[str, Any] = {
        "title": said["title"][code],
        "description": said["description"][code],
        **TYPES.get(layer.table.types[name].partition("(")[0], {"type": "number"}),
    }
    if said.get("unit"):
        found["x-ogc-unit"] = said["unit"]
    if layer.key == (name,):
        found["x-ogc-role"] = "id"
    elif name == layer.instant:
        found["x-ogc-role"] = "primary-instant"
    return found


def geometry(asked: Asked, layer: Layer | None) -> dict[str, Any]:
    """The place of a feature: a point where it has a longitude and a latitude."""
    kind = "point" if layer is not None and len(layer.place) == 2 else "any"
    place = TITLES["geometry"]
    found = {"title": asked.language.text(place), "format": f"geometry-{kind}"}
    return {**found, "x-ogc-role": "primary-geometry"}


def parameters_of(layer: Layer) -> list[str]:
    """The columns that are parameters, too: those that no parameter of the standards is called."""
    return [name for name in layer.simple if name not in RESERVED]


def of_features(asked: Asked, layer: Layer, name: str) -> Document:
    """``/collections/<slug>/schema``, ``…/queryables`` or ``…/sortables``."""
    names: Collection[str] = layer.properties if name == "schema" else layer.simple
    told = {one: column(asked, layer, one) for one in names}
    if name != "sortables":
        told["geometry"] = geometry(asked, layer)
    title = layer.dataset.definition["title"][asked.language.code]
    return _document(asked, f"/collections/{layer.slug}/{name}", title, told)


def of_records(asked: Asked, name: str) -> Document:
    """``/collections/catalog/schema``, ``…/queryables`` or ``…/sortables``."""
    names: Collection[str] = SORTED if name == "sortables" else PROPERTIES
    told: dict[str, dict[str, Any]] = {}
    for one in names:
        title = TITLES[one]
        told[one] = {"title": asked.language.text(title), **_record(one)}
    if name != "sortables":
        told["geometry"] = geometry(asked, None)
    title = asked.catalogue.region["title"][asked.language.code]
    return _document(asked, f"/collections/{CATALOG}/{name}", title, told)


def _record(name: str) -> dict[str, Any]:
    if name in ("keywords", "language", "themes", "formats"):
        return {"type": "array", "items": {"type": "string"}}
    return {"type": "string", **({"format": "date-time"} if name in MOMENTS else {})}


def _document(asked: Asked, path: str, title: str, told: dict[str, Any]) -> Document:
    body = {
        "$schema": DIALECT,
        "$id": asked.href(path),
        "type": "object",
        "title": title,
        "properties": told,
        "additionalProperties": False,
    }
    return Document(body, SCHEMA_JSON)
