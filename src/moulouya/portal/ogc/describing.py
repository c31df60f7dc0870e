"""Where to begin, what is kept to, and which collections there are."""

from __future__ import annotations

from typing import Any

import duckdb
import structlog

from moulouya.errors import LakeError
from moulouya.ledger import stamp
from moulouya.portal.languages import N_, language
from moulouya.portal.ogc import records, schemas
from moulouya.portal.ogc.answering import Document
from moulouya.portal.ogc.asking import (
    CATALOG_JSON,
    GEOJSON,
    HTML,
    JSON,
    OPENAPI,
    SCHEMA_JSON,
    Asked,
    link,
)
from moulouya.portal.ogc.layers import CATALOG, Layer, box_of, layers
from moulouya.portal.ogc.parameters import CRS84
from moulouya.portal.published import first_published
from moulouya.portal.reading import TooSlow
from moulouya.portal.standards import distributions
from moulouya.portal.standards.addresses import Addresses

GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
RELATIONS = "http://www.opengis.net/def/rel/ogc/1.0"
SPECIFICATIONS = "http://www.opengis.net/spec"
CLASSES = {
    "ogcapi-common-1/1.0": ("core", "landing-page", "json", "html", "oas30"),
    "ogcapi-common-2/1.0": ("collections",),
    "ogcapi-features-1/1.0": ("core", "geojson", "html", "oas30"),
    "ogcapi-features-2/1.0": ("crs",),
    "ogcapi-features-3/1.0": (
        "queryables", "queryables-query-parameters", "filter", "features-filter",
    ),
    "ogcapi-features-5/1.0": (
        "schemas", "core-roles-features", "returnables-and-receivables", "queryables", "sortables",
    ),
    # The name under which Part 5 of Features is becoming a part of Common.
    "ogcapi-common-3/1.0": (
        "schemas", "advanced-property-roles", "returnables-and-receivables", "queryables",
        "sortables",
    ),
    "ogcapi-records-1/1.0": (
        "record-core", "record-collection", "record-core-query-parameters", "records-api",
        "filtering", "sorting", "searchable-catalog", "searchable-catalog-filtering",
        "searchable-catalog-sorting", "json", "html", "oas30",
    ),
    "cql2/1.0": (
        "cql2-text", "basic-cql2", "advanced-comparison-operators", "case-insensitive-comparison",
        "accent-insensitive-comparison", "basic-spatial-functions", "basic-spatial-functions-plus",
        "spatial-functions", "property-property", "arithmetic",
    ),
}  # fmt: skip
log = structlog.get_logger("moulouya.portal")


def landing(asked: Asked) -> Document:
    """``/ogc``."""
    region, code = asked.catalogue.region, asked.language.code
    text = asked.language.text
    body = {
        "title": region["title"][code],
        "description": region["description"][code],
        "attribution": region["title"][code],
        "links": [
            *asked.around(""),
            asked.link("service-desc", "/api", OPENAPI, text(N_("This API in OpenAPI"))),
            link("service-doc", f"{asked.site}/{code}/ogc/api", HTML,
                 text(N_("This API for people")), code),
            asked.link("conformance", "/conformance", JSON, text(N_("What it keeps to"))),
            asked.link(f"{RELATIONS}/conformance", "/conformance"),
            asked.link("data", "/collections", JSON, text(N_("Collections"))),
            asked.link(f"{RELATIONS}/data", "/collections"),
            asked.link(f"{RELATIONS}/ogc-catalog", f"/collections/{CATALOG}"),
        ],
    }  # fmt: skip
    return Document(body, JSON)


def conformance(asked: Asked) -> Document:
    """``/ogc/conformance``."""
    kept = [
        f"{SPECIFICATIONS}/{part}/conf/{name}"
        for part, names in CLASSES.items()
        for name in names
        if name != "queryables-query-parameters" or _all_parameters(asked)
    ]
    return Document({"conformsTo": kept, "links": asked.around("/conformance")}, JSON)


def _all_parameters(asked: Asked) -> bool:
    """False where a column is called like a parameter of the standards, and can be none itself."""
    return all(
        len(schemas.parameters_of(one)) == len(one.simple) for one in layers(asked.catalogue)
    )


def collections(asked: Asked) -> Document:
    """``/ogc/collections``: the catalogue, then every dataset that lies on a map."""
    found = [_catalog(asked), *(_layer(asked, one) for one in layers(asked.catalogue))]
    return Document({"links": asked.around("/collections"), "collections": found}, JSON)


def collection(asked: Asked, layer: Layer | None) -> Document:
    """``/ogc/collections/<id>``; None for the catalogue."""
    found = _catalog(asked) if layer is None else _layer(asked, layer)
    path = f"/collections/{found['id']}"
    links = [*asked.around(path), *(one for one in found["links"] if one["rel"] != "self")]
    # Records has a type of its own for catalogues, which is given to whoever asks for it.
    wanted = layer is None and CATALOG_JSON in asked.request.headers.get("accept", "")
    return Document({**found, "links": links}, CATALOG_JSON if wanted else JSON)


def _catalog(asked: Asked) -> dict[str, Any]:
    catalogue, code = asked.catalogue, asked.language.code
    region, path = catalogue.region, f"/collections/{CATALOG}"
    everyone = [records.spoken(language(one)) for one in catalogue.languages]
    west, south, east, north = region["place"]["bbox"]
    return {
        "id": CATALOG,
        "type": "Collection",
        "itemType": "record",
        "title": region["title"][code],
        "description": region["description"][code],
        "language": records.spoken(asked.language),
        "languages": everyone,
        "recordLanguages": everyone,
        "updated": stamp(catalogue.created),
        "conformsTo": [records.CONFORMS],
        "license": region["licence"],
        "themes": records.themes(asked, tuple(region["themes"])),
        "contacts": [records.contact(region["title"][code], region, "publisher", "")],
        "crs": [CRS84],
        "extent": {"spatial": {"bbox": [[west, south, east, north]], "crs": CRS84}},
        "links": [
            asked.link("self", path),
            asked.link("items", f"{path}/items", GEOJSON, region["title"][code]),
            link("items", f"{asked.site}/{code}/ogc{path}/items", HTML, "", code),
            *_schemas(asked, path),
            link("profile", records.PROFILES[0]),
            link("alternate", f"{asked.site}/catalogue.ttl", "text/turtle", "DCAT-AP 3.0.1"),
            link("about", f"{asked.site}/{code}/datasets", HTML, "", code),
        ],
    }


def _schemas(asked: Asked, path: str) -> list[dict[str, Any]]:
    return [
        asked.link(f"{RELATIONS}/queryables", f"{path}/queryables", SCHEMA_JSON),
        asked.link(f"{RELATIONS}/sortables", f"{path}/sortables", SCHEMA_JSON),
        asked.link(f"{RELATIONS}/schema", f"{path}/schema", SCHEMA_JSON),
    ]


def _layer(asked: Asked, layer: Layer) -> dict[str, Any]:
    dataset, code = layer.dataset, asked.language.code
    definition, path = dataset.definition, f"/collections/{layer.slug}"
    addresses = Addresses(asked.site)
    title = definition["title"][code]
    since = first_published(asked.catalogue.lake, dataset.slug, dataset.number, dataset.created)
    names = dataset.record["publisher"]["name"]
    licence = dataset.record["licence"]
    found = {
        "id": layer.slug,
        "itemType": "feature",
        "title": title,
        "description": definition["description"][code],
        "attribution": (definition.get("attribution") or names)[code],
        "keywords": records.keywords(dataset, code),
        "license": licence["spdx"],
        "created": stamp(since),
        "updated": stamp(dataset.created),
        "crs": [CRS84],
        "storageCrs": CRS84,
        "extent": _extent(asked, layer),
        "links": [
            asked.link("self", path),
            asked.link("items", f"{path}/items", GEOJSON, title),
            link("items", f"{asked.site}/{code}/ogc{path}/items", HTML, title, code),
            *_schemas(asked, path),
            # GDAL types the columns by this; up to 3.6 it wants the name written in this way.
            *(
                asked.link(rel, f"{path}/schemas/feature", SCHEMA_JSON)
                for rel in ("describedby", "describedBy")
            ),
            asked.link("describedby", f"/collections/{CATALOG}/items/{layer.slug}", GEOJSON),
            link("about", addresses.page(layer.slug, code), HTML, title, code),
            *(
                link("enclosure", one.address, one.compressed or one.media_type, one.label)
                for one in distributions.of(dataset, addresses)
            ),
            *([link("license", str(licence["url"]), HTML)] if licence.get("url") else []),
        ],
    }
    return {name: one for name, one in found.items() if one not in ([], {})}


def _extent(asked: Asked, layer: Layer) -> dict[str, Any]:
    """How far the features go in space and time, as far as it is known.

    A table that cannot be read now costs its collection the box, and no more.
    """
    found: dict[str, Any] = {}
    try:
        box = box_of(asked.catalogue, layer)
    except (LakeError, TooSlow, duckdb.Error) as error:
        log.warning("no extent", dataset=layer.slug, reason=str(error))
        box = None
    if box is not None:
        found["spatial"] = {"bbox": [list(box)], "crs": CRS84}
    interval = _interval(layer)
    if interval is not None:
        found["temporal"] = {"interval": [interval], "trs": GREGORIAN}
    return found


def _interval(layer: Layer) -> list[str | None] | None:
    """From the column of days or times, else what the dataset says it is about."""
    if layer.instant:
        columns = {one["name"]: one for one in layer.dataset.record["columns"]}
        ends = [columns[layer.instant].get(side) for side in ("min", "max")]
        return _ends(*ends)
    told = layer.dataset.definition.get("temporal")
    if not told:
        return None
    return _ends(told["start"], told.get("end"))


def _ends(start: object, end: object) -> list[str | None]:
    """Both ends as RFC 3339 writes them; None for an open one."""
    return [
        _moment(str(start), "T00:00:00Z") if start else None,
        _moment(str(end), "T23:59:59Z") if end else None,
    ]


def _moment(text: str, second: str) -> str:
    """A day with its first or last second; a time as it is."""
    if len(text) == 10:
        return f"{text}{second}"
    return text.replace(" ", "T").replace("+00:00", "Z").replace("+00", "Z")
