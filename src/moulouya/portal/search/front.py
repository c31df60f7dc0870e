"""What home shows: themes with their counts, what is new, changed, used most, and late and why."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from moulouya.portal.freshness import Look
from moulouya.portal.languages import Language
from moulouya.portal.places.index import places_of
from moulouya.portal.presentation import Card, card
from moulouya.portal.published import Catalogue
from moulouya.portal.search.facets import Table

A_LIST = 6
MOST_LATE = 8


class Used(Protocol):
    """Who knows which datasets are used most."""

    def most_used(self, limit: int) -> list[str]:
        """Their slugs, the most used first."""


@dataclass(frozen=True)
class Late:
    """A dataset that is late, and the sentence that says why."""

    card: Card
    why: str


def gather(
    catalogue: Catalogue,
    table: Table,
    usage: Used,
    looks: Mapping[str, Look],
    language: Language,
    now: dt.datetime,
) -> dict[str, Any]:
    """Everything that home.html shows of a release."""

    def cards(slugs: Iterable[str]) -> list[Card]:
        return [
            card(catalogue.datasets[slug], looks, language, now)
            for slug in slugs
            if slug in catalogue.datasets
        ]

    late = table.late(looks, now)
    latest = [
        table.slugs[row] for row in table.sort(np.arange(table.size), "newest", language.code)
    ]
    newest = [slug for slug in latest if catalogue.datasets[slug].number == 1][:A_LIST]
    changed = [slug for slug in latest if catalogue.datasets[slug].number > 1][:A_LIST]
    overdue = [table.slugs[row] for row in np.flatnonzero(late)]
    behind = sorted(cards(overdue[: 20 * MOST_LATE]), key=lambda one: one.time.late_since or now)
    counts = Counter(theme for one in catalogue.datasets.values() for theme in one.themes)
    places = places_of(catalogue)
    return {
        "themes": [
            (f"/{language.code}/themes/{name}", theme["title"][language.code], counts[name])
            for name, theme in catalogue.region["themes"].items()
            if counts[name]
        ],
        "newest": cards(newest),
        "changed": cards(changed),
        "used": cards(usage.most_used(A_LIST)),
        "late": [Late(one, _why(one, looks.get(one.slug), language)) for one in behind[:MOST_LATE]],
        "late_total": len(overdue),
        "rows": sum(dataset.rows for dataset in catalogue.datasets.values()),
        "places": len(places.by_code) if places is not None else 0,
        "goals": len(_goals(catalogue)),
    }


def _goals(catalogue: Catalogue) -> set[str]:
    targets = (
        target for one in catalogue.datasets.values() for target in one.definition.get("sdg") or ()
    )
    return {target.partition(".")[0] for target in targets}


def _why(late: Card, look: Look | None, language: Language) -> str:
    if late.time.follows:
        return language.text("It is made from other datasets, and they have not changed in time.")
    if look is None:
        return language.text("Nobody has looked for newer figures since it was published.")
    if look.outcome == "held":
        return language.text("A newer delivery came; a person is examining it before publication.")
    if look.outcome == "failed":
        return language.text("The last attempt to read the source failed; it will be tried again.")
    return language.text("The source has not been read again in time.")
