"""What is wrong with a request, told as problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson
from rapidfuzz import process
from starlette.responses import Response

RETRY_SECONDS = 5
# By the last word of ``type``: the status and the title.
KINDS: dict[str, tuple[int, str]] = {
    "parameter": (400, "A parameter is not understood"),
    "not-found": (404, "There is no such thing"),
    "not-acceptable": (406, "There is no such format"),
    "too-long": (414, "The address is too long"),
    "expression": (409, "The expression is not understood"),
    "unknown-column": (409, "The table has no such column"),
    "types": (409, "These values do not go together"),
    "cursor": (409, "The cursor does not belong here"),
    "format": (409, "The table cannot be had in this format"),
    "values": (409, "A value is out of reach"),
    "too-much-memory": (409, "The question needs too much memory"),
    "too-slow": (503, "The question takes too long"),
    "busy": (503, "Too busy now"),
    "unavailable": (503, "The table cannot be read now"),
}


class Refused(Exception):
    """A request that gets no result: a kind, what is wrong, and what to do.

    ``parameter`` is the one that is wrong, ``at`` the place in it from 0 on, ``near`` the names
    that may be meant.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        hint: str = "",
        *,
        parameter: str = "",
        at: int | None = None,
        near: Sequence[str] = (),
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.hint = kind, detail, hint
        self.parameter, self.at, self.near = parameter, at, tuple(near)

    @property
    def status(self) -> int:
        """The status of the answer."""
        return KINDS[self.kind][0]

    def to_json(self) -> dict[str, Any]:
        """The problem document."""
        body: dict[str, Any] = {
            "type": f"urn:moulouya:problem:{self.kind}",
            "title": KINDS[self.kind][1],
            "status": self.status,
            "detail": self.detail,
        }
        if self.hint:
            body["hint"] = self.hint
        if self.parameter:
            body["parameter"] = self.parameter
        if self.at is not None:
            body["position"] = self.at + 1
        if self.near:
            body["near"] = list(self.near)
        return body

    def response(self, headers: dict[str, str]) -> Response:
        """The answer."""
        every = {**headers, "Cache-Control": "no-store"}
        if self.status == HTTPStatus.SERVICE_UNAVAILABLE:
            every["Retry-After"] = str(RETRY_SECONDS)
        return Response(
            orjson.dumps(self.to_json()), self.status, every, "application/problem+json"
        )


def unknown(
    kind: str, what: str, name: str, known: Sequence[str], parameter: str, at: int | None = None
) -> Refused:
    """There is no ``what`` of this name; tells the names that resemble it, or else all."""
    near = [found for found, *_ in process.extract(name[:100], known, limit=3, score_cutoff=60)]
    shown = name if len(name) <= 60 else f"{name[:59]}…"
    hint = f"is {' or '.join(near)} meant?" if near else f"there are {', '.join(known[:30])}"
    return Refused(
        kind, f"there is no {what} {shown!r}", hint, parameter=parameter, at=at, near=near
    )
