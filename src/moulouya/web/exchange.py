"""Requests and answers, hop by hop: each one guarded, paced and within the deadline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moulouya.definition import WebSource
from moulouya.web import answers, redirects
from moulouya.web.addresses import Guard
from moulouya.web.asking import Request
from moulouya.web.limits import Bounds, Deadline, Pace
from moulouya.web.politeness import Politeness
from moulouya.web.redirects import Hop
from moulouya.web.robots import LARGEST as LARGEST_ROBOTS
from moulouya.web.robots import Robots
from moulouya.web.secrets import headers_of, sendable
from moulouya.web.trouble import Trouble
from moulouya.web.urls import Target, target

if TYPE_CHECKING:
    import httpcore

PHASES = ("connect", "read", "write", "pool")
MOST_CONNECTIONS = 2


class Exchange:
    """What the requests of one fetch share: connections, secrets, pace, deadline, rules."""

    def __init__(self, source: WebSource, request: Request, window: float, most: int) -> None:
        self.home = _home(source)
        self.deadline = Deadline(source.deadline.total_seconds())
        self._secrets = headers_of(source)
        self._pin = source.pinned_certificate
        self._request = request
        sendable({"User-Agent": request.user_agent})
        self._bounds = Bounds(self.deadline, Pace(window), most)
        self._politeness = Politeness(source.requests_per_second, request.state_folder)
        scraped = getattr(source, "scraped", False)
        self._robots = Robots(request.user_agent, self._robots_txt) if scraped else None
        self._pools: dict[str, httpcore.ConnectionPool] = {}

    def disconnect(self) -> None:
        """Close every connection: what went wrong on one is not for the next request."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def close(self) -> None:
        """Close every connection and let go of what is shared."""
        self.disconnect()
        self._politeness.close()

    @contextmanager
    def answer(self, hop: Hop) -> Iterator[tuple[Target, answers.Head, Iterator[bytes]]]:
        """The answer that a request leads to, redirects followed; raises Trouble."""
        with self._followed(hop, self._robots) as found:
            yield found

    @contextmanager
    def _followed(
        self, hop: Hop, robots: Robots | None
    ) -> Iterator[tuple[Target, answers.Head, Iterator[bytes]]]:
        seen = [hop.at.url]
        try:
            while True:
                pause = robots.check(hop.at) if robots else 0.0
                self._politeness.wait(hop.at.host, self.deadline, pause)
                with self._sent(hop) as (found, blocks):
                    if found.status not in redirects.STATUSES or "location" not in found.headers:
                        yield hop.at, found, blocks
                        return
                    hop = redirects.follow(hop, found, seen)
                    seen.append(hop.at.url)
        except Trouble as trouble:
            if len(seen) > 1:
                trouble.message = f" (redirected to {hop.at}){trouble.message}"
            raise

    @contextmanager
    def _sent(self, hop: Hop) -> Iterator[tuple[answers.Head, Iterator[bytes]]]:
        """One request and the head of its answer; the library's errors become Trouble."""
        import httpcore

        at = hop.at
        try:
            with self._pool(at.scheme).stream(
                hop.method,
                httpcore.URL(scheme=at.scheme, host=at.host, port=at.port, target=at.path),
                headers=self._headers(hop),
                content=hop.body,
                extensions={"timeout": dict.fromkeys(PHASES, self._request.timeout)},
            ) as response:
                reason = response.extensions.get("reason_phrase", b"")
                found = answers.head(response.status, reason, response.headers)
                yield found, _whole(found, response)
        except (
            httpcore.TimeoutException,
            httpcore.NetworkError,
            httpcore.RemoteProtocolError,
        ) as error:
            raise Trouble(
                f": {type(error).__name__}: {error or 'no answer in time'}",
                hint="the source may be down; the last good version stays published",
                retry=True,
            ) from error
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            # The text could repeat what was sent, secrets included.
            raise Trouble(f": {type(error).__name__}") from None

    def _headers(self, hop: Hop) -> list[tuple[bytes, bytes]]:
        ours = {
            "User-Agent": self._request.user_agent,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        }
        at_home = self.home is not None and hop.at.origin == self.home.origin
        merged: dict[str, tuple[str, str]] = {}
        for part in (ours, self._secrets if at_home else {}, hop.headers):
            merged |= {name.lower(): (name, value) for name, value in part.items()}
        return [(name.encode(), value.encode("latin-1")) for name, value in merged.values()]

    def _pool(self, scheme: str) -> httpcore.ConnectionPool:
        known = self._pools.get(scheme)
        if known is not None:
            return known
        from httpcore import ConnectionPool

        from moulouya.web.backend import GuardedBackend, Pin
        from moulouya.web.certificates import verifying

        declared = None if self.home is None else (self.home.host.strip("[]"), self.home.port)
        made = self._pools[scheme] = ConnectionPool(
            ssl_context=verifying() if scheme == "https" else None,
            max_connections=MOST_CONNECTIONS,
            network_backend=GuardedBackend(
                Guard(declared, self._request.private_hosts),
                self._bounds,
                Pin(*declared, self._pin) if declared and self._pin else None,
            ),
        )
        return made

    def _robots_txt(self, at: Target) -> tuple[int, bytes]:
        """Status and text of a robots.txt, which no rule forbids to read."""
        text = b""
        with self._followed(Hop(at, "GET", {}, None), None) as (_, found, blocks):
            for block in blocks:
                text += block
                if len(text) >= LARGEST_ROBOTS:
                    break
        return found.status, text


def _home(source: WebSource) -> Target | None:
    """The address that the definition itself names, if it is one."""
    try:
        return target(str(getattr(source, "url", "")))
    except Trouble:
        return None


def _whole(found: answers.Head, response: httpcore.Response) -> Iterator[bytes]:
    """The blocks of a body; Trouble when more follows than was announced.

    A length that counts characters instead of bytes would cut the end off in silence.
    """
    yield from response.iter_stream()
    stream = response.extensions["network_stream"]
    if found.length is not None and found.status == 200 and stream.surplus(found.length):
        raise Trouble(
            f" sent more than the {found.length} bytes it announced",
            hint="the server miscounts its body; tell the publisher",
            retry=True,
        )
