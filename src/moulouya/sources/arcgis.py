"""A layer of an ArcGIS feature or map service, as GeoJSON in CRS84."""

from __future__ import annotations

from typing import Any

from moulouya import web
from moulouya.definition import ArcgisSource
from moulouya.errors import SourceError
from moulouya.sources.delivery import Delivery, Request
from moulouya.sources.paging import Call, Drift, Page, collect, delivery, glance

DEFAULT_SIZE = 1000  # of servers that name no largest


def fetch(source: ArcgisSource, request: Request) -> Delivery | None:
    """Pull every feature in the order of its object id, held against the server's own count.

    None when the layer says that it was not edited since the last delivery. Raises SourceError,
    also for errors that the server sends with status 200, and for a layer without GeoJSON.
    """
    layer = str(source.url).rstrip("/")
    with web.client(source, request) as client:
        about = _checked(layer, glance(client, request, Call(layer, {"f": "json"}))[1])
        id_field = _id_field(layer, about)
        most = about.get("maxRecordCount") or DEFAULT_SIZE
        size = min(source.page_size or most, most)
        query = f"{layer}/query"
        asked = {
            "where": source.where,
            "outFields": ",".join(source.out_fields),
            "outSR": 4326,
            "f": "geojson",
            "orderByFields": id_field,
        }
        if not _has_geojson(about):
            raise SourceError(
                f"{layer} answers no GeoJSON, only {about.get('supportedQueryFormats')}",
                hint="ArcGIS Server does since 10.4: ask the publisher for a file, or another "
                "service of the same data",
            )

        edits = [_edited(about)]

        def count() -> int:
            edited = _edited(
                _checked(layer, glance(client, request, Call(layer, {"f": "json"}))[1])
            )
            if edited != edits[-1]:
                edits.append(edited)
                raise Drift("the layer was edited")
            call = Call(query, {"where": source.where, "returnCountOnly": True, "f": "json"})
            said = _checked(query, glance(client, request, call)[1]).get("count")
            if not isinstance(said, int):
                raise SourceError(f"{query} does not say how many features there are")
            return said

        state = {"asked": Call(query, asked).identity, "edited": edits[-1]}
        known = {name: request.state.get(name) for name in state}
        unedited = state["edited"] is not None and known == state
        if unedited and request.state.get("records") == count():
            return None
        paged = (about.get("advancedQueryCapabilities") or {}).get("supportsPagination", True)
        first = {**asked, "resultOffset": 0, "resultRecordCount": size} if paged else asked

        def follow(page: Page) -> Call | None:
            if page.count == 0 or (page.complete and not _exceeded(page.document)):
                return None
            if not paged:
                raise SourceError(
                    f"{layer} has {page.total} features and hands out {page.count} without pages",
                    hint="ask for a part by source.where",
                )
            return Call(query, {**page.call.params, "resultOffset": page.seen})

        pages = collect(
            client,
            request,
            first=Call(query, first),
            follow=follow,
            records=lambda document: _features(query, document),
            key=lambda feature: _id(feature, id_field),
            count=count,
            # A layer that tells when it was edited shows by that what its count does not.
            confirm=edits[-1] is None,
            suffix=".geojson",
        )
    return delivery(
        pages,
        source_version=None if edits[-1] is None else str(edits[-1]),
        state={**state, "edited": edits[-1], "records": pages.records},
    )


def _checked(url: str, document: Any) -> dict[str, Any]:
    """The answer, unless it is an error, which ArcGIS sends with status 200."""
    if not isinstance(document, dict):
        raise SourceError(f"{url} did not answer as an ArcGIS service", hint="check source.url")
    error = document.get("error")
    if error is None:
        return document
    said = error if isinstance(error, dict) else {"message": error}
    code = said.get("code")
    details = "; ".join(str(detail) for detail in said.get("details") or [] if detail)
    message = " ".join(str(part) for part in (code, said.get("message"), details) if part)
    raise SourceError(
        f"{url} answered with an error: {message}",
        hint="the service wants a token" if code in (498, 499) else "check url, where, out_fields",
        retry=code in (429, 500, 502, 503, 504),
    )


def _features(url: str, document: Any) -> list[Any]:
    features = _checked(url, document).get("features")
    if document.get("type") != "FeatureCollection" or not isinstance(features, list):
        raise SourceError(f"{url} answered no GeoJSON though it was asked for")
    return features


def _exceeded(document: dict[str, Any]) -> bool:
    """Whether the server says that more features follow; it has two places to say so."""
    properties = document.get("properties") or {}
    return bool(document.get("exceededTransferLimit") or properties.get("exceededTransferLimit"))


def _id_field(layer: str, about: dict[str, Any]) -> str:
    """The field of the object id: without its order, pages overlap."""
    named = about.get("objectIdField")
    typed = [
        field.get("name")
        for field in about.get("fields") or []
        if field.get("type") == "esriFieldTypeOID"
    ]
    found = named or next(iter(typed), None)
    if found is None:
        raise SourceError(
            f"{layer} is no layer with features: it names no object id",
            hint="source.url is the layer, such as …/FeatureServer/0",
        )
    return str(found)


def _has_geojson(about: dict[str, Any]) -> bool:
    """Whether the layer lists GeoJSON among its formats; one that lists nothing is asked."""
    formats = about.get("supportedQueryFormats")
    return formats is None or "geojson" in str(formats).lower()


def _edited(about: dict[str, Any]) -> int | None:
    info = about.get("editingInfo") or {}
    edited = info.get("dataLastEditDate", info.get("lastEditDate"))
    return edited if isinstance(edited, int) else None


def _id(feature: Any, id_field: str) -> Any:
    return feature.get("id", (feature.get("properties") or {}).get(id_field))
