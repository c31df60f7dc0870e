"""What a request about metadata asks for: the release, the dataset, the version."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request

from moulouya.portal import absence, downloads
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.standards.addresses import Addresses
from moulouya.portal.standards.voice import Voice

# Every site may read these.
OPEN = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag, Link"}


def voice_of(request: Request) -> Voice:
    """The release being served, under the portal's public address; 503 before the first."""
    state = request.app.state
    return Voice(downloads.served(state.current), Addresses(state.public_url))


def dataset_of(request: Request, served: Catalogue) -> PublishedDataset:
    """The dataset of the address; 404 or 410 without one."""
    slug = request.path_params["slug"]
    found = served.datasets.get(slug)
    if found is None:
        lake = request.app.state.current.lake
        raise absence.of_dataset(lake, served, slug) or HTTPException(404)
    return found


def version_of(request: Request, served: Catalogue) -> PublishedDataset:
    """The version of the address, the newest where it names none; 404 or 410 without one."""
    number = request.path_params.get("number")
    if number is None:
        return dataset_of(request, served)
    downloads.number_of(number)
    slug = request.path_params["slug"]
    return downloads.version_of(request.app.state.current, served, slug, number)
