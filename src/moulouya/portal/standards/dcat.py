"""A dataset in DCAT-AP 3.0.1, with all that the profile wants typed and named beside it."""

from __future__ import annotations

from collections.abc import Iterator

from moulouya.portal.goals import goal_name
from moulouya.portal.languages import N_, language
from moulouya.portal.published import PublishedDataset, PublishedVersion, Record
from moulouya.portal.published import first_published as first
from moulouya.portal.standards import distributions, frequencies, high_value, vocabularies
from moulouya.portal.standards.agents import Agents
from moulouya.portal.standards.concepts import Concepts
from moulouya.portal.standards.distributions import Distribution
from moulouya.portal.standards.statements import (
    Iri,
    Statements,
    plain,
    refer,
    spoken,
    typed,
)
from moulouya.portal.standards.voice import STAMP, Voice, derived_from

# The formats that hold the columns under their own names, as the table schema describes them.
TABULAR = ("csv", "csv.gz", "parquet")


def dataset(voice: Voice, found: PublishedDataset) -> Statements:
    """A dataset at its newest version, as a catalogue lists it."""
    said = Statements()
    since = first(voice.catalogue.lake, found.slug, found.number, found.created)
    _describe(said, voice, found, voice.addresses.dataset(found.slug))
    pages = [_document(said, voice.addresses.page(found.slug, code)) for code in voice.languages]
    said.say(
        voice.addresses.dataset(found.slug),
        "dcat:Dataset",
        {
            "dct:issued": typed(since.strftime(STAMP), "xsd:dateTime"),
            "dct:accrualPeriodicity": _frequency(said, found),
            "dcat:landingPage": pages[0],
            "foaf:page": pages,
        },
    )
    high_value.claim(said, voice, found, voice.addresses.dataset(found.slug))
    return said


def version(voice: Voice, found: PublishedDataset) -> Statements:
    """One version of a dataset, which says of what it is a version."""
    said = Statements()
    address = voice.addresses.version(found.slug, found.number)
    _describe(said, voice, found, address)
    before = found.record.get("previous")
    said.say(
        address,
        "dcat:Dataset",
        {
            "dct:issued": typed(found.created.strftime(STAMP), "xsd:dateTime"),
            "dcat:isVersionOf": refer(voice.addresses.dataset(found.slug)),
            "dcat:previousVersion": (
                refer(voice.addresses.version(found.slug, before)) if before else None
            ),
            "dcat:landingPage": _document(
                said, voice.addresses.version_page(found.slug, found.number, voice.languages[0])
            ),
        },
    )
    return said


def versions(voice: Voice, known: list[PublishedVersion]) -> Statements:
    """Which versions a dataset has, each with what the profile wants told of a dataset.

    Not told in a catalogue: harvesters take whatever is a dataset for one more of them.
    """
    said = Statements()
    for one in known:
        definition: Record = one.record["definition"]
        whole = refer(voice.addresses.dataset(one.slug))
        address = said.say(
            voice.addresses.version(one.slug, one.number),
            "dcat:Dataset",
            {
                "dct:title": spoken(definition["title"], voice.languages),
                "dct:description": spoken(definition["description"], voice.languages),
                "dct:issued": typed(one.created.strftime(STAMP), "xsd:dateTime"),
                "dcat:version": plain(one.number),
                "dcat:isVersionOf": whole,
            },
        )
        said.say(whole.address, "dcat:Dataset", {"dcat:hasVersion": address})
    return said


def _describe(said: Statements, voice: Voice, found: PublishedDataset, address: str) -> None:
    """What is said of a dataset and of one of its versions alike."""
    languages = voice.languages
    definition, record = found.definition, found.record
    said.say(address, "dcat:Dataset")
    agents, concepts = Agents(said, voice.addresses), Concepts(said, voice.addresses)
    publisher = agents.publisher(definition["publisher"], record["publisher"], languages)
    notes = definition.get("notes") or {}
    said.say(
        address,
        "dcat:Dataset",
        {
            "dct:title": spoken(definition["title"], languages),
            "dct:description": spoken(definition["description"], languages),
            "dct:identifier": plain(address),
            "dct:publisher": publisher,
            "dcat:contactPoint": agents.contact(
                definition["publisher"],
                record["publisher"],
                str(voice.catalogue.region["contact"]),
                languages,
            ),
            "dct:modified": typed(found.created.strftime(STAMP), "xsd:dateTime"),
            "dcat:version": plain(found.number),
            "rdfs:comment": spoken(notes, languages),
            "dct:language": [concepts.language(code) for code in languages],
            "dct:accessRights": concepts.public(),
            "dcat:keyword": [
                word
                for code in languages
                for text in (definition.get("keywords") or {}).get(code, [])
                for word in spoken({code: text}, [code])
            ],
            "dcat:theme": list(_themes(voice, found, concepts)),
            "dcat:inSeries": _series(said, voice, found),
            "dct:spatial": list(_places(voice, definition, concepts)),
            "dct:temporal": _period(said, address, definition),
            "dct:conformsTo": (
                concepts.standard(vocabularies.CRS84, "OGC:CRS84")
                if "geometry" in {one["type"] for one in record["columns"]}
                else None
            ),
            "dct:provenance": _provenance(said, voice, found, address),
            "prov:wasDerivedFrom": [refer(there) for there in derived_from(voice, record)],
            "prov:qualifiedAttribution": said.say(
                f"{address}#distributor",
                "prov:Attribution",
                {
                    "prov:agent": agents.portal(voice.catalogue.region, languages),
                    "dcat:hadRole": concepts.role(f"{vocabularies.INSPIRE_ROLE}/distributor"),
                },
            ),
            "dcat:qualifiedRelation": [
                said.say(
                    f"{address}#from-{slug}",
                    "dcat:Relationship",
                    {
                        "dct:relation": refer(voice.addresses.version(slug, number)),
                        "dcat:hadRole": concepts.role(f"{vocabularies.IANA_RELATION}/via"),
                    },
                )
                for slug, number in sorted((record.get("inputs") or {}).items())
            ],
            "dcat:distribution": [
                _distribution(said, voice, found, address, one, concepts)
                for one in distributions.of(found, voice.addresses)
            ],
        },
    )


def _series(said: Statements, voice: Voice, found: PublishedDataset) -> Iri | None:
    """The series that it is an edition of; None where the region knows none by that name."""
    known = voice.catalogue.region.get("series") or {}
    name = found.definition.get("series")
    if name not in known:
        return None
    return said.say(
        voice.addresses.part(f"series-{name}"),
        "dcat:DatasetSeries",
        {
            "dct:title": spoken(known[name]["title"], voice.languages),
            "dct:description": spoken(known[name]["description"], voice.languages),
        },
    )


def _themes(voice: Voice, found: PublishedDataset, concepts: Concepts) -> Iterator[Iri]:
    known = voice.catalogue.region["themes"]
    for name in found.themes:
        if name in known:
            yield concepts.theme(name, known[name], voice.languages)
            if known[name].get("eu"):
                yield concepts.eu_theme(known[name]["eu"])
    for goal in found.definition.get("sdg") or []:
        names = {code: goal_name(goal, language(code)) for code in voice.languages}
        labels = {code: f"{goal} {name}".strip() for code, name in names.items()}
        yield concepts.goal(goal, labels, voice.languages)


def _places(voice: Voice, definition: Record, concepts: Concepts) -> Iterator[Iri]:
    home: Record = voice.catalogue.region["place"]
    code = definition.get("spatial") or home["code"]
    yield concepts.region(home, voice.languages)
    if code != home["code"]:
        yield concepts.place(code)
    country = vocabularies.country(home["country"]["en"])
    if country is not None:
        yield concepts.country(country, home["country"], voice.languages)


def _period(said: Statements, address: str, definition: Record) -> Iri | None:
    told = definition.get("temporal")
    if not told:
        return None
    end = told.get("end")
    return said.say(
        f"{address}#period",
        "dct:PeriodOfTime",
        {
            "dcat:startDate": typed(told["start"], "xsd:date"),
            "dcat:endDate": typed(end, "xsd:date") if end else None,
        },
    )


def _provenance(said: Statements, voice: Voice, found: PublishedDataset, address: str) -> Iri:
    languages = voice.languages
    names = found.record["publisher"]["name"]
    credit = found.definition.get("attribution") or {
        code: language(code).text(N_("Source: %(publisher)s"), publisher=names[code])
        for code in languages
    }
    return said.say(
        f"{address}#provenance",
        "dct:ProvenanceStatement",
        {"rdfs:label": spoken(credit, languages)},
    )


def _frequency(said: Statements, found: PublishedDataset) -> Iri | None:
    word = frequencies.of(found.definition)
    if word is None:
        return None
    return said.say(f"{vocabularies.AUTHORITY}/frequency/{word}", "dct:Frequency")


def _document(said: Statements, address: str) -> Iri:
    return said.say(address, "foaf:Document")


def _distribution(
    said: Statements,
    voice: Voice,
    found: PublishedDataset,
    address: str,
    one: Distribution,
    concepts: Concepts,
) -> Iri:
    checksum = None
    here = f"{address}#{one.suffix}"
    if one.sha256 is not None:
        checksum = said.say(
            f"{here}-sha256",
            "spdx:Checksum",
            {
                "spdx:algorithm": concepts.sha256(),
                "spdx:checksumValue": typed(one.sha256, "xsd:hexBinary"),
            },
        )
    when = typed(found.created.strftime(STAMP), "xsd:dateTime")
    return said.say(
        here,
        "dcat:Distribution",
        {
            "dct:title": plain(one.label),
            "dct:description": voice.texts(one.purpose),
            "dcat:accessURL": refer(one.address),
            "dcat:downloadURL": refer(one.address),
            "dct:format": concepts.format(one.suffix),
            "dcat:mediaType": concepts.media_type(one.media_type),
            "dcat:compressFormat": concepts.media_type(one.compressed) if one.compressed else None,
            "dcat:byteSize": (
                typed(one.bytes, "xsd:nonNegativeInteger") if one.bytes is not None else None
            ),
            "spdx:checksum": checksum,
            "dct:license": concepts.licence(found.record["licence"]),
            "dct:issued": when,
            "dct:modified": when,
            "dcatap:availability": concepts.available(),
            "adms:status": concepts.completed(),
            "dct:conformsTo": (
                concepts.standard(
                    f"{voice.addresses.version(found.slug, found.number)}/datapackage.json",
                    "Table Schema",
                )
                if one.suffix in TABULAR
                else None
            ),
        },
    )
