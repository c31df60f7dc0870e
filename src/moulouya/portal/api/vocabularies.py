"""The answers about the catalogue: where to begin, what datasets are sorted by, its releases."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from moulouya import release as releases_
from moulouya.errors import LakeError
from moulouya.portal.api import found
from moulouya.portal.api.answering import FOREVER, plain
from moulouya.portal.api.datasets import counted, link
from moulouya.portal.api.describing import address
from moulouya.portal.api.faults import Refused
from moulouya.portal.api.parameters import LISTED
from moulouya.portal.downloads import number_of
from moulouya.portal.places.index import places_of
from moulouya.region import LANGUAGES
from moulouya.released import is_void


def entry(request: Request, given: dict[str, Any]) -> Response:
    """``/api/v1``: links."""
    catalogue = found.catalogue_of(request)
    url = request.app.state.public_url
    names = ("datasets", "themes", "publishers", "licences", "places", "releases", "sql")
    body = {
        "title": catalogue.region["title"],
        "release": catalogue.number,
        "links": {
            "self": address(url),
            **{name: address(url, name) for name in names},
            "openapi": f"{url}/openapi.json",
            "ckan": f"{url}/api/3",
            "database": f"{url}/catalogue.duckdb",
            **{f"page_{code}": f"{url}/{code}/api" for code in LANGUAGES},
        },
    }
    return plain(request, body)


def themes(request: Request, given: dict[str, Any]) -> Response:
    """``/themes``."""
    catalogue = found.catalogue_of(request)
    return _list(request, "themes", "theme", {
        name: {"title": one["title"]} for name, one in catalogue.region["themes"].items()
    })  # fmt: skip


def publishers(request: Request, given: dict[str, Any]) -> Response:
    """``/publishers``."""
    catalogue = found.catalogue_of(request)
    known = catalogue.region.get("publishers") or {}
    return _list(request, "publishers", "publisher", {
        name: {"name": one["name"], **({"url": str(one["url"])} if one.get("url") else {})}
        for name, one in known.items()
    })  # fmt: skip


def licences(request: Request, given: dict[str, Any]) -> Response:
    """``/licences``."""
    catalogue = found.catalogue_of(request)
    used = {one.record["licence"]["spdx"]: one.record["licence"]
            for one in catalogue.datasets.values()}  # fmt: skip
    return _list(request, "licences", "licence", {
        name: {"title": one.get("title"), "url": one.get("url")}
        for name, one in sorted(used.items())
    })  # fmt: skip


def places(request: Request, given: dict[str, Any]) -> Response:
    """``/places``: those that datasets are about."""
    catalogue = found.catalogue_of(request)
    register = places_of(catalogue)
    home = catalogue.region["place"]
    about: dict[str, dict[str, Any]] = {}
    for code in sorted(counted(catalogue, "place")):
        place = register.by_code.get(code) if register is not None else None
        if place is not None:
            about[code] = {"name": dict(place.names), "level": place.level}
        else:
            about[code] = {"name": home["name"] if code == home["code"] else {}}
    return _list(request, "places", "place", about)


def _list(request: Request, plural: str, name: str, about: dict[str, dict[str, Any]]) -> Response:
    """Values that datasets are narrowed by, each with how many there are and where they are."""
    counts = counted(found.catalogue_of(request), name)
    here = address(request.app.state.public_url, "datasets")
    listed = [
        {
            name: value,
            **more,
            "datasets": counts.get(value, 0),
            "links": {"datasets": f"{here}?{urlencode({name: value})}"},
        }
        for value, more in about.items()
    ]
    return plain(request, {plural: listed})


def releases(request: Request, given: dict[str, Any]) -> Response:
    """``/releases``: those still kept, the newest first."""
    catalogue = found.catalogue_of(request)
    lake, url = catalogue.lake, request.app.state.public_url
    known = [
        number
        for number in sorted(lake.numbers_here(lake.releases), reverse=True)
        if number <= catalogue.number
    ]
    start, limit = given["offset"], given["limit"]
    end = start + limit
    more = {} if limit == LISTED else {"limit": limit}
    following = None
    if end < len(known):
        following = f"{address(url, 'releases')}?{urlencode({**more, 'offset': end})}"
    body = {
        "total": len(known),
        "releases": [
            {"release": number, "links": {"self": address(url, "releases", number)}}
            for number in known[start:end]
        ],
        "next": following,
    }
    return plain(request, body, headers=link(following))


def release(request: Request, given: dict[str, Any]) -> Response:
    """``/releases/<n>``: which version of each dataset it shows; the same for good."""
    catalogue = found.catalogue_of(request)
    lake, url = catalogue.lake, request.app.state.public_url
    number = number_of(request.path_params["number"])
    there = number <= catalogue.number and (lake.release(number) / "manifest.json").exists()
    if not there or is_void(lake, number):
        raise Refused("not-found", f"there is no release {number}",
                      f"the newest is {catalogue.number}", parameter="number")  # fmt: skip
    try:
        manifest = releases_.read(lake, number, verify=False).manifest
    except LakeError as error:
        raise HTTPException(500) from error
    here = f"{url}/releases/{number}"
    body = {
        "release": number,
        "created": manifest["created"],
        "datasets": {
            slug: {
                "version": one["version"],
                "theme": one["theme"],
                "rows": one.get("rows"),
                "version_sha256": one["version_sha256"],
                "href": address(url, "datasets", slug, "versions", one["version"]),
            }
            for slug, one in manifest["datasets"].items()
        },
        "links": {
            "self": address(url, "releases", number),
            "manifest": f"{here}/manifest.json",
            "database": f"{here}/catalogue.duckdb",
        },
    }
    return plain(request, body, cache=FOREVER)
