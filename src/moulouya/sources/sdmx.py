"""A dataflow of an SDMX REST service."""

from __future__ import annotations

from urllib.parse import quote

from moulouya import web
from moulouya.definition import SdmxSource
from moulouya.errors import SourceError
from moulouya.sources.answers import refuse_mismatch
from moulouya.sources.delivery import Delivery, Request
from moulouya.sources.paging import Call, answered
from moulouya.sources.templates import filled

ACCEPT = {
    "sdmx": "application/vnd.sdmx.structurespecificdata+xml;version=2.1",
    "csv": "application/vnd.sdmx.data+csv;version=1.0.0",
    "json": "application/vnd.sdmx.data+json;version=1.0.0",
}


def fetch(source: SdmxSource, request: Request) -> Delivery | None:
    """Ask for the data of a flow and key (SDMX 2.1 REST, section 4.3), if they changed.

    None when the service answers 304. Raises SourceError, also when there are no data: the
    standard's answer to that is 404 (error 100, "No results found").
    """
    flow, key = quote(source.flow, safe="@,.~+"), quote(source.key, safe="@,.~+*$:")
    call = Call(
        f"{str(source.url).rstrip('/')}/data/{flow}/{key}",
        filled(source.params, request.interval),
        {"Accept": source.accept or ACCEPT.get(source.format, "*/*")},
    )
    path = request.folder / f"data.{_suffix(source)}"
    with web.client(source, request) as client:
        try:
            response = client.download(
                call.url,
                path,
                params=call.params,
                headers=call.headers,
                # An ETag is one question's: the next interval asks another one.
                conditional=request.state.get("asked") == call.identity,
            )
        except SourceError as error:
            if error.status != 404:
                raise
            raise SourceError(
                f"{web.shown(call.url)} has no data (404)",
                hint=f"check that the service has the dataflow {source.flow}, that the key has "
                "its dimensions in order, and the period in source.params",
            ) from error
    if response is None:
        return None
    refuse_mismatch(path, source, response.url)
    return answered(path, response, call)


def _suffix(source: SdmxSource) -> str:
    """The ending of the file's name, by what is asked for."""
    asked = source.accept or source.format
    return next((one for one in ("csv", "json") if one in asked), "xml")
