"""What DCAT-AP for High-Value Datasets 3.0 adds to a dataset whose definition claims to be one.

https://semiceu.github.io/DCAT-AP/releases/3.0.0-hvd/: the act and the category on the dataset and
on every service that gives access to it, the act on its files. Nothing is said by default, and
nothing of a single version: what is reported to the European Commission is the dataset.
"""

from __future__ import annotations

from collections.abc import Iterable

from moulouya.portal.languages import N_, Language
from moulouya.portal.published import PublishedDataset
from moulouya.portal.standards.statements import Iri, Statements, Value
from moulouya.portal.standards.voice import Voice

REGULATION = "http://data.europa.eu/eli/reg_impl/2023/138/oj"
VOCABULARY = "http://data.europa.eu/bna"
SCHEME = f"{VOCABULARY}/asd487ae75"
# By the name that a definition has for it: the concept in the EU's vocabulary, and its title.
CATEGORIES = {
    "geospatial": ("c_ac64a52d", N_("Geospatial")),
    "earth_observation_and_environment": (
        "c_dd313021", N_("Earth observation and environment")
    ),
    "meteorological": ("c_164e0bf5", N_("Meteorological")),
    "statistics": ("c_e1da4e07", N_("Statistics")),
    "companies_and_company_ownership": (
        "c_a9135398", N_("Companies and company ownership")
    ),
    "mobility": ("c_b79e35eb", N_("Mobility")),
}  # fmt: skip
LEGISLATION, CATEGORY = "dcatap:applicableLegislation", "dcatap:hvdCategory"


def categories(found: PublishedDataset) -> list[str]:
    """The categories that a dataset's definition claims, none where it claims nothing."""
    told = found.definition.get("high_value") or {}
    return [name for name in told.get("categories") or [] if name in CATEGORIES]


def titles(found: PublishedDataset, language: Language) -> list[str]:
    """What the claimed categories are called, for a reader."""
    return [language.text(CATEGORIES[name][1]) for name in categories(found)]


def claim(said: Statements, voice: Voice, found: PublishedDataset, address: str) -> None:
    """Say of a dataset, and of its files, what its definition claims."""
    if not categories(found):
        return
    acts = _acts(said, [found])
    said.say(
        address,
        "dcat:Dataset",
        {LEGISLATION: acts, CATEGORY: _concepts(said, voice, [found])},
    )
    for file in said.things[address].get("dcat:distribution", []):
        if isinstance(file, Iri):
            said.say(file.address, "dcat:Distribution", {LEGISLATION: acts})


def of_services(said: Statements, voice: Voice) -> dict[str, list[Value]]:
    """What each service of the portal has to say, since it serves every dataset there is."""
    claimed = [one for one in voice.catalogue.datasets.values() if categories(one)]
    return {LEGISLATION: _acts(said, claimed), CATEGORY: _concepts(said, voice, claimed)}


def _acts(said: Statements, claimed: Iterable[PublishedDataset]) -> list[Value]:
    addresses = [
        act
        for one in claimed
        for act in (REGULATION, *one.definition["high_value"].get("legislation", ()))
    ]
    return [said.say(str(act), "eli:LegalResource") for act in dict.fromkeys(addresses)]


def _concepts(
    said: Statements, voice: Voice, claimed: Iterable[PublishedDataset]
) -> list[Value]:  # fmt: skip
    names = dict.fromkeys(name for one in claimed for name in categories(one))
    return [_concept(said, voice, *CATEGORIES[name]) for name in names]


def _concept(said: Statements, voice: Voice, code: str, title: str) -> Iri:
    scheme = said.say(
        SCHEME,
        "skos:ConceptScheme",
        {"dct:title": voice.texts(N_("High-value dataset categories"))},
    )
    return said.say(
        f"{VOCABULARY}/{code}",
        "skos:Concept",
        {"skos:prefLabel": voice.texts(title), "skos:inScheme": scheme},
    )
