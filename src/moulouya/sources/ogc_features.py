"""A collection of an OGC API Features service, page by page."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from moulouya import web
from moulouya.definition import OgcFeaturesSource
from moulouya.errors import SourceError, did_you_mean
from moulouya.sources.delivery import Delivery, Request
from moulouya.sources.paging import Call, Page, collect, delivery, glance, linked
from moulouya.sources.templates import filled

CORE = re.compile(r"/spec/ogcapi-features-1/[\d.]+(-draft\.\d+)?/(conf|req)/core$")
GEOJSON = {"Accept": "application/geo+json, application/json;q=0.9"}
JSON = {"Accept": "application/json"}


def fetch(source: OgcFeaturesSource, request: Request) -> Delivery:
    """Pull every feature of the collection by its next links, in CRS84, the standard's default.

    The service says at its landing page what it conforms to, and the collection that it holds
    features (OGC 17-069r4, sections 7.2, 7.4 and 7.14). numberMatched and numberReturned, which
    are optional, are held against what came; without numberMatched the pages are read until two
    readings agree. Raises SourceError, also when there is no feature.
    """
    parts = urlsplit(str(source.url))
    query = dict(parse_qsl(parts.query, keep_blank_values=True))  # such as f=json
    home = parts._replace(path=parts.path.rstrip("/"), query="").geturl()
    items = f"{home}/collections/{quote(source.collection, safe='')}/items"
    asked = {**query, **filled(source.params, request.interval), "limit": source.page_size}
    if source.bbox is not None:
        asked["bbox"] = ",".join(map(str, source.bbox))
    with web.client(source, request) as client:

        def look(path: str) -> Any:
            return glance(client, request, Call(home + path, query, JSON))[1]

        _check_service(home, look)
        _check_collection(home, source.collection, look)
        _, sample = glance(client, request, Call(items, {**asked, "limit": 1}, GEOJSON))
        _features(items, sample)

        def follow(page: Page) -> Call | None:
            link = _next(page)
            return None if link is None else linked(client, page, link)

        anonymous = count()  # features without an id are all different ones
        pages = collect(
            client,
            request,
            first=Call(items, asked, GEOJSON),
            follow=follow,
            records=lambda document: _features(items, document),
            total=_matched,
            key=lambda feature: feature.get("id", ("no id", next(anonymous))),
            suffix=".geojson",
            confirm=_matched(sample) is None,
        )
    if pages.records == 0:
        raise SourceError(
            f"{items} has no features" + (" for these parameters" if len(asked) > 1 else ""),
            hint="check source.collection, source.bbox and source.params",
        )
    return delivery(pages, state={"records": pages.records})


def _check_service(home: str, look: Callable[[str], Any]) -> None:
    """Raises SourceError for a landing page, or a service, that is of another kind."""
    landing = look("")
    if not isinstance(landing, dict) or not isinstance(landing.get("links"), list):
        raise SourceError(
            f"{home} is no landing page of an OGC API: it has no links",
            hint="source.url is the address above /collections",
        )
    said = look("/conformance")
    classes = said.get("conformsTo") if isinstance(said, dict) else None
    if not any(CORE.search(str(one)) for one in classes or ()):
        raise SourceError(
            f"{home} does not conform to OGC API Features",
            hint="it may be OGC API Records or Tiles; for a WFS use kind: wfs",
        )


def _check_collection(home: str, wanted: str, look: Callable[[str], Any]) -> None:
    """Raises SourceError when there is no such collection of features; names those there are."""
    said = look("/collections")
    listed = said.get("collections") if isinstance(said, dict) else None
    known = {str(one.get("id")): one for one in listed or () if isinstance(one, dict)}
    if wanted not in known:
        raise SourceError(
            f"{home} has no collection {wanted!r}{did_you_mean(wanted, known)}",
            hint=f"it has: {', '.join(list(known)[:50])}",
        )
    kind = known[wanted].get("itemType", "feature")
    if kind != "feature":
        raise SourceError(f"the collection {wanted!r} holds no features but {kind}")


def _features(url: str, document: Any) -> list[Any]:
    """The features of a page; raises SourceError when it says that it has another number."""
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or document.get("type") != "FeatureCollection":
        raise SourceError(
            f"{url} answered no GeoJSON feature collection",
            hint="the service must offer application/geo+json",
        )
    returned = document.get("numberReturned")
    if isinstance(returned, int) and returned != len(features):
        raise SourceError(
            f"{url} says that it returned {returned} features and sent {len(features)}",
            hint="the service is at fault or the answer was cut short; tell the publisher",
            retry=True,
        )
    return features


def _matched(document: Any) -> int | None:
    matched = document.get("numberMatched")
    return matched if isinstance(matched, int) else None


def _next(page: Page) -> str | None:
    """The next link in the document; of several the one to GeoJSON."""
    links = [
        one
        for one in page.document.get("links") or ()
        if one.get("rel") == "next" and one.get("href")
    ]
    links.sort(key=lambda one: "json" not in str(one.get("type", "json")))
    return str(links[0]["href"]) if links else page.response.link("next")
