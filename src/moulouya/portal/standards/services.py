"""The services over which the data can be asked for, each told of only where it is there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from moulouya.portal.languages import N_
from moulouya.portal.standards import high_value
from moulouya.portal.standards.agents import Agents
from moulouya.portal.standards.concepts import Concepts
from moulouya.portal.standards.statements import Iri, Statements, plain, refer
from moulouya.portal.standards.voice import Voice

OPENAPI = "/openapi.json"


@dataclass(frozen=True)
class Service:
    """A service: its name in the catalogue, its address, and what it is.

    ``route``: how the application knows its address. ``described``: where a program reads how to
    use it, ``page`` where a person does, and ``standard`` what it keeps to (address and title).
    """

    name: str
    path: str
    route: str
    title: str
    about: str
    described: str | None = None
    standard: tuple[str, str] | None = None
    page: str = "/{lang}/api"


SERVICES = (
    Service(
        "sql", "/api/v1/sql", "/api/v1/sql",
        N_("SQL over HTTP"),
        N_("One statement over all datasets of the release, answered as JSON, CSV, Arrow or "
           "Parquet."),
        OPENAPI,
        page="/{lang}/sql",
    ),
    Service(
        "records", "/api/v1", OPENAPI,
        N_("Records over HTTP"),
        N_("Rows of a dataset, filtered, sorted and counted, as JSON and in other formats."),
        OPENAPI,
    ),
    Service(
        "ckan", "/api/3/action", "/api/3/action/{name}",
        N_("Action API of CKAN"),
        N_("What harvesters and clients of CKAN ask for: packages, resources and their rows."),
        standard=("https://docs.ckan.org/en/latest/api/", "CKAN Action API 3"),
    ),
    Service(
        "ogc", "/ogc", "/ogc",
        N_("OGC API"),
        N_("Records of the catalogue and features of its maps, for programs of geography."),
        "/ogc/api",
        ("https://ogcapi.ogc.org/records/", "OGC API – Records"),
    ),
)  # fmt: skip


def tell(
    said: Statements, voice: Voice, routes: Collection[str], datasets: Collection[str]
) -> list[Iri]:
    """Say what each service of the portal is, and which of the datasets spoken of it serves."""
    agents, concepts = Agents(said, voice.addresses), Concepts(said, voice.addresses)
    region = voice.catalogue.region
    base = voice.addresses.base
    offered = [one for one in SERVICES if one.route in routes]
    if not offered:
        return []
    claimed = high_value.of_services(said, voice)
    terms = said.say(
        voice.addresses.part("service-terms"),
        "dct:RightsStatement",
        {
            "rdfs:label": voice.texts(
                N_("Open to everybody; what it gives is under the licence of its dataset.")
            )
        },
    )
    return [
        said.say(
            voice.addresses.part(f"service-{one.name}"),
            "dcat:DataService",
            {
                "dct:title": voice.texts(one.title),
                "dct:description": voice.texts(one.about),
                "dct:identifier": plain(voice.addresses.part(f"service-{one.name}")),
                "dcat:endpointURL": refer(f"{base}{one.path}"),
                "dcat:endpointDescription": (
                    refer(f"{base}{one.described}") if one.described in routes else None
                ),
                "dct:conformsTo": concepts.standard(*one.standard) if one.standard else None,
                "dct:publisher": agents.portal(region, voice.languages),
                "dcat:contactPoint": agents.desk(region, voice.languages),
                "dct:accessRights": concepts.public(),
                "dct:rights": terms,
                "dcat:servesDataset": [refer(voice.addresses.dataset(slug)) for slug in datasets],
                "foaf:page": [
                    said.say(f"{base}{one.page.format(lang=code)}", "foaf:Document")
                    for code in voice.languages
                    if one.page in routes
                ],
                **claimed,
            },
        )
        for one in offered
    ]
