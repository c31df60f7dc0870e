"""For which release and under which addresses something is said, and what all standards share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from moulouya.portal.languages import language
from moulouya.portal.published import Catalogue, Record
from moulouya.portal.standards.addresses import Addresses
from moulouya.portal.standards.statements import Value, spoken

STAMP = "%Y-%m-%dT%H:%M:%SZ"
_WEB = re.compile(r"https?://")


@dataclass(frozen=True)
class Voice:
    """For which release and under which addresses something is said."""

    catalogue: Catalogue
    addresses: Addresses

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the catalogue, the default first."""
        return self.catalogue.languages

    def texts(self, message: str, **values: object) -> list[Value]:
        """A text of the interface in every language."""
        told = {code: language(code).text(message, **values) for code in self.languages}
        return spoken(told, self.languages)


def derived_from(voice: Voice, record: Record) -> list[str]:
    """What a version was made from: versions of other datasets, files of the source."""
    inputs: Mapping[str, int] = record.get("inputs") or {}
    taken = [str(one["url"]) for one in record.get("snapshots") or []]
    return [
        *(voice.addresses.version(slug, number) for slug, number in sorted(inputs.items())),
        *dict.fromkeys(url for url in taken if _WEB.match(url)),
    ]
