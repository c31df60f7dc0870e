"""Answers of the API: who may read them, how long they hold, and what to do when there is none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import wraps
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from moulouya.errors import LakeError
from moulouya.portal.answers import (
    FOREVER,
    PACKERS,
    SHORT,
    WORTH_PACKING,
    answer,
    matches,
    packing_for,
)
from moulouya.portal.api.declared import Operation
from moulouya.portal.api.faults import Refused
from moulouya.portal.reading import TooSlow
from moulouya.portal.records.making import Busy

__all__ = ["FOREVER", "SHORT", "Handler", "guarded", "plain", "preflight", "quick", "tagged"]
ALLOWED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Link, Retry-After, Content-Length",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
PREFLIGHT = {
    **ALLOWED,
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, If-None-Match",
    "Access-Control-Max-Age": "86400",
}
NARROWER = "ask for fewer records or columns, or add a condition"
# Of an address's query, as reading a condition takes time.
LONGEST_AT_ONCE = 500
Handler = Callable[[Request, dict[str, Any]], Response]
Quick = Callable[[Request, dict[str, Any]], Response | None]
log = structlog.get_logger("moulouya.portal")


def quick(
    operation: Operation, at_once: Quick, otherwise: Callable[[Request], Response]
) -> Callable[[Request], Awaitable[Response]]:
    """A route's function for questions of which some are answered at once, without a thread.

    ``at_once`` gives None for what takes longer, and whatever is wrong is told by ``otherwise``.
    """

    @wraps(otherwise)
    async def answered(request: Request) -> Response:
        small = len(request.scope["query_string"]) <= LONGEST_AT_ONCE
        if small and request.method != "OPTIONS" and packing_for(request.headers) is None:
            with suppress(Refused):
                found = at_once(request, operation.read(request))
                if found is not None:
                    return found
        return await run_in_threadpool(otherwise, request)

    return answered


def guarded(operation: Operation, handler: Handler) -> Callable[[Request], Response]:
    """A route's function: reads the parameters as declared, and tells what is wrong."""

    @wraps(handler)
    def answered(request: Request) -> Response:
        if request.method == "OPTIONS":
            return preflight()
        try:
            return handler(request, operation.read(request))
        except Refused as refused:
            return refused.response(ALLOWED)
        except Busy:
            return Refused("busy", "too many questions are being answered at once",
                           "try again in a few seconds").response(ALLOWED)  # fmt: skip
        except TooSlow as error:
            return Refused("too-slow", f"it was {error}", NARROWER).response(ALLOWED)
        except duckdb.OutOfMemoryException:
            return Refused("too-much-memory", "it needs more memory than a question may have",
                           NARROWER).response(ALLOWED)  # fmt: skip
        except (duckdb.OutOfRangeException, duckdb.ConversionException) as error:
            log.info("a value was out of range", path=request.url.path, reason=str(error))
            return Refused("values", "a number grew too large for its type",
                           "calculate with smaller numbers").response(ALLOWED)  # fmt: skip
        except (LakeError, duckdb.Error, pa.ArrowException) as error:
            log.error("records not read", path=request.url.path, reason=str(error))
            return Refused("unavailable", "the table cannot be read at the moment"
                           ).response(ALLOWED)  # fmt: skip

    return answered


def preflight() -> Response:
    """What a page of another site may ask for."""
    return Response(status_code=204, headers={**PREFLIGHT, "Allow": "GET, HEAD, OPTIONS"})


def plain(
    request: Request,
    body: Mapping[str, Any],
    *,
    cache: str = SHORT,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An object as JSON."""
    return answer(
        request, orjson.dumps(body), "application/json", cache=cache,
        headers={**ALLOWED, **(headers or {})},
    )  # fmt: skip


def tagged(
    request: Request,
    tag: str,
    media_type: str,
    make: Callable[[], tuple[bytes, str]],
    cache: str,
) -> Response:
    """An answer known by its tag before it is made: 304 for a client that has it.

    ``make`` gives the body and the header Link, empty for none.
    """
    headers = {
        **ALLOWED,
        "Cache-Control": cache,
        "ETag": f'W/"{tag}"',
        "Vary": "Accept, Accept-Encoding",
    }
    if matches(request.headers.get("if-none-match"), f'"{tag}"'):
        return Response(status_code=304, headers=headers)
    body, link = make()
    if link:
        headers["Link"] = link
    packing = packing_for(request.headers) if len(body) >= WORTH_PACKING else None
    if packing:
        body = PACKERS[packing](body)
        headers["Content-Encoding"] = packing
    if request.method == "HEAD":
        headers["Content-Length"] = str(len(body))
        body = b""
    return Response(body, 200, headers, media_type)
