"""A feature type of a Web Feature Service, whole or in pages."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from moulouya import web
from moulouya.definition import WfsSource
from moulouya.errors import SourceError, did_you_mean
from moulouya.sources.delivery import Delivery, Request
from moulouya.sources.paging import Call, Page, answered, collect, delivery
from moulouya.sources.templates import filled
from moulouya.sources.wfs_answers import Answer, answer, feature_types

REFUSED = (400, 404, 500)
SUFFIXES = {"gml": ".gml", "geojson": ".geojson"}


def fetch(source: WfsSource, request: Request) -> Delivery | None:
    """Ask for the features by GetFeature (OGC 04-094, 09-025r2), at once or in pages.

    At once it is asked conditionally: None when the service answers 304. The number of features
    is held against what the service says that there are: in the answer (2.0.0), else by a second
    request (resultType=hits). Raises SourceError: for an ExceptionReport with status 200 in the
    service's own words; for a refused feature type with those it has; for an answer that the
    service cut off; and for no feature.
    """
    url, asked = _question(source, request)
    with web.client(source, request) as client:
        service = _Service(client, source, request, url, asked)
        try:
            found = service.whole() if source.page_size is None else service.pages(source.page_size)
        except SourceError as error:
            if error.status not in REFUSED:
                raise
            raise service.explained(error) from error
    return found


def _question(source: WfsSource, request: Request) -> tuple[str, dict[str, Any]]:
    """The address without the keys that are ours, and the keys and values to ask by."""
    names = "typeNames" if source.version == "2.0.0" else "typeName"
    asked: dict[str, Any] = {
        **filled(source.params, request.interval),
        "service": "WFS",
        "version": source.version,
        "request": "GetFeature",
        names: source.type_name,
    }
    form = source.output_format or ("application/json" if source.format == "geojson" else None)
    asked |= {"outputFormat": form} if form else {}
    asked |= {"srsName": source.srs} if source.srs else {}
    parts = urlsplit(str(source.url))
    ours = {name.lower() for name in asked}
    query = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name.lower() not in ours  # a copied GetCapabilities address has its own request=
    ]
    return parts._replace(query=urlencode(query)).geturl(), asked


class _Service:
    """One question to one service."""

    def __init__(
        self,
        client: web.Client,
        source: WfsSource,
        request: Request,
        url: str,
        asked: dict[str, Any],
    ) -> None:
        self.client, self.source, self.request = client, source, request
        self.url, self.asked = url, asked
        self.suffix = SUFFIXES.get(source.format, ".bin")

    def whole(self) -> Delivery | None:
        """All features by one request."""
        call = Call(self.url, self.asked)
        path = self.request.folder / f"features{self.suffix}"
        response = self.client.download(
            call.url,
            path,
            params=call.params,
            conditional=self.request.state.get("asked") == call.identity,
        )
        if response is None:
            return None
        found = self._parsed(path, response)
        if found is not None:
            total = found.total if found.total is not None else self._hits()
            if (total is not None and total > len(found.ids)) or found.more:
                raise SourceError(
                    f"{response.url} sent {len(found.ids)} of {total or 'more'} features",
                    hint="the service hands out no more at once: set source.page_size",
                )
            self._refuse_none(len(found.ids))
        return answered(path, response, call)

    def pages(self, size: int) -> Delivery:
        """All features in pages, each starting where the one before ended."""
        if self.source.sort_by is not None:
            self.asked["sortBy"] = self.source.sort_by
        self.asked["count" if self.source.version == "2.0.0" else "maxFeatures"] = size
        serial = count()

        def follow(page: Page) -> Call | None:
            if page.complete or page.count == 0:
                return None
            return Call(self.url, {**self.asked, "startIndex": page.seen})

        total = self._hits()
        pages = collect(
            self.client,
            self.request,
            first=Call(self.url, {**self.asked, "startIndex": 0}),
            follow=follow,
            records=lambda found: found.ids,
            total=lambda found: found.total if found.total is not None else total,
            key=lambda one: one if one else ("no id", next(serial)),
            suffix=self.suffix,
            confirm=self.source.sort_by is None or total is None,
            ask=self._ask,
        )
        self._refuse_none(pages.records)
        return delivery(pages, state={"records": pages.records})

    def explained(self, error: SourceError) -> SourceError:
        """The refusal of a request, with what the service's capabilities say of the type's name."""
        try:
            known = self._known()
        except SourceError:
            return error
        name = self.source.type_name
        if not known or name in known:
            return error
        return SourceError(
            f"{error.message}: the service has no feature type {name!r}{did_you_mean(name, known)}",
            hint=f"it has: {', '.join(known[:50])}",
        )

    def _ask(self, call: Call, path: Path) -> tuple[web.Response, Answer]:
        response = self.client.download(call.url, path, params=call.params)
        assert response is not None, "not asked conditionally"
        found = self._parsed(path, response)
        if found is None:
            raise SourceError(
                f"pages of {self.source.format} cannot be counted",
                hint="leave source.page_size out, or ask for GML or GeoJSON",
            )
        return response, found

    def _parsed(self, path: Path, response: web.Response) -> Answer | None:
        """What an answer holds; None for formats such as a zipped shapefile."""
        found = answer(path, response, self.source.format)
        if found is not None and found.returned not in (None, len(found.ids)):
            raise SourceError(
                f"{response.url} says that it returned {found.returned} features and sent "
                f"{len(found.ids)}",
                hint="the service is at fault or the answer was cut short; tell the publisher",
                retry=True,
            )
        return found

    def _hits(self) -> int | None:
        """How many features there are; None before 1.1.0, and where the service will not say."""
        if self.source.version == "1.0.0":
            return None
        left_out = ("count", "maxFeatures", "sortBy", "outputFormat")
        asked = {name: value for name, value in self.asked.items() if name not in left_out}
        path = self.request.folder / ".hits"
        try:
            response = self.client.download(self.url, path, params={**asked, "resultType": "hits"})
            assert response is not None, "not asked conditionally"
            found = answer(path, response, "gml")
        except SourceError as error:
            if error.retry:
                raise
            return None
        finally:
            path.unlink(missing_ok=True)
        assert found is not None, "GML is always looked into"
        return found.total if self.source.version == "2.0.0" else found.returned

    def _known(self) -> list[str]:
        path = self.request.folder / ".capabilities"
        asked = {"service": "WFS", "version": self.source.version, "request": "GetCapabilities"}
        try:
            self.client.download(self.url, path, params=asked)
            return feature_types(path)
        finally:
            path.unlink(missing_ok=True)

    def _refuse_none(self, number: int) -> None:
        if number == 0:
            raise SourceError(
                f"{web.shown(self.url)} has no features of {self.source.type_name!r}",
                hint="check source.type_name, and filters in source.params",
            )
