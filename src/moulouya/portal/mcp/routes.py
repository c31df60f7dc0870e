"""``/mcp``: one server a process, started by the first who asks; it keeps no sessions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

LONGEST_BODY = 256 * 1024
# Any site's program may ask: there is no cookie and no session that it could misuse.
ALLOWED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Mcp-Session-Id, Retry-After",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
PREFLIGHT = {
    **ALLOWED,
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, From, "
    "Mcp-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name, X-Api-Key",
    "Access-Control-Max-Age": "86400",
}


class Running:
    """The session manager of the event loop, and the task that keeps it running."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begun: asyncio.Future[StreamableHTTPSessionManager] | None = None
        self._task: asyncio.Task[None] | None = None

    async def manager(self) -> StreamableHTTPSessionManager:
        """The manager, once it runs."""
        loop = asyncio.get_running_loop()
        if self._begun is None or self._loop is not loop:
            self._loop, self._begun = loop, loop.create_future()
            self._task = loop.create_task(self._run(self._begun))
        return await asyncio.shield(self._begun)

    async def _run(self, begun: asyncio.Future[StreamableHTTPSessionManager]) -> None:
        try:
            # Half a second and 30 MB, for those who ask only.
            made = await asyncio.to_thread(_made)
            async with made.run():
                begun.set_result(made)
                await asyncio.Event().wait()
        except Exception as error:
            if not begun.done():
                begun.set_exception(error)
            self._begun = None
            raise


def _made() -> StreamableHTTPSessionManager:
    from mcp.server.transport_security import TransportSecuritySettings

    from moulouya.portal.mcp.tools import server

    # Which host it is reached under is for the server in front to say.
    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    made = server()
    made.streamable_http_app(
        json_response=True,
        stateless_http=True,
        transport_security=security,
        max_request_body_size=LONGEST_BODY,
    )
    return made.session_manager


class Endpoint:
    """What answers at ``/mcp``; the route calls it as an ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the manager."""
        request = Request(scope)
        if request.method == "OPTIONS":
            await Response(status_code=204, headers=PREFLIGHT)(scope, receive, send)
            return
        if request.method != "POST":
            headers = {**ALLOWED, "Allow": "POST, OPTIONS", "Cache-Control": "no-store"}
            said = "The Model Context Protocol is spoken here by POST.\n"
            refused = Response(said, 405, headers, "text/plain; charset=utf-8")
            await refused(scope, receive, send)
            return
        manager = await request.app.state.mcp.manager()

        async def send_allowed(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                added = [(name.lower().encode(), said.encode()) for name, said in ALLOWED.items()]
                message = {**message, "headers": [*message["headers"], *added]}  # type: ignore[misc]
            await send(message)

        await manager.handle_request(scope, receive, send_allowed)


ROUTES = [Route("/mcp", Endpoint())]
