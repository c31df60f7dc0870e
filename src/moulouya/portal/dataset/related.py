"""Datasets that a reader of one may want next: those that share what sets it apart.

A feature that two datasets share counts its weight, times how rare it is among all of them (the
logarithm of one over its share). What refers to the same table can be joined, which says most;
a theme in common says least.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from moulouya.portal.dataset.derived import OncePerRelease
from moulouya.portal.published import Catalogue, PublishedDataset

WEIGHTS = {"series": 4.0, "refers": 3.0, "key": 2.0, "keyword": 2.0, "theme": 1.0, "publisher": 0.5}
MOST = 6
# A feature of more datasets than this tells too little to be worth the reading.
COMMONEST = 1000
Feature = tuple[str, str]


@dataclass(frozen=True)
class _Index:
    """The features of each dataset by its version, and the datasets that have each feature."""

    features: Mapping[str, tuple[int, frozenset[Feature]]]
    having: Mapping[Feature, tuple[str, ...]]


def related(catalogue: Catalogue, slug: str, leave: frozenset[str]) -> list[str]:
    """The slugs of the nearest datasets, the nearest first, without those of ``leave``."""
    index = _INDEX.of(catalogue)
    total = len(index.features)
    scores: Counter[str] = Counter()
    for feature in index.features[slug][1]:
        having = index.having[feature]
        if 1 < len(having) <= COMMONEST:
            worth = WEIGHTS[feature[0]] * math.log(1 + total / len(having))
            for other in having:
                scores[other] += worth  # type: ignore[assignment]
    for one in (slug, *leave):
        scores.pop(one, None)
    return sorted(scores, key=lambda other: (-scores[other], other))[:MOST]


def editions(catalogue: Catalogue, dataset: PublishedDataset) -> list[str]:
    """The slugs of the other datasets of its series, in the order of what they are about."""
    name = dataset.definition.get("series")
    having = _INDEX.of(catalogue).having.get(("series", str(name)), ()) if name else ()
    others = (catalogue.datasets[slug] for slug in having if slug != dataset.slug)

    def period(one: PublishedDataset) -> tuple[str, str]:
        return str((one.definition.get("temporal") or {}).get("start", "")), one.slug

    return [one.slug for one in sorted(others, key=period)]


def features(dataset: PublishedDataset) -> frozenset[Feature]:
    """What sets a dataset apart, as pairs of a kind and a value."""
    definition = dataset.definition
    columns: Mapping[str, Mapping[str, str]] = definition["columns"]
    refers = {column["references"] for column in columns.values() if column.get("references")}
    found = {("refers", target) for target in refers}
    found.add(("refers", dataset.slug))
    found |= {("refers", target.partition(".")[0]) for target in refers}
    found |= {("theme", theme) for theme in dataset.themes}
    if definition.get("series"):
        found.add(("series", str(definition["series"])))
    found.add(("publisher", str(definition.get("publisher"))))
    if definition.get("key"):
        found.add(("key", ",".join(sorted(definition["key"]))))
    for words in (definition.get("keywords") or {}).values():
        found |= {("keyword", word.casefold()) for word in words}
    return frozenset(found)


def _build(catalogue: Catalogue, before: _Index | None) -> _Index:
    """The index of a release; datasets at the same version as before are not read again."""
    known = before.features if before is not None else {}
    found: dict[str, tuple[int, frozenset[Feature]]] = {}
    having: dict[Feature, list[str]] = {}
    for slug, dataset in catalogue.datasets.items():
        kept = known.get(slug)
        if kept is None or kept[0] != dataset.number:
            kept = (dataset.number, features(dataset))
        found[slug] = kept
        for feature in kept[1]:
            having.setdefault(feature, []).append(slug)
    return _Index(found, {feature: tuple(slugs) for feature, slugs in having.items()})


_INDEX = OncePerRelease(_build)
