"""Where an answer may send a request on to, and what may travel with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from moulouya.web.answers import Head
from moulouya.web.trouble import Trouble
from moulouya.web.urls import Target, shown

STATUSES = frozenset({301, 302, 303, 307, 308})
MOST = 5
# What may be said to a stranger: nothing that could be a secret.
HARMLESS = frozenset(
    {"accept", "accept-language", "content-type", "if-none-match", "if-modified-since"}
)


@dataclass(frozen=True)
class Hop:
    """One request on the way to an answer."""

    at: Target
    method: str
    headers: dict[str, str]
    body: bytes | None


def follow(hop: Hop, found: Head, seen: list[str]) -> Hop:
    """The next hop of a redirect; raises Trouble for a circle, a downgrade or a lost body."""
    location = _text(found.headers["location"])
    try:
        there = hop.at.joined(location)
    except Trouble as trouble:
        message = f" redirects to {shown(location)}, which{trouble.message}"
        raise Trouble(message, hint=trouble.hint) from trouble
    if there.url in seen:
        raise Trouble(f": TooManyRedirects: redirected in a circle to {there}")
    if len(seen) > MOST:
        raise Trouble(f": TooManyRedirects: more than {MOST} redirects")
    if hop.at.scheme == "https" and there.scheme == "http":
        raise Trouble(
            f": redirected from https to {there}", hint="the answer would not be protected"
        )
    same = there.origin == hop.at.origin
    kept = hop.headers if same else {n: v for n, v in hop.headers.items() if n.lower() in HARMLESS}
    if hop.method == "GET":
        return replace(hop, at=there, headers=kept)
    if found.status == 303:
        plain = {name: value for name, value in kept.items() if name.lower() != "content-type"}
        return Hop(there, "GET", plain, None)
    if found.status in (307, 308) and same:
        return replace(hop, at=there)
    raise Trouble(
        f" answered {found.status} to a {hop.method}: what was sent would be lost or told to "
        f"{there}",
        hint="write the final address into the definition",
    )


def _text(location: str) -> str:
    """A Location that was sent in UTF-8 rather than percent-encoded, as browsers read it."""
    try:
        return location.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return location
