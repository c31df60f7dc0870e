"""The downloads of one fetch: whole or not at all, tried again where that can help."""

from __future__ import annotations

import json
import os
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from moulouya.definition import WebSource
from moulouya.errors import SourceError
from moulouya.web import answers, documents
from moulouya.web.asking import Request
from moulouya.web.body import Received, Sink, receive
from moulouya.web.exchange import Exchange
from moulouya.web.redirects import Hop
from moulouya.web.response import Response
from moulouya.web.secrets import fits, sendable
from moulouya.web.trouble import Trouble
from moulouya.web.urls import shown, target

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")
Body = bytes | str | dict[str, Any] | None
ATTEMPTS = 3
LONGEST_WAIT = 5.0  # longer ones are the scheduler's
_jitter = wait_exponential_jitter(multiplier=0.5, max=LONGEST_WAIT)


def client(source: WebSource, request: Request, *, window: float = 60.0) -> Client:
    """A client for one fetch of a source, to be used in a ``with``.

    ``window`` is the time over which the least speed is averaged. Raises SourceError when a
    secret or connection that the source names is not there.
    """
    return Client(source, request, window=window)


class Client:
    """Downloads for one fetch of a source; see `client`."""

    def __init__(self, source: WebSource, request: Request, *, window: float = 60.0) -> None:
        self._request = request
        self._most = source.max_bytes or request.max_bytes
        self._exchange = Exchange(source, request, window, self._most)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self._exchange.close()

    def download(
        self,
        url: str,
        path: Path,
        *,
        method: str = "GET",
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        conditional: bool = False,
        keep_gzip: bool = False,
    ) -> Response | None:
        """Write the body of the answer to ``path``; None when it is 304 to a conditional request.

        ``params`` are appended to the address's own query. Passing troubles are tried three
        times; a longer wait that the server asks for is left to the scheduler. ``keep_gzip``: the
        file itself is gzip, so that a server's ``Content-Encoding: gzip`` only says so again.
        Raises SourceError for every answer that is not the whole of what was asked for.
        """
        hop = self._first_hop(url, method, params, headers, body, conditional)
        return self._trying(hop, lambda: self._download(hop, path, keep_gzip=keep_gzip))

    def json(
        self,
        url: str,
        path: Path,
        *,
        method: str = "GET",
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
    ) -> tuple[Response, Any]:
        """Download to ``path`` and parse strictly; raises SourceError for what is no JSON."""
        hop = self._first_hop(url, method, params, headers, body, conditional=False)

        def attempt() -> tuple[Response, Any]:
            response = self._download(hop, path, ends_itself=documents.ends_itself)
            assert response is not None  # nothing was asked conditionally
            return response, documents.parsed(path)

        return self._trying(hop, attempt)

    def same_origin(self, url: str) -> None:
        """Raises SourceError when an address is not on the scheme, host and port of the source."""
        try:
            there = target(url)
        except Trouble as trouble:
            raise trouble.at(shown(url)) from trouble
        home = self._exchange.home
        if home is None or there.origin != home.origin:
            raise SourceError(
                f"{there} is not on the origin of the source, {home}",
                hint="a link to another host is not followed; check source.url",
            )

    def _first_hop(
        self,
        url: str,
        method: str,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        body: Body,
        conditional: bool,
    ) -> Hop:
        try:
            at = target(url, params)
        except Trouble as trouble:
            raise trouble.at(shown(url)) from trouble
        sent = dict(headers or {})
        if isinstance(body, dict):
            sent = {"Content-Type": "application/json", **sent}
            body = json.dumps(body, ensure_ascii=False)
        if isinstance(body, str):
            body = body.encode()
        if conditional:
            sent |= self._conditions()
        return Hop(at, method, sendable(sent), body)

    def _conditions(self) -> dict[str, str]:
        """What the server said of the last delivery; without it where it cannot be repeated."""
        etag, date = self._request.etag, self._request.last_modified
        if etag:
            return {"If-None-Match": etag} if fits(etag) else {}
        return {"If-Modified-Since": date} if date and fits(date) else {}

    def _trying(self, hop: Hop, act: Callable[[], T]) -> T:
        for attempt in Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=_wait,
            retry=retry_if_exception(self._soon),
            reraise=True,
        ):
            with attempt:
                try:
                    return act()
                except Trouble as trouble:
                    self._exchange.disconnect()
                    raise trouble.at(str(hop.at)) from trouble
        raise AssertionError("tenacity re-raises the last error")

    def _soon(self, error: BaseException) -> bool:
        return (
            isinstance(error, SourceError)
            and error.retry
            and (error.retry_after or 0) <= LONGEST_WAIT
            and self._exchange.deadline.left() > LONGEST_WAIT
        )

    def _download(
        self,
        hop: Hop,
        path: Path,
        *,
        keep_gzip: bool = False,
        ends_itself: Callable[[Path], bool] = lambda _: False,
    ) -> Response | None:
        try:
            with self._exchange.answer(hop) as (at, found, blocks):
                if found.status == 304 and _is_conditional(hop):
                    return None
                answers.check_status(found, blocks)
                with path.open("wb") as file:
                    received = self._receive(found, blocks, file, path, keep_gzip)
            if not received.proven and not ends_itself(path):
                self._prove(hop, path, keep_gzip, received)
        except Trouble:
            path.unlink(missing_ok=True)
            raise
        except OSError as error:
            path.unlink(missing_ok=True)
            raise Trouble(
                f": cannot write {path.name}: {error.strerror}",
                hint="check room and permissions where the lake is",
                retry=True,
            ) from error
        return Response(
            url=str(at),
            status=found.status,
            headers=found.headers,
            bytes=received.bytes,
            sha256=received.sha256,
            etag=found.headers.get("etag"),
            last_modified=found.headers.get("last-modified"),
            _location=at.url,
        )

    def _receive(
        self, found: answers.Head, blocks: Iterator[bytes], sink: Sink, path: Path, keep_gzip: bool
    ) -> Received:
        return receive(found, blocks, sink, path.parent, self._most, keep_gzip=keep_gzip)

    def _prove(self, hop: Hop, path: Path, keep_gzip: bool, first: Received) -> None:
        """Ask again for a body whose end nothing marks: only twice the same is taken for whole."""
        with (
            self._exchange.answer(hop) as (_, found, blocks),
            Path(os.devnull).open("wb") as nothing,
        ):
            answers.check_status(found)
            second = self._receive(found, blocks, nothing, path, keep_gzip)
        if second.sha256 != first.sha256:
            raise Trouble(
                f" says no length, and two downloads differ ({first.bytes} and {second.bytes} "
                "bytes)",
                hint="one of them broke off, or the source makes each answer anew",
                retry=True,
            )


def _wait(state: RetryCallState) -> float:
    """Jitter, and never less than the server asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, SourceError) else None
    return max(_jitter(state), asked or 0.0)


def _is_conditional(hop: Hop) -> bool:
    return bool({"if-none-match", "if-modified-since"} & {name.lower() for name in hop.headers})
