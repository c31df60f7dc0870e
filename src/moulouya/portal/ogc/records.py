"""A dataset as a record of OGC API Records (OGC 20-004r1), in one language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import structlog

from moulouya.errors import LakeError
from moulouya.ledger import stamp
from moulouya.portal.languages import N_, Language, language
from moulouya.portal.ogc.asking import GEOJSON, HTML, JSON, Asked, link
from moulouya.portal.ogc.bounds import Box
from moulouya.portal.ogc.layers import CATALOG, box_of, layer_of
from moulouya.portal.published import Catalogue, PublishedDataset, Record, first_published
from moulouya.portal.reading import TooSlow
from moulouya.portal.standards import agents, distributions, representations
from moulouya.portal.standards.addresses import Addresses

CONFORMS = "http://www.opengis.net/spec/ogcapi-records-1/1.0/req/record-core"
# What the answers are profiles of: that of the catalogue is asked for in records, too.
PROFILES = (
    "http://www.opengis.net/def/profile/OGC/0/ogc-catalog",
    "http://www.opengis.net/def/profile/OGC/0/ogc-record",
)
TYPE = "dataset"
SCHEME = "dcat"
log = structlog.get_logger("moulouya.portal")


def record(asked: Asked, dataset: PublishedDataset) -> dict[str, Any]:
    """The record: what the dataset is about, whose it is, where it can be had."""
    catalogue, code = asked.catalogue, asked.language.code
    definition, about = dataset.definition, dataset.record
    addresses = Addresses(asked.site)
    since = first_published(catalogue.lake, dataset.slug, dataset.number, dataset.created)
    names = about["publisher"]["name"]
    credit = (definition.get("attribution") or {}).get(code)
    properties = {
        "type": TYPE,
        "title": definition["title"][code],
        "description": definition["description"][code],
        "keywords": keywords(dataset, code),
        "language": spoken(asked.language),
        "languages": [spoken(language(one)) for one in catalogue.languages],
        "created": stamp(since),
        "updated": stamp(dataset.created),
        "externalIds": [
            {"scheme": scheme, "value": value} for scheme, value in identifiers(asked, dataset)
        ],
        "themes": themes(asked, dataset.themes),
        "formats": [
            {"name": one.label, "mediaType": one.media_type}
            for one in distributions.of(dataset, addresses)
        ],
        "contacts": [
            contact(names[code], about["publisher"], "publisher", catalogue.region["contact"]),
            contact(catalogue.region["title"][code], catalogue.region, "distributor", ""),
        ],
        "license": about["licence"]["spdx"],
        "rights": credit or asked.language.text(N_("Source: %(publisher)s"), publisher=names[code]),
        "version": str(dataset.number),
    }
    return {
        "id": dataset.slug,
        "type": "Feature",
        "conformsTo": [CONFORMS],
        "time": time(dataset),
        "geometry": polygon(box(catalogue, dataset)),
        "properties": {name: one for name, one in properties.items() if one not in (None, [], "")},
        "links": links(asked, dataset, addresses),
    }


def keywords(dataset: PublishedDataset, code: str) -> list[str]:
    """The keywords in one language."""
    return [str(one) for one in (dataset.definition.get("keywords") or {}).get(code, [])]


def identifiers(asked: Asked, dataset: PublishedDataset) -> list[tuple[str, str]]:
    """What others call the dataset by: its address as DCAT-AP has it."""
    return [(SCHEME, Addresses(asked.site).dataset(dataset.slug))]


def spoken(one: Language) -> dict[str, str]:
    """A language as records describe it."""
    return {"code": one.code, "name": one.name, "dir": one.dir}


def themes(asked: Asked, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Themes as concepts of the catalogue's own scheme."""
    known: Mapping[str, Record] = asked.catalogue.region["themes"]
    code, addresses = asked.language.code, Addresses(asked.site)
    concepts = [
        {
            "id": name,
            "title": known[name]["title"][code],
            "url": f"{asked.site}/{code}/themes/{name}",
        }
        for name in names
        if name in known
    ]
    return [{"concepts": concepts, "scheme": addresses.part("themes")}] if concepts else []


def contact(name: str, said: Record, role: str, otherwise: str) -> dict[str, Any]:
    """Who publishes or distributes, and how to reach them."""
    found: dict[str, Any] = {"organization": name, "roles": [role]}
    reached = str(said.get("contact") or otherwise)
    pages = [str(said["url"])] if said.get("url") else []
    if reached and agents.is_page(reached):
        pages.append(reached)
    elif reached:
        found["emails"] = [{"value": reached}]
    if pages:
        found["links"] = [link("about", one, HTML) for one in pages]
    return found


def time(dataset: PublishedDataset) -> dict[str, Any] | None:
    """The days that the data are about, an open end as two dots; None where nobody says."""
    told = dataset.definition.get("temporal")
    if not told:
        return None
    return {"interval": [str(told["start"]), str(told.get("end") or "..")]}


def box(catalogue: Catalogue, dataset: PublishedDataset) -> Box | None:
    """Where the data lie: their own box, else that of the region where they are about all of it.

    A table that cannot be read now costs its record the box, and no more.
    """
    place = catalogue.region["place"]
    layer = layer_of(dataset)
    if layer is not None:
        try:
            return box_of(catalogue, layer)
        except (LakeError, TooSlow, duckdb.Error) as error:
            log.warning("no extent", dataset=dataset.slug, reason=str(error))
            return None
    if dataset.definition.get("spatial") in (None, place["code"]):
        west, south, east, north = place["bbox"]
        return float(west), float(south), float(east), float(north)
    return None


def polygon(found: Box | None) -> dict[str, Any] | None:
    """A box as a shape of GeoJSON, its ring counter-clockwise."""
    if found is None:
        return None
    west, south, east, north = found
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def links(asked: Asked, dataset: PublishedDataset, addresses: Addresses) -> list[dict[str, Any]]:
    """The record's own links, then the pages, the documents, the files and the features."""
    slug, code = dataset.slug, asked.language.code
    path = f"/collections/{CATALOG}/items/{slug}"
    found = [
        *asked.around(path, GEOJSON),
        asked.link("collection", f"/collections/{CATALOG}"),
        *(link("profile", one) for one in PROFILES),
        link("about", addresses.page(slug, code), HTML, dataset.definition["title"][code], code),
        *(
            link("describedby", f"{asked.site}{one.href}", one.media_type, one.standard)
            for one in representations.of_dataset(dataset)
        ),
        *(
            link("enclosure", one.address, one.compressed or one.media_type, one.label)
            for one in distributions.of(dataset, addresses)
        ),
        link("service", f"{asked.site}/api/v1/datasets/{slug}/records", JSON),
    ]
    if dataset.record["licence"].get("url"):
        found.append(link("license", str(dataset.record["licence"]["url"]), HTML))
    if layer_of(dataset) is not None:
        found.append(asked.link("items", f"/collections/{slug}/items", GEOJSON))
    return found
