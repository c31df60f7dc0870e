"""How facets and their values are called in a reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moulouya.portal.goals import goal_name
from moulouya.portal.languages import N_, Language
from moulouya.portal.licence_names import title_of
from moulouya.portal.places.index import places_of
from moulouya.portal.published import Catalogue
from moulouya.portal.search.facets import FRESH, LATE
from moulouya.portal.search.listing import Found
from moulouya.portal.search.wanted import Wanted

SHOWN = 8
MOST_SHOWN = 60
TITLES = {
    "theme": N_("Theme"),
    "place": N_("Place"),
    "publisher": N_("Publisher"),
    "goal": N_("Development goal"),
    "fresh": N_("Up to date"),
    "quality": N_("Quality score"),
    "format": N_("File format"),
    "licence": N_("Licence"),
}
WORDS = {
    ("fresh", LATE): N_("late"),
    ("fresh", FRESH): N_("up to date"),
    ("quality", "high"): N_("90 to 100"),
    ("quality", "fair"): N_("75 to 90"),
    ("quality", "low"): N_("below 75"),
}
SORTS = {
    "relevance": N_("Best fit"),
    "newest": N_("Newest"),
    "name": N_("Name"),
    "rows": N_("Most rows"),
}


@dataclass(frozen=True)
class Choice:
    """A value of a facet: its words, how many datasets it gives, and the list with or without."""

    words: str
    number: int
    href: str
    chosen: bool


@dataclass(frozen=True)
class Facet:
    """A facet of a page: values to show at once and behind them; ``left`` are not shown at all."""

    name: str
    title: str
    first: list[Choice]
    more: list[Choice]
    left: int


def facets(
    catalogue: Catalogue, found: Found, wanted: Wanted, path: str, language: Language
) -> list[Facet]:
    """The facets that can narrow the list; the values chosen stand first."""
    shown = []
    for name, title in TITLES.items():
        counts = found.counts[name]
        chosen = wanted.chosen.get(name, ())
        if not chosen and all(number == found.total for number in counts.values()):
            continue
        order = [*chosen, *(value for value in counts if value not in chosen)]
        choices = [
            Choice(
                named(catalogue, name, value, language),
                counts[value],
                wanted.toggled(name, value).href(path),
                value in chosen,
            )
            for value in order[:MOST_SHOWN]
        ]
        split = max(SHOWN, len(chosen))
        split = split if len(choices) > split + 1 else len(choices)
        left = len(order) - len(choices)
        shown.append(Facet(name, language.text(title), choices[:split], choices[split:], left))
    return shown


def chips(
    catalogue: Catalogue, wanted: Wanted, path: str, language: Language
) -> list[tuple[str, str, str]]:
    """For each chosen value: its facet, its words and the list without it."""
    return [
        (
            language.text(TITLES[name]),
            named(catalogue, name, value, language),
            wanted.toggled(name, value).href(path),
        )
        for name in TITLES
        for value in wanted.chosen.get(name, ())
    ]


def named(catalogue: Catalogue, facet: str, value: str, language: Language) -> str:
    """A value in words; as it stands in the address where nobody knows it."""
    code = language.code
    if facet == "theme":
        return _title(catalogue.region["themes"], value, "title", code)
    if facet == "publisher":
        return _title(catalogue.region.get("publishers", {}), value, "name", code)
    if facet == "place":
        places = places_of(catalogue)
        if places is not None and value in places.by_code:
            return places.by_code[value].names[code]
        own = catalogue.region["place"]
        return str(own["name"][code]) if value == own["code"] else value
    if facet == "goal":
        return f"{value}. {goal_name(value, language)}" if goal_name(value, language) else value
    if facet == "licence":
        return title_of(value, language)
    return language.text(WORDS[facet, value]) if (facet, value) in WORDS else value


def _title(listed: Mapping[str, Mapping[str, Mapping[str, str]]], value: str, key: str,
           code: str) -> str:  # fmt: skip
    return listed[value][key][code] if value in listed else value
