"""What the actions answer from: datasets and resources of a release, found as CKAN names them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moulouya.portal.ckan import packages, parameter
from moulouya.portal.ckan.packages import Packages, Voice
from moulouya.portal.ckan.parameter import Parameters
from moulouya.portal.published import Catalogue, PublishedDataset

Package = dict[str, Any]


class NotFound(Exception):
    """What is asked for does not exist."""


@dataclass(frozen=True)
class Site:
    """What the actions answer from: a release, for one voice, with a way to search its words."""

    catalogue: Catalogue
    voice: Voice
    kept: Packages
    by_words: Callable[[str], list[str]]

    def dataset(self, parameters: Parameters, *names: str) -> PublishedDataset:
        """The dataset whose name or id a parameter gives. Raises Invalid, NotFound."""
        wanted = parameter.needed(parameters, *names)
        found = self.catalogue.datasets.get(wanted)
        if found is not None:
            return found
        for dataset in self.catalogue.datasets.values():
            if packages.identity(self.catalogue, "dataset", dataset.slug) == wanted:
                return dataset
        raise NotFound

    def resource(self, parameters: Parameters, *names: str) -> tuple[PublishedDataset, Package]:
        """A resource by its id, or the table of a dataset by its name."""
        wanted = parameter.needed(parameters, *names)
        for dataset in self.catalogue.datasets.values():
            if dataset.slug == wanted:
                return dataset, self.package(dataset)["resources"][0]
            if any(
                packages.identity(self.catalogue, "resource", f"{dataset.slug}.{suffix}") == wanted
                for suffix in ("csv", "parquet", "duckdb")
            ):
                for resource in self.package(dataset)["resources"]:
                    if resource["id"] == wanted:
                        return dataset, resource
        raise NotFound

    def package(self, dataset: PublishedDataset) -> Package:
        """One dataset as a package."""
        return self.kept.of(self.catalogue, dataset, self.voice)

    def packages(self) -> list[Package]:
        """Every dataset as a package."""
        return [self.package(dataset) for dataset in self.catalogue.datasets.values()]
