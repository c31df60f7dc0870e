"""What a record says of each property that it can be asked for and sorted by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from moulouya.ledger import stamp
from moulouya.portal.ogc import records
from moulouya.portal.ogc.asking import Asked
from moulouya.portal.published import PublishedDataset, first_published
from moulouya.portal.search.folding import fold
from moulouya.portal.standards import distributions
from moulouya.portal.standards.addresses import Addresses


def _keywords(asked: Asked, one: PublishedDataset) -> list[str]:
    return [word for code in asked.catalogue.languages for word in records.keywords(one, code)]


def _formats(asked: Asked, one: PublishedDataset) -> list[str]:
    return [each.label for each in distributions.of(one, Addresses(asked.site))]


def _created(asked: Asked, one: PublishedDataset) -> list[str]:
    since = first_published(asked.catalogue.lake, one.slug, one.number, one.created)
    return [stamp(since)]


# Which of them are moments.
MOMENTS = ("created", "updated")
PROPERTIES: dict[str, Callable[[Asked, PublishedDataset], Sequence[str]]] = {
    "id": lambda asked, one: [one.slug],
    "title": lambda asked, one: [one.definition["title"][asked.language.code]],
    "description": lambda asked, one: [one.definition["description"][asked.language.code]],
    "keywords": _keywords,
    "language": lambda asked, one: asked.catalogue.languages,
    "themes": lambda asked, one: one.themes,
    "license": lambda asked, one: [one.record["licence"]["spdx"]],
    "publisher": lambda asked, one: [str(one.definition.get("publisher") or "")],
    "formats": _formats,
    "created": _created,
    "updated": lambda asked, one: [stamp(one.created)],
}
SORTED: dict[str, Callable[[Asked, PublishedDataset], Any]] = {
    "id": lambda asked, one: one.slug,
    "title": lambda asked, one: fold(one.definition["title"][asked.language.code]),
    "updated": lambda asked, one: one.created,
}
