"""What browsers ask before a page of another site may read what is open: answered in one place.

Routes that take more than this, such as those of the SQL service, answer for themselves.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

# What every site may read, and what it may send for it.
READ = (
    "/files/", "/releases/", "/exports/", "/datasets/", "/catalogue", "/datapackage.json",
    "/feeds/", "/datastore/dump/",
)  # fmt: skip
ASKED = ("/api/3", "/api/action/")
HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, If-Match, "
    "If-None-Match, If-Range, Range, X-CKAN-API-Key",
    "Access-Control-Max-Age": "86400",
}


class Preflight:
    """Answers a browser's question for what every site may read."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on whatever is no such question."""
        methods = _methods(scope) if scope["type"] == "http" else ""
        if not methods:
            await self.app(scope, receive, send)
            return
        headers = {**HEADERS, "Access-Control-Allow-Methods": methods, "Allow": methods}
        await Response(status_code=204, headers=headers)(scope, receive, send)


def _methods(scope: Scope) -> str:
    """Which methods there are, where a browser asks for what is open; empty for anything else."""
    if scope["method"] != "OPTIONS":
        return ""
    if "access-control-request-method" not in Headers(scope=scope):
        return ""
    path: str = scope["path"]
    if path.startswith(ASKED):
        return "GET, HEAD, POST, OPTIONS"
    return "GET, HEAD, OPTIONS" if path.startswith(READ) else ""
