"""What is wrong with a request, told as problem details (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from moulouya.portal.query.forker import Ended
from moulouya.portal.query.frames import Fault, Trouble

KINDS = {
    Fault.SQL: (400, "sql-error"),
    Fault.REFUSED: (403, "not-allowed"),
    Fault.MEMORY: (422, "too-much-memory"),
    Fault.LARGE_ROW: (422, "row-too-large"),
    Fault.PARAMETERS: (400, "parameters"),
    Fault.FORMAT: (422, "format"),
}
TITLES = {
    "bad-request": "The request is not understood",
    "sql-error": "The statement has an error",
    "not-allowed": "This statement is not allowed here",
    "too-slow": "The statement took too long",
    "too-much-memory": "The statement needed too much memory",
    "row-too-large": "A row is too large",
    "crashed": "The statement made the engine fail",
    "parameters": "The parameters do not fit",
    "format": "The result does not fit the format",
    "unknown-key": "The key is not known",
    "too-many-requests": "Too many requests",
    "busy": "Too busy now",
    "unavailable": "Statements cannot be run now",
}
ADVICE_SLOW = "read fewer rows, aggregate before you join, or say who you are: see Result-Limit"
BY_TIME = {-14, -24}  # SIGALRM, SIGXCPU
LIMIT_SIGNALS = {-9, -25}  # SIGKILL by the system when it has no memory, SIGXFSZ


class Wrong(Exception):
    """A request that gets no result: the status, a word for its kind, what and what to do."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        hint: str = "",
        *,
        line: int = 0,
        column: int = 0,
        retry_after: int = 0,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail, self.hint = status, kind, detail, hint
        self.line, self.column, self.retry_after = line, column, retry_after

    def response(self, headers: dict[str, str]) -> Response:
        """The answer."""
        body: dict[str, Any] = {
            "type": f"urn:moulouya:problem:{self.kind}",
            "title": TITLES.get(self.kind) or HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.hint:
            body["hint"] = self.hint
        if self.line:
            body["position"] = {"line": self.line, "column": self.column}
        every = {**headers, "Cache-Control": "no-store"}
        if self.retry_after:
            every["Retry-After"] = str(self.retry_after)
        if self.status == 401:
            every["WWW-Authenticate"] = "Bearer"
        return Response(orjson.dumps(body), self.status, every, "application/problem+json")


def from_trouble(told: Trouble) -> Wrong:
    """What a worker says is wrong."""
    status, kind = KINDS[told.fault]
    return Wrong(status, kind, told.message, told.hint, line=told.line, column=told.column)


def too_slow(seconds: float) -> Wrong:
    """A statement that was not answered in its time."""
    return Wrong(422, "too-slow", f"it was stopped after {seconds:.4g} seconds", ADVICE_SLOW)


def from_end(ended: Ended, seconds: float, memory: int) -> Wrong:
    """What the end of a worker without a word means."""
    if ended.killed == "time" or ended.code in BY_TIME:
        return too_slow(seconds)
    if ended.killed == "memory" or ended.code in LIMIT_SIGNALS:
        return Wrong(
            422, "too-much-memory", f"it was stopped at {memory // 1024**2} MiB",
            "read fewer rows or columns, or aggregate before you join or sort",
        )  # fmt: skip
    if ended.killed == "gone":
        return Wrong(503, "unavailable", "the workers were ended from outside", retry_after=5)
    return Wrong(
        422, "crashed", "the process that ran it ended without an answer",
        "nothing else was touched; a simpler form of the statement may work",
    )  # fmt: skip
