"""A form as it was posted: read only when it is one, and no further than a form can be long."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data"
LARGEST = 64 * 1024
MOST_FIELDS = 40


class NotTaken(Exception):
    """The body is not what a form sends; ``status`` is the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


async def fields(request: Request) -> Mapping[str, str]:
    """The fields of a posted form, the first of each name; raises NotTaken (400, 413, 415)."""
    body = await _body(request, FORM)
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError as error:
        raise NotTaken(400) from error
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


async def one_click(request: Request) -> None:
    """Read what a mail program posts to unsubscribe (RFC 8058), as a form or in parts.

    Raises NotTaken where it is anything else.
    """
    body = await _body(request, FORM, PARTS)
    if b"List-Unsubscribe" not in body or b"One-Click" not in body:
        raise NotTaken(400)


async def _body(request: Request, *kinds: str) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        raise NotTaken(415)
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > LARGEST:
        raise NotTaken(413)
    body = b""
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > LARGEST:
                raise NotTaken(413)
    except ClientDisconnect as error:
        raise NotTaken(400) from error
    return body


def sender(request: Request, proxies: int) -> str:
    """The address that a request came from, as far as the proxies in front may be believed."""
    chain = request.headers.get("x-forwarded-for", "").split(",")
    if proxies and len(chain) >= proxies:
        return chain[-proxies].strip()
    return request.client.host if request.client is not None else ""
