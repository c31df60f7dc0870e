"""Datasets and the catalogue in schema.org's words, for the search engines that read pages."""

from __future__ import annotations

from typing import Any

import orjson
from markupsafe import Markup

from moulouya.portal.languages import N_, Language
from moulouya.portal.published import Catalogue, PublishedDataset, Record, first_published
from moulouya.portal.standards import agents, distributions
from moulouya.portal.standards.addresses import Addresses
from moulouya.portal.standards.voice import Voice, derived_from

# What Google takes for the description of a dataset, in characters.
SHORTEST, LONGEST = 50, 5000
MOST_VARIABLES = 50
# Written so within a page, no text can end the element or begin another one.
_ESCAPED = str.maketrans({
    "<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029",
})  # fmt: skip


def of_dataset(voice: Voice, found: PublishedDataset, language: Language) -> Markup:
    """The element for the head of a dataset's page: the dataset, and the way to it."""
    return _script(
        [
            _dataset(voice, found, language),
            _crumbs(voice.addresses, voice.catalogue, found, language),
        ]
    )


def of_catalogue(voice: Voice, language: Language) -> Markup:
    """The element for the head of the home page: the catalogue and the site's search."""
    catalogue, addresses, code = voice.catalogue, voice.addresses, language.code
    region = catalogue.region
    home = f"{addresses.base}/{code}/"
    site = {
        "@type": "WebSite",
        "@id": f"{addresses.base}/#site",
        "name": region["title"][code],
        "url": home,
        "inLanguage": code,
        "potentialAction": {
            "@type": "SearchAction",
            "target": {
                "@type": "EntryPoint",
                "urlTemplate": f"{addresses.base}/{code}/datasets?q={{search_term_string}}",
            },
            "query-input": "required name=search_term_string",
        },
    }
    return _script([{**_catalogue(voice, language), "@type": "DataCatalog"}, site])


def description(found: PublishedDataset, region: Record, language: Language) -> str:
    """What a dataset is about, at a length that Google takes.

    A short one is followed by what one row is, the known limits, the source, the catalogue.
    """
    definition, code = found.definition, language.code
    told = str(definition["description"][code])
    more = [
        f"{language.text(N_('One row is:'))} {definition['row_is'][code]}",
        (definition.get("notes") or {}).get(code, ""),
        language.text(
            N_("Source: %(publisher)s"), publisher=found.record["publisher"]["name"][code]
        ),
        region["title"][code],
        region["description"][code],
    ]
    for text in more:
        if len(told) >= SHORTEST:
            break
        told = f"{told} {text}".strip()
    return told if len(told) <= LONGEST else f"{told[: LONGEST - 1]}…"


def _dataset(voice: Voice, found: PublishedDataset, language: Language) -> dict[str, Any]:
    definition, record, code = found.definition, found.record, language.code
    addresses, region = voice.addresses, voice.catalogue.region
    period = definition.get("temporal")
    since = first_published(voice.catalogue.lake, found.slug, found.number, found.created)
    publisher = record["publisher"]
    credit = (definition.get("attribution") or {}).get(code)
    told: dict[str, Any] = {
        "@type": "Dataset",
        "@id": addresses.dataset(found.slug),
        "name": definition["title"][code],
        "alternateName": [title for other, title in definition["title"].items() if other != code],
        "description": description(found, region, language),
        "url": addresses.page(found.slug, code),
        "identifier": addresses.dataset(found.slug),
        "inLanguage": list(voice.languages),
        "keywords": list((definition.get("keywords") or {}).get(code, [])),
        "license": record["licence"]["url"],
        "isAccessibleForFree": True,
        "creator": _organization(publisher["name"][code], str(publisher["url"]), publisher),
        "publisher": _organization(region["title"][code], f"{addresses.base}/", region),
        "includedInDataCatalog": {
            "@type": "DataCatalog",
            "@id": addresses.catalogue,
            "name": region["title"][code],
            "url": f"{addresses.base}/{code}/",
        },
        "version": str(found.number),
        "datePublished": since.date().isoformat(),
        "dateModified": found.created.date().isoformat(),
        "creditText": credit,
        "temporalCoverage": f"{period['start']}/{period.get('end') or '..'}" if period else None,
        "spatialCoverage": _place(definition, region, code),
        "variableMeasured": [
            _variable(name, definition["columns"][name], code)
            for name in list(definition["columns"])[:MOST_VARIABLES]
        ],
        "isBasedOn": derived_from(voice, record),
        "distribution": [
            {
                "@type": "DataDownload",
                "name": one.label,
                "encodingFormat": one.compressed or one.media_type,
                "contentUrl": one.address,
                "contentSize": f"{one.bytes} B" if one.bytes is not None else None,
                "sha256": one.sha256,
            }
            for one in distributions.of(found, addresses)
        ],
        "subjectOf": {
            "@type": "DataDownload",
            "name": "DCAT-AP 3.0.1",
            "encodingFormat": "text/turtle",
            "contentUrl": f"{addresses.dataset(found.slug)}.ttl",
        },
    }
    return told


def _catalogue(voice: Voice, language: Language) -> dict[str, Any]:
    region, addresses, code = voice.catalogue.region, voice.addresses, language.code
    return {
        "@id": addresses.catalogue,
        "name": region["title"][code],
        "description": region["description"][code],
        "url": f"{addresses.base}/{code}/",
        "inLanguage": list(voice.languages),
        "dateModified": voice.catalogue.created.date().isoformat(),
        "publisher": _organization(region["title"][code], f"{addresses.base}/", region),
        "spatialCoverage": _place({}, region, code),
    }


def _crumbs(
    addresses: Addresses, catalogue: Catalogue, found: PublishedDataset, language: Language
) -> dict[str, Any]:
    code, region = language.code, catalogue.region
    steps = [(language.text(N_("Datasets")), f"{addresses.base}/{code}/datasets")]
    theme = region["themes"].get(found.theme)
    if theme is not None:
        steps.append((theme["title"][code], f"{addresses.base}/{code}/themes/{found.theme}"))
    steps.append((found.definition["title"][code], addresses.page(found.slug, code)))
    return {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": position, "name": name, "item": there}
            for position, (name, there) in enumerate(steps, start=1)
        ],
    }


def _organization(name: str, url: str, contact: Record) -> dict[str, Any]:
    """``contact``: where ``contact`` may be told."""
    reached = str(contact.get("contact") or "")
    point = {"@type": "ContactPoint", "contactType": "customer support"}
    found: dict[str, Any] = {"@type": "Organization", "name": name, "url": url}
    if reached:
        way = {"url": reached} if agents.is_page(reached) else {"email": reached}
        found["contactPoint"] = {**point, **way}
    return found


def _place(definition: Record, region: Record, code: str) -> dict[str, Any]:
    place = region["place"]
    wanted = definition.get("spatial") or place["code"]
    if wanted != place["code"]:
        return {
            "@type": "Place",
            "identifier": wanted,
            "containedInPlace": {"@type": "Place", "name": place["name"][code]},
        }
    west, south, east, north = place["bbox"]
    return {
        "@type": "Place",
        "name": f"{place['name'][code]}, {place['country'][code]}",
        "identifier": place["code"],
        "geo": {"@type": "GeoShape", "box": f"{south:g} {west:g} {north:g} {east:g}"},
    }


def _variable(name: str, column: Record, code: str) -> dict[str, Any]:
    return {
        "@type": "PropertyValue",
        "name": column["title"][code],
        "alternateName": name,
        "description": column["description"][code],
        "unitText": column.get("unit"),
    }


def _script(graph: list[dict[str, Any]]) -> Markup:
    said = {"@context": "https://schema.org/", "@graph": _told(graph)}
    text = orjson.dumps(said).decode().translate(_ESCAPED)
    return Markup(f'<script type="application/ld+json">{text}</script>')  # noqa: S704  # escaped


def _told(value: Any) -> Any:
    """The same without what is not known."""
    if isinstance(value, dict):
        return {name: _told(one) for name, one in value.items() if one not in (None, [], "")}
    return [_told(one) for one in value] if isinstance(value, list) else value
