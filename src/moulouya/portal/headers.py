"""What every answer carries, and what no request may do: no cookies, no other sites."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALONE = "frame-ancestors 'none'"
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "font-src 'self'; connect-src 'self'; manifest-src 'self'; "
        "form-action 'self'; base-uri 'none'; " + ALONE
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

# For the views that other sites may show in a frame of theirs.
EMBEDDABLE = {
    "Content-Security-Policy": SECURITY["Content-Security-Policy"].replace(
        ALONE, "frame-ancestors *"
    ),
    "Cross-Origin-Resource-Policy": "cross-origin",
}


RAW = [(name.lower().encode(), value.encode()) for name, value in SECURITY.items()]
POLICY = b"content-security-policy"
# What browsers before Content Security Policy 2 and scanners look for.
FRAMES = (b"x-frame-options", b"DENY")


class Guard:
    """Adds the security headers to every answer.

    Which methods an address takes is for its route to say. There are no cookies and no sessions,
    so a form sent from another site can do no more than its sender could.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers to its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": guarded(message["headers"])}
            await send(message)

        await self.app(scope, receive, send_guarded)


def guarded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Headers of an answer, names in lower case, with those of security that it does not set."""
    found = list(headers)
    given = dict(found)
    found += [header for header in RAW if header[0] not in given]
    alone = ALONE.encode() in given.get(POLICY, ALONE.encode())
    if alone and FRAMES[0] not in given:
        found.append(FRAMES)
    return found
