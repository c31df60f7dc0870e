"""The catalogue in DCAT-AP 3.0.1, in pages that tell of one another as Hydra has it."""

from __future__ import annotations

from collections.abc import Collection

from moulouya.licences import LICENCES
from moulouya.portal.standards import dcat, services
from moulouya.portal.standards.agents import Agents
from moulouya.portal.standards.concepts import Concepts
from moulouya.portal.standards.statements import Statements, refer, spoken, typed
from moulouya.portal.standards.voice import STAMP, Voice

PAGE = 100


def pages(voice: Voice) -> int:
    """How many pages the catalogue has: one at least."""
    return max(1, -(-len(voice.catalogue.datasets) // PAGE))


def page(voice: Voice, number: int, suffix: str, routes: Collection[str]) -> Statements:
    """A page of the catalogue; ``suffix``: the syntax in which the other pages are linked to."""
    catalogue, addresses = voice.catalogue, voice.addresses
    region = catalogue.region
    slugs = list(catalogue.datasets)[(number - 1) * PAGE : number * PAGE]
    said = Statements()
    said.say(addresses.catalogue, "dcat:Catalog")
    agents, concepts = Agents(said, addresses), Concepts(said, addresses)
    _hydra(said, voice, number, suffix)
    homepage = said.say(f"{addresses.base}/", "foaf:Document")
    licence = LICENCES[region["licence"]]
    said.say(
        addresses.catalogue,
        "dcat:Catalog",
        {
            "dct:title": spoken(region["title"], voice.languages),
            "dct:description": spoken(region["description"], voice.languages),
            "dct:publisher": agents.portal(region, voice.languages),
            "dcat:contactPoint": agents.desk(region, voice.languages),
            "foaf:homepage": homepage,
            "dct:modified": typed(catalogue.created.strftime(STAMP), "xsd:dateTime"),
            "dct:language": [concepts.language(code) for code in voice.languages],
            "dct:license": concepts.licence(
                {"spdx": licence.spdx, "title": licence.title, "url": licence.url}
            ),
            "dct:spatial": concepts.region(region["place"], voice.languages),
            "dct:conformsTo": concepts.standard(
                "https://semiceu.github.io/DCAT-AP/releases/3.0.1/", "DCAT-AP 3.0.1"
            ),
            "dcat:themeTaxonomy": [concepts.scheme(voice.languages), concepts.eu_scheme()],
            "dcat:service": services.tell(said, voice, routes, slugs),
            "dcat:dataset": [refer(addresses.dataset(slug)) for slug in slugs],
        },
    )
    for slug in slugs:
        said.add(dcat.dataset(voice, catalogue.datasets[slug]))
    return said


def _hydra(said: Statements, voice: Voice, number: int, suffix: str) -> None:
    """Where the other pages are, in the words of Hydra and in those that it had before.

    ckanext-dcat follows the older ones, udata those of either class.
    """
    last = pages(voice)

    def there(one: int) -> str:
        return f"{voice.addresses.catalogue}.{suffix}?page={one}"

    before = refer(there(number - 1)) if number > 1 else None
    after = refer(there(number + 1)) if number < last else None
    said.say(
        there(number),
        "hydra:PagedCollection hydra:PartialCollectionView",
        {
            "hydra:first": refer(there(1)),
            "hydra:firstPage": refer(there(1)),
            "hydra:previous": before,
            "hydra:previousPage": before,
            "hydra:next": after,
            "hydra:nextPage": after,
            "hydra:last": refer(there(last)),
            "hydra:lastPage": refer(there(last)),
            "hydra:totalItems": typed(len(voice.catalogue.datasets), "xsd:integer"),
            "hydra:itemsPerPage": typed(PAGE, "xsd:integer"),
        },
    )
