"""``/ogc/api``: the addresses of OGC API in OpenAPI 3.0, which is what its clients read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moulouya import __version__
from moulouya.portal.ogc import filtering, parameters, patterns, schemas
from moulouya.portal.ogc.answering import Document
from moulouya.portal.ogc.asking import BASE, GEOJSON, JSON, OPENAPI, SCHEMA_JSON, Asked
from moulouya.portal.ogc.layers import CATALOG, Layer, layers
from moulouya.portal.ogc.parameters import DECLARED, EVERYWHERE
from moulouya.portal.ogc.saying import PROPERTIES, SORTED

# Collections beyond so many are told of together.
MOST_DESCRIBED = 100
PROBLEM = "application/problem+json"
LINKS = {"type": "array", "items": {"$ref": "#/components/schemas/Link"}}
TEXT = {"type": "string"}
OBJECT = {"type": "object"}


def _object(required: Sequence[str], properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": dict(properties)}


SCHEMAS: Mapping[str, Any] = {
    "Link": _object(
        ("rel", "href"), {"rel": TEXT, "href": TEXT, "type": TEXT, "title": TEXT, "hreflang": TEXT}
    ),
    "Landing": _object(("title", "links"), {"title": TEXT, "description": TEXT, "links": LINKS}),
    "Conformance": _object(("conformsTo",), {"conformsTo": {"type": "array", "items": TEXT}}),
    "Collection": _object(
        ("id", "title", "itemType", "links"),
        {
            "id": TEXT, "title": TEXT, "description": TEXT, "links": LINKS,
            "itemType": {"type": "string", "enum": ["record", "feature"]}, "extent": OBJECT,
            "crs": {"type": "array", "items": TEXT}, "storageCrs": TEXT,
        },
    ),
    "Collections": _object(
        ("links", "collections"),
        {
            "links": LINKS,
            "collections": {"type": "array", "items": {"$ref": "#/components/schemas/Collection"}},
        },
    ),
    "Feature": _object(
        ("type", "id", "geometry", "properties", "links"),
        {
            "type": {"type": "string", "enum": ["Feature"]}, "id": TEXT,
            "geometry": {"type": "object", "nullable": True}, "properties": OBJECT, "links": LINKS,
        },
    ),
    "Features": _object(
        ("type", "features", "numberReturned", "links"),
        {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": _object(("type", "id", "properties"), {})},
            "numberMatched": {"type": "integer", "minimum": 0},
            "numberReturned": {"type": "integer", "minimum": 0},
            "links": LINKS,
        },
    ),
    "Schema": _object(("$schema", "type", "properties"), {"properties": OBJECT}),
    "Problem": _object(
        ("title", "status"),
        {
            "type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT,
            "code": TEXT, "description": TEXT, "hint": TEXT, "parameter": TEXT,
        },
    ),
}  # fmt: skip


def document(asked: Asked) -> Document:
    """The document, with the parameters of each collection."""
    found = layers(asked.catalogue)
    ids = [CATALOG, *(one.slug for one in found)]
    one, here = "/collections/{collectionId}", "/collections"
    which = _in_path("collectionId", "the id of a collection", {"type": "string", "enum": ids})
    drawn = _in_path("collectionId", "the id of a collection of features",
                     {"type": "string", "enum": ids[1:]})  # fmt: skip
    feature = _in_path("featureId", "the id of a feature or of a record",
                       {"type": "string", "minLength": 1})  # fmt: skip
    paths = {
        "/": _get("landing", "Where to begin", JSON, "Landing"),
        "/conformance": _get("conformance", "What it keeps to", JSON, "Conformance"),
        "/api": _get("api", "This document", OPENAPI, ""),
        here: _get("collections", "The collections", JSON, "Collections"),
        one: _get("collection", "One collection", JSON, "Collection", path=[which]),
        **{
            f"{one}/{name}": _get(name, words, SCHEMA_JSON, "Schema", path=[which])
            for name, words in (
                ("queryables", "What a collection can be asked for"),
                ("sortables", "What a collection can be sorted by"),
                ("schema", "What features have"),
            )
        },
        f"{here}/{CATALOG}/items": _get(
            "records", "Find datasets", GEOJSON, "Features",
            [one for one in parameters.RECORDS if one not in ("sortby", "filter")],
            [_sorting(SORTED), _filter(filtering.described().types),
             *(_property(name, TEXT, "") for name in PROPERTIES)],
        ),
        **{
            f"{here}/{layer.slug}/items": _get(
                f"features_{layer.slug}",
                layer.dataset.definition["title"][asked.language.code], GEOJSON, "Features",
                [one for one in parameters.FEATURES if one not in ("sortby", "filter")],
                [_sorting(layer.simple), _filter({**layer.table.types, "geometry": "geometry"}),
                 *_columns(asked, layer)],
            )
            for layer in found[:MOST_DESCRIBED]
        },
        f"{one}/items/{{featureId}}": _get("feature", "One feature or record", GEOJSON, "Feature",
                                           parameters.ITEM, path=[which, feature]),
    }  # fmt: skip
    if found:
        paths[f"{one}/schemas/feature"] = _get(
            "featureSchema", "A feature as GeoJSON", SCHEMA_JSON, "Schema", path=[drawn]
        )
    if len(found) > MOST_DESCRIBED:
        paths[f"{one}/items"] = _get("features", "Features of a collection", GEOJSON, "Features",
                                     parameters.FEATURES, path=[drawn])  # fmt: skip
    region, code = asked.catalogue.region, asked.language.code
    contact = str(region["contact"])
    body = {
        "openapi": "3.0.3",
        "info": {
            "title": f"{region['title'][code]}: OGC API",
            "description": region["description"][code],
            "version": __version__,
            "contact": {
                "name": region["title"][code],
                **({"email": contact} if "@" in contact else {"url": contact}),
            },
        },
        # QGIS looks for the paths as they are below the landing page.
        "servers": [{"url": f"{asked.site}{BASE}"}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "parameters": {name: one.openapi for name, one in DECLARED.items()},
        },
    }
    return Document(body, OPENAPI)


def _in_path(name: str, words: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "description": words, "schema": schema}


def _sorting(names: Iterable[str]) -> dict[str, Any]:
    """``sortby`` with the names that this collection can be sorted by."""
    terms = [f"{sign}{name}" for name in names for sign in ("", "-", "+")]
    said = DECLARED["sortby"].openapi
    items = {"type": "string", "enum": terms}
    return {**said, "schema": {"type": "array", "minItems": 1, "items": items}}


def _filter(columns: Mapping[str, str]) -> dict[str, Any]:
    """``filter`` with what it looks like for these columns."""
    said = DECLARED["filter"].openapi
    return {**said, "schema": {**said["schema"], "pattern": patterns.of(columns)}}


def _columns(asked: Asked, layer: Layer) -> list[dict[str, Any]]:
    """The columns of a table as parameters, each with the schema of its queryable."""
    columns = layer.dataset.definition["columns"]
    # An empty value asks for rows without one.
    return [
        {**_property(name, schemas.kind(layer, name), columns[name]["title"][asked.language.code]),
         "allowEmptyValue": True}
        for name in schemas.parameters_of(layer)
    ]  # fmt: skip


def _property(name: str, kind: Mapping[str, Any], title: str) -> dict[str, Any]:
    words = f"only those with this value{f': {title}' if title else ''}"
    return {
        "name": name, "in": "query", "required": False, "description": words,
        "style": "form", "explode": False, "schema": dict(kind),
    }  # fmt: skip


def _get(
    name: str,
    title: str,
    media: str,
    schema: str,
    takes: Iterable[str] = EVERYWHERE,
    more: Sequence[Mapping[str, Any]] = (),
    path: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """One address: what it takes, and what it answers."""
    content = {media: {"schema": {"$ref": f"#/components/schemas/{schema}"} if schema else OBJECT}}
    answers = {
        "200": {"description": title, "content": content},
        "303": {"description": "the page of the same"},
        "304": {"description": "the client has it already"},
        "400": _problem("a parameter is not known or not understood"),
        **({"404": _problem("there is no such thing"), "410": _problem("it was withdrawn")}
           if path else {}),
        "405": _problem("only GET, HEAD and OPTIONS can be used here"),
        "414": _problem("the address is too long"),
        "500": _problem("a fault on our side, which is written down"),
        "503": _problem("too busy now, or nothing is published yet"),
    }  # fmt: skip
    return {
        "get": {
            "operationId": name,
            "summary": title,
            "parameters": [
                *path,
                *({"$ref": f"#/components/parameters/{one}"} for one in takes),
                *more,
            ],
            "responses": answers,
        }
    }


def _problem(words: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": words, "content": {PROBLEM: {"schema": schema}}}
