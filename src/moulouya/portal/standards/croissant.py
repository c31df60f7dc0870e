"""A version in Croissant 1.1, the vocabulary of data sets for machine learning (MLCommons)."""

from __future__ import annotations

from typing import Any

from moulouya.portal.dataset.citation import cite
from moulouya.portal.languages import language
from moulouya.portal.published import PublishedDataset, Record
from moulouya.portal.standards import distributions, schema_org
from moulouya.portal.standards.voice import Voice, derived_from

STANDARD = "http://mlcommons.org/croissant/1.1"
# As the standard's own library writes it, which warns of every key that is missing.
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
# By the type of a column; what is not here is a decimal.
_TYPES = {
    "text": "sc:Text",
    "json": "sc:Text",
    "geometry": "sc:Text",
    "integer": "sc:Integer",
    "number": "sc:Float",
    "boolean": "sc:Boolean",
    "date": "sc:Date",
    "datetime": "sc:DateTime",
}
_MEDIA_TYPES = {distributions.CSV_GZ: "application/gzip"}


def croissant(voice: Voice, found: PublishedDataset) -> dict[str, Any]:
    """Its files with their hashes, and the rows of its table with the type of every field."""
    definition, record = found.definition, found.record
    code = voice.languages[0]
    region, addresses = voice.catalogue.region, voice.addresses
    kept = [one for one in distributions.of(found, addresses) if one.sha256 is not None]
    table = f"{found.slug}.parquet"
    period = definition.get("temporal")
    publisher = record["publisher"]
    told = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "@id": addresses.version(found.slug, found.number),
        "conformsTo": STANDARD,
        "name": _texts(voice, definition["title"]),
        "description": {
            each: schema_org.description(found, region, language(each)) for each in voice.languages
        },
        "url": addresses.version_page(found.slug, found.number, code),
        "version": f"{found.number}.0.0",
        "datePublished": found.created.date().isoformat(),
        "dateModified": found.created.date().isoformat(),
        "license": record["licence"]["url"],
        "citeAs": cite(found, region, language(code), addresses.base).bibtex,
        "creator": {
            "@type": "sc:Organization",
            "name": _texts(voice, publisher["name"]),
            "url": str(publisher["url"]),
        },
        "publisher": {
            "@type": "sc:Organization",
            "name": _texts(voice, region["title"]),
            "url": f"{addresses.base}/",
        },
        "inLanguage": list(voice.languages),
        "keywords": [
            word
            for each in voice.languages
            for word in (definition.get("keywords") or {}).get(each, [])
        ],
        "temporalCoverage": f"{period['start']}/{period.get('end') or '..'}" if period else None,
        "isBasedOn": derived_from(voice, record),
        "isLiveDataset": False,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": f"{found.slug}.{one.suffix}",
                "name": f"{found.slug}.{one.suffix}",
                "description": language(code).text(one.purpose),
                "contentUrl": one.address,
                "contentSize": f"{one.bytes} B",
                "encodingFormat": _MEDIA_TYPES.get(one.suffix, PARQUET_OF.get(
                    one.media_type, one.media_type)),
                "sha256": one.sha256,
            }
            for one in kept
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": found.slug,
                "name": found.slug,
                "description": _texts(voice, definition["row_is"]),
                "key": [{"@id": f"{found.slug}/{name}"} for name in definition["key"]],
                "field": [
                    _field(voice, found.slug, table, one["name"], one["type"],
                           definition["columns"][one["name"]])
                    for one in record["columns"]
                ],
            }
        ],
    }  # fmt: skip
    return {name: value for name, value in told.items() if value not in (None, [], "")}


# The library reads Parquet under the name that it had before IANA registered one.
PARQUET_OF = {"application/vnd.apache.parquet": "application/x-parquet"}


def _field(
    voice: Voice, slug: str, table: str, name: str, kind: str, column: Record
) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{slug}/{name}",
        "name": name,
        "description": {
            each: f"{column['title'][each]}: {column['description'][each]}"
            for each in voice.languages
        },
        "dataType": _TYPES.get(kind, "sc:Float"),
        "source": {"fileObject": {"@id": table}, "extract": {"column": name}},
    }


def _texts(voice: Voice, texts: Record) -> dict[str, str]:
    return {code: texts[code] for code in voice.languages}
