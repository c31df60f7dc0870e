"""What the head of an answer says: good or not, when to come again, how the body ends."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from moulouya.web.trouble import Trouble

RETRIED = frozenset({202, 408, 425, 429, 500, 502, 503, 504})
MOST_SAID = 16_384
REASONS = ("detail", "message", "error_description", "error", "title", "description")
LONGEST_WAIT = 6 * 3600.0  # a source that asks for more is asked again all the same
HINTS = {
    202: "the source is still preparing the answer",
    206: "the source sent a part of the file though all of it was asked for",
    401: "the source wants credentials: set a header from the environment (env:NAME)",
    403: "the source refuses: check its terms, or credentials",
    404: "the address is wrong or the file was moved: check source.url",
    410: "the publisher withdrew the file",
}


@dataclass(frozen=True)
class Head:
    """Status and headers of an answer; ``whole`` says that the body's end can be told."""

    status: int
    reason: str
    headers: dict[str, str]

    @property
    def length(self) -> int | None:
        """The announced length; the parser has seen to it that it is one number."""
        value = self.headers.get("content-length")
        return None if value is None or self.chunked else int(value)

    @property
    def chunked(self) -> bool:
        """Whether the body says by itself where it ends."""
        return "transfer-encoding" in self.headers

    @property
    def whole(self) -> bool:
        """Whether a body that breaks off can be told from a complete one."""
        return self.chunked or self.length is not None


def head(status: int, reason: bytes, headers: Iterable[tuple[bytes, bytes]]) -> Head:
    """The head, header names in lower case, values of one name joined (RFC 9110, section 5.3)."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "set-cookie":
            continue  # a session is nothing to keep with the data
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    if "transfer-encoding" in joined and "content-length" in joined:
        raise Trouble(
            ": RemoteProtocolError: the answer gives both a length and chunks", retry=True
        )
    return Head(status, reason.decode("latin-1"), joined)


def check_status(found: Head, body: Iterable[bytes] = ()) -> None:
    """Raises Trouble for anything but 200 OK: no other answer is the whole of what was asked.

    What an API says in JSON about the reason is quoted, as far as one line goes.
    """
    if found.status == 200:
        return
    said = _said(found, body)
    raise Trouble(
        f" answered {found.status} {found.reason}".rstrip() + (f": {said}" if said else ""),
        status=found.status,
        hint=HINTS.get(found.status),
        retry=found.status in RETRIED,
        retry_after=retry_after(found.headers.get("retry-after")),
    )


def _said(found: Head, body: Iterable[bytes]) -> str:
    """The reason in the start of a JSON answer, without marks that could disturb a log."""
    if "json" not in found.headers.get("content-type", ""):
        return ""
    start = b""
    try:
        for block in body:
            start += block
            if len(start) > MOST_SAID:
                return ""
        told = next(_reasons(json.loads(start)), "")
    except (ValueError, Trouble):  # the status is the news; this body is not worth a second error
        return ""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in told).split())[:200]


def _reasons(document: Any) -> Iterator[str]:
    if not isinstance(document, dict):
        return
    for name in REASONS:
        value = document.get(name)
        if isinstance(value, str) and value.strip():
            yield value
        yield from _reasons(value)


def retry_after(value: str | None) -> float | None:
    """Seconds to wait, from either form of Retry-After (RFC 9110, section 10.2.3)."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdecimal():
        # More digits than any real wait has would not even be a float.
        return min(float(text[:18]), LONGEST_WAIT)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:  # "-0000": UTC, of an unknown zone
        when = when.replace(tzinfo=dt.UTC)
    return min(max(0.0, (when - dt.datetime.now(dt.UTC)).total_seconds()), LONGEST_WAIT)
