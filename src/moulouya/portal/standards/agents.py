"""Who publishes, who answers questions, and who runs the catalogue."""

from __future__ import annotations

from collections.abc import Iterable

from moulouya.portal.published import Record
from moulouya.portal.standards.addresses import Addresses
from moulouya.portal.standards.statements import Iri, Statements, refer, spoken


class Agents:
    """Says who somebody is, once in a document, and gives the address."""

    def __init__(self, said: Statements, addresses: Addresses) -> None:
        self._said = said
        self._addresses = addresses

    def publisher(self, name: str, publisher: Record, languages: Iterable[str]) -> Iri:
        """A publisher of region.yml, by its key there."""
        return self._said.say(
            self._addresses.part(f"publisher-{name}"),
            "foaf:Agent foaf:Organization",
            {
                "foaf:name": spoken(publisher["name"], languages),
                "foaf:homepage": refer(str(publisher["url"])),
            },
        )

    def contact(
        self, name: str, publisher: Record, otherwise: str, languages: Iterable[str]
    ) -> Iri:
        """Where to ask about a publisher's datasets; ``otherwise``: the portal's own contact."""
        return self._said.say(
            self._addresses.part(f"contact-{name}"),
            "vcard:Kind vcard:Organization",
            {
                "vcard:fn": spoken(publisher["name"], languages),
                **reached(str(publisher.get("contact") or otherwise)),
            },
        )

    def portal(self, region: Record, languages: Iterable[str]) -> Iri:
        """Who runs the catalogue."""
        return self._said.say(
            self._addresses.part("portal"),
            "foaf:Agent foaf:Organization",
            {
                "foaf:name": spoken(region["title"], languages),
                "foaf:homepage": refer(f"{self._addresses.base}/"),
            },
        )

    def desk(self, region: Record, languages: Iterable[str]) -> Iri:
        """Where to ask about the catalogue."""
        return self._said.say(
            self._addresses.part("contact"),
            "vcard:Kind vcard:Organization",
            {
                "vcard:fn": spoken(region["title"], languages),
                **reached(str(region["contact"])),
            },
        )


def reached(contact: str) -> dict[str, Iri]:
    """A contact of region.yml, an address of e-mail or of a page, as vCard has it."""
    if is_page(contact):
        return {"vcard:hasURL": refer(contact)}
    return {"vcard:hasEmail": refer(f"mailto:{contact}")}


def is_page(contact: str) -> bool:
    """True for the address of a page, False for one of e-mail."""
    return "://" in contact
