"""What a request asks: a statement and how its result is wanted, from a body or an address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import ClientDisconnect, Request

from moulouya.errors import did_you_mean
from moulouya.portal.query.formats import MEDIA_TYPES, from_accept
from moulouya.portal.query.wrong import Wrong

LONGEST_BODY = 256 * 1024
LONGEST_STATEMENT = 64 * 1024
LONGEST_ADDRESS = 8 * 1024
MOST_PARAMETERS = 1000
SHAPES = ("objects", "arrays")
OPTIONS = ("sql", "parameters", "format", "shape", "limit", "timeout", "explain", "contact")
YES = {True: True, False: False, "true": True, "1": True, "yes": True, "": True,
       "false": False, "0": False, "no": False}  # fmt: skip
Parameters = list[Any] | dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A statement, its parameters, and the form of its result; ``limit`` in rows, or None."""

    sql: str
    parameters: Parameters
    format: str
    shape: str
    limit: int | None
    timeout: float | None
    explain: bool
    contact: str


async def read(request: Request) -> Asked:
    """What is asked; raises Wrong."""
    options: dict[str, Any] = dict(request.query_params)
    if request.method == "POST":
        options |= _from_body(request.headers.get("content-type", ""), await _body(request))
    elif len(options.get("sql", "").encode(errors="replace")) > LONGEST_ADDRESS:
        raise Wrong(414, "too-long", "the statement is too long for an address", "POST it")
    for name in options:
        if name not in OPTIONS:
            meant = did_you_mean(name, OPTIONS).removeprefix("; ")
            raise _bad(f"there is no {name!r}", meant or f"there are {', '.join(OPTIONS)}")
    explain = _yes(options.get("explain", False))
    return Asked(
        sql=_statement(options.get("sql")),
        parameters=_parameters(options.get("parameters")),
        format="json" if explain else _format(options.get("format"), request),
        shape=_one_of("shape", options.get("shape", "objects"), SHAPES),
        limit=_limit(options.get("limit")),
        timeout=_timeout(options.get("timeout")),
        explain=explain,
        contact=str(options.get("contact") or request.headers.get("from", ""))[:300],
    )


def _bad(detail: str, hint: str = "") -> Wrong:
    return Wrong(400, "bad-request", detail, hint)


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_BODY:
                raise Wrong(413, "too-long", f"a request has at most {LONGEST_BODY} bytes")
    except ClientDisconnect as error:
        raise _bad("the request broke off") from error
    return bytes(body)


def _from_body(content_type: str, body: bytes) -> dict[str, Any]:
    media = content_type.partition(";")[0].strip().lower()
    if media == "application/json":
        try:
            found = orjson.loads(body)
        except ValueError as error:
            raise _bad(f"the body is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise _bad("the body is not a JSON object", '{"sql": "SELECT 1"}')
        return found
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise _bad("the body is not UTF-8") from error
    if media == "application/x-www-form-urlencoded" and text.partition("=")[0] in OPTIONS:
        try:
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=50))
        except ValueError as error:
            raise _bad("the form cannot be read") from error
    # What curl sends as a form without being asked may be a statement alone.
    if media in ("", "text/plain", "application/sql", "application/x-www-form-urlencoded"):
        return {"sql": text}
    raise Wrong(
        415, "media-type", f"a body of {media[:60]} is not understood",
        "send application/json, or the statement itself as text/plain",
    )  # fmt: skip


def _statement(sql: Any) -> str:
    if not isinstance(sql, str) or not sql.strip():
        raise _bad("there is no statement", '{"sql": "SELECT 1"}, or ?sql=SELECT+1')
    try:
        size = len(sql.encode())
    except UnicodeEncodeError as error:
        raise _bad("the statement is not Unicode text: it has half a surrogate pair") from error
    if size > LONGEST_STATEMENT:
        raise Wrong(413, "too-long", f"a statement has at most {LONGEST_STATEMENT} bytes")
    return sql


def _parameters(given: Any) -> Parameters:
    if given is None or given == "":
        return []
    if isinstance(given, str):
        try:
            given = orjson.loads(given)
        except ValueError as error:
            raise _bad(
                "parameters is not JSON", "an array for ? and $1, an object for $name"
            ) from error
    if not isinstance(given, list | dict) or len(given) > MOST_PARAMETERS:
        raise _bad("parameters is not a list or an object", f"of at most {MOST_PARAMETERS} values")
    try:
        orjson.dumps(given)
    except TypeError as error:
        raise _bad("parameters are not Unicode text") from error
    return given


def _format(given: Any, request: Request) -> str:
    if given:
        return _one_of("format", given, tuple(MEDIA_TYPES))
    found = from_accept(request.headers.get("accept", ""))
    if found is None:
        raise Wrong(406, "not-acceptable", "there is no such format", _formats())
    return found


def _formats() -> str:
    return "format=" + ", ".join(MEDIA_TYPES)


def _one_of(name: str, given: Any, known: tuple[str, ...]) -> str:
    if given not in known:
        raise _bad(f"{name} is not one of {', '.join(known)}")
    return str(given)


def _limit(given: Any) -> int | None:
    if given is None:
        return None
    try:
        limit = int(str(given))
    except ValueError:
        limit = -1
    if limit < 0 or isinstance(given, bool | float):
        raise _bad("limit is not a number of rows")
    return limit


def _timeout(given: Any) -> float | None:
    if given is None:
        return None
    try:
        seconds = float(str(given))
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 1e6 or isinstance(given, bool):
        raise _bad("timeout is not a number of seconds")
    return seconds


def _yes(given: Any) -> bool:
    try:
        return YES[given.lower() if isinstance(given, str) else given]
    except (KeyError, TypeError) as error:
        raise _bad("explain is neither true nor false") from error
