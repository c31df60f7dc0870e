"""Where everything is that the standards speak of, below the address of the portal."""

from __future__ import annotations

from dataclasses import dataclass

from moulouya.portal.published import PublishedVersion


@dataclass(frozen=True)
class Addresses:
    """The portal's own address, without a slash at its end, and what lies below it.

    What has no page of its own is a fragment of the catalogue or of its dataset.
    """

    base: str

    @property
    def catalogue(self) -> str:
        """The catalogue itself."""
        return f"{self.base}/catalogue"

    def part(self, name: str) -> str:
        """Something that belongs to the catalogue: a publisher, a theme, a service, a place."""
        return f"{self.catalogue}#{name}"

    def dataset(self, slug: str) -> str:
        """A dataset, whatever its version."""
        return f"{self.base}/datasets/{slug}"

    def version(self, slug: str, number: int) -> str:
        """One version of a dataset, for good."""
        return f"{self.dataset(slug)}/versions/{number}"

    def page(self, slug: str, language: str) -> str:
        """The page of a dataset in one language."""
        return f"{self.base}/{language}/datasets/{slug}"

    def version_page(self, slug: str, number: int, language: str) -> str:
        """The page of a version in one language."""
        return f"{self.page(slug, language)}/versions/{number}"

    def file(self, version: PublishedVersion, name: str) -> str:
        """A file of a version, as it was committed."""
        return f"{self.base}/files/{version.slug}/{version.number}/{name}"

    def export(self, version: PublishedVersion, suffix: str) -> str:
        """The whole table of a version in a format that is made when it is asked for."""
        return f"{self.base}/exports/{version.slug}/{version.number}/{version.slug}.{suffix}"
