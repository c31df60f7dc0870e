"""The things that many datasets share: themes, languages, licences, places, formats.

DCAT-AP wants each typed and named in the document itself, since nobody looks them up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from moulouya.portal.ckan.licences import licence_of
from moulouya.portal.languages import N_, language
from moulouya.portal.published import Record
from moulouya.portal.standards import vocabularies
from moulouya.portal.standards.addresses import Addresses
from moulouya.portal.standards.statements import (
    Iri,
    Literal,
    Statements,
    plain,
    refer,
    spoken,
    typed,
)
from moulouya.portal.standards.vocabularies import AUTHORITY, IANA, SDG

# Of the media types in use, those that IANA has registered.
_REGISTERED = frozenset({
    "application/geo+json",
    "application/gzip",
    "application/json",
    "application/vnd.apache.parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "text/csv",
})  # fmt: skip


class Concepts:
    """Says what a shared thing is, once in a document, and gives its address."""

    def __init__(self, said: Statements, addresses: Addresses) -> None:
        self._said = said
        self._addresses = addresses

    def language(self, code: str) -> Iri:
        """A language in the EU's vocabulary."""
        return self._said.say(
            f"{AUTHORITY}/language/{vocabularies.LANGUAGES[code]}", "dct:LinguisticSystem"
        )

    def public(self) -> Iri:
        """That everybody may have it."""
        return self._said.say(
            f"{AUTHORITY}/access-right/PUBLIC", "dct:RightsStatement", _labelled("public")
        )

    def available(self) -> Iri:
        """That it is meant to stay."""
        return self._concept(f"{AUTHORITY}/planned-availability/STABLE", "stable")

    def completed(self) -> Iri:
        """That nothing of it is still to come."""
        return self._concept(f"{AUTHORITY}/distribution-status/COMPLETED", "completed")

    def theme(self, name: str, theme: Record, languages: Iterable[str]) -> Iri:
        """A theme of the region."""
        scheme = self.scheme(languages)
        return self._said.say(
            self._addresses.part(f"theme-{name}"),
            "skos:Concept",
            {
                "skos:prefLabel": spoken(theme["title"], languages),
                "skos:inScheme": scheme,
                "skos:topConceptOf": scheme,
            },
        )

    def scheme(self, languages: Iterable[str]) -> Iri:
        """The region's themes together."""
        titles = {code: language(code).text(N_("Themes")) for code in languages}
        return self._said.say(
            self._addresses.part("themes"),
            "skos:ConceptScheme",
            {"dct:title": spoken(titles, languages)},
        )

    def eu_scheme(self) -> Iri:
        """The EU's themes together."""
        return self._said.say(
            f"{AUTHORITY}/data-theme",
            "skos:ConceptScheme",
            {"dct:title": Literal("Data theme", "en")},
        )

    def eu_theme(self, code: str) -> Iri:
        """A theme of the EU's vocabulary."""
        scheme = self.eu_scheme()
        title = vocabularies.THEMES.get(code, code)
        return self._concept(f"{AUTHORITY}/data-theme/{code}", title, scheme)

    def goal(self, goal: str, labels: Mapping[str, str], languages: Iterable[str]) -> Iri:
        """A Sustainable Development Goal, or a target of one."""
        return self._said.say(
            f"{SDG}/{goal}", "skos:Concept", {"skos:prefLabel": spoken(labels, languages)}
        )

    def role(self, address: str) -> Iri:
        """The part that somebody or something plays."""
        label = address.rpartition("/")[2]
        return self._said.say(
            address, "dcat:Role skos:Concept", {"skos:prefLabel": Literal(label, "en")}
        )

    def standard(self, address: str, title: str) -> Iri:
        """What something is made according to."""
        return self._said.say(address, "dct:Standard", {"dct:title": plain(title)})

    def sha256(self) -> Iri:
        """The algorithm of every checksum."""
        return self._said.say(
            "http://spdx.org/rdf/terms#checksumAlgorithm_sha256", "spdx:ChecksumAlgorithm"
        )

    def licence(self, licence: Record) -> Iri:
        """A licence; its title is that by which CKAN's harvesters know it."""
        spdx = f"http://spdx.org/licenses/{licence['spdx']}"
        code = vocabularies.LICENCES.get(licence["spdx"])
        return self._said.say(
            f"{AUTHORITY}/licence/{code}" if code else spdx,
            "dct:LicenseDocument",
            {
                "dct:title": plain(licence_of(licence["spdx"]).title),
                "dct:identifier": plain(licence["spdx"]),
                "rdfs:label": plain(licence["title"]),
                "rdfs:seeAlso": refer(licence["url"]),
                "skos:exactMatch": refer(spdx) if code else None,
            },
        )

    def format(self, suffix: str) -> Iri | None:
        """A format of files in the EU's vocabulary, None where that has no word for it.

        CKAN's harvesters show any other address as if it were a name; without one, they take the
        end of the file's name.
        """
        if suffix not in vocabularies.FILE_TYPES:
            return None
        code, name = vocabularies.FILE_TYPES[suffix]
        return self._said.say(
            f"{AUTHORITY}/file-type/{code}", "dct:MediaTypeOrExtent", _labelled(name)
        )

    def media_type(self, name: str) -> Iri | None:
        """A media type that IANA has registered; None for another one."""
        if name not in _REGISTERED:
            return None
        return self._said.say(f"{IANA}/{name}", "dct:MediaType", _labelled(name))

    def region(self, place: Record, languages: Iterable[str]) -> Iri:
        """The region itself, with the box around it."""
        west, south, east, north = place["bbox"]
        corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
        ring = ", ".join(f"{x:g} {y:g}" for x, y in corners)
        box = typed(f"POLYGON (({ring}))", "gsp:wktLiteral")
        return self._said.say(
            self._addresses.part(f"place-{place['code']}"),
            "dct:Location",
            {
                "skos:prefLabel": spoken(place["name"], languages),
                "dct:identifier": plain(place["code"]),
                "dcat:bbox": box,
            },
        )

    def place(self, code: str) -> Iri:
        """A place of which the definition tells the code alone."""
        return self._said.say(
            self._addresses.part(f"place-{code}"), "dct:Location", {"dct:identifier": plain(code)}
        )

    def country(self, code: str, names: Mapping[str, str], languages: Iterable[str]) -> Iri:
        """A country in the EU's vocabulary."""
        return self._said.say(
            f"{AUTHORITY}/country/{code}",
            "dct:Location",
            {"skos:prefLabel": spoken(names, languages)},
        )

    def _concept(self, address: str, label: str, scheme: Iri | None = None) -> Iri:
        return self._said.say(
            address,
            "skos:Concept",
            {"skos:prefLabel": Literal(label, "en"), "skos:inScheme": scheme},
        )


def _labelled(text: str) -> dict[str, Literal]:
    return {"rdfs:label": plain(text)}
