"""The dataset and the version that an address is about."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request

from moulouya.portal import absence, downloads
from moulouya.portal.api.faults import Refused, unknown
from moulouya.portal.published import SLUG, Catalogue, PublishedDataset


def catalogue_of(request: Request) -> Catalogue:
    """The release being served; 503 before the first."""
    return downloads.served(request.app.state.current)


def dataset_of(request: Request) -> tuple[Catalogue, PublishedDataset]:
    """The release and the dataset of the address; 410 for one that was withdrawn.

    Raises Refused for one that never was.
    """
    catalogue = catalogue_of(request)
    slug = request.path_params["slug"]
    dataset = catalogue.datasets.get(slug)
    if dataset is None:
        gone = absence.of_dataset(request.app.state.current.lake, catalogue, slug)
        if gone is not None:
            raise gone
        known = list(catalogue.datasets) if SLUG.fullmatch(slug) else []
        raise unknown("not-found", "dataset", slug, known, "slug")
    return catalogue, dataset


def version_of(request: Request) -> tuple[Catalogue, PublishedDataset]:
    """The release and the dataset at the version of the address; 410 for one that is gone.

    Raises Refused for one that never was.
    """
    catalogue, dataset = dataset_of(request)
    number = request.path_params["number"]
    try:
        return catalogue, downloads.version_of(
            request.app.state.current, catalogue, dataset.slug, number
        )
    except HTTPException as error:
        if error.status_code != 404:
            raise
        raise Refused(
            "not-found", f"{dataset.slug} has no version {number[:20]}",
            f"the newest is {dataset.number}", parameter="number",
        ) from error  # fmt: skip


def attribution(dataset: PublishedDataset) -> str:
    """Who is to be named with these data, in the language that most programs' users share."""
    said: Mapping[str, str] = dataset.definition.get("attribution") or {}
    return str(said.get("en") or dataset.record["publisher"]["name"]["en"])


def units(dataset: PublishedDataset) -> dict[str, str]:
    """The unit of every column that has one."""
    columns: Mapping[str, Mapping[str, object]] = dataset.definition["columns"]
    return {name: str(one["unit"]) for name, one in columns.items() if one.get("unit")}
