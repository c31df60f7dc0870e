"""Connections of the HTTP library: to checked addresses only, and never longer than allowed."""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpcore

from moulouya.web.addresses import Address, Guard, literal
from moulouya.web.certificates import check_pin, handshake_trouble, unverified_until_pinned
from moulouya.web.heads import HeadWatch
from moulouya.web.limits import Bounds, Deadline
from moulouya.web.trouble import Trouble

T = TypeVar("T")
PIECE = 64 * 1024


@dataclass(frozen=True)
class Pin:
    """The one certificate to trust for one host."""

    host: str
    port: int
    sha256: str


class GuardedBackend(httpcore.NetworkBackend):
    """Resolves a name once, judges every answer, and connects to an address it has judged."""

    def __init__(self, guard: Guard, bounds: Bounds, pin: Pin | None) -> None:
        self._guard = guard
        self._bounds = bounds
        self._pin = pin
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of the host that answers; Trouble for a refused one."""
        host = host.strip("[]")
        deadline = self._bounds.deadline
        addresses = resolve(host, port, _least(timeout, deadline.check()))
        for address in addresses:
            self._guard.check(host, port, address)
        pin = self._pin if self._pin and (self._pin.host, self._pin.port) == (host, port) else None
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                stream = _within(
                    deadline,
                    timeout,
                    lambda limit, to=str(address): self._plain.connect_tcp(  # type: ignore[misc]
                        to, port, limit, local_address, socket_options or ()
                    ),
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            return GuardedStream(stream, self._bounds, pin)
        raise failure


class GuardedStream(httpcore.NetworkStream):
    """A connection under a deadline and a least speed, that reads no endless or doubtful head."""

    def __init__(self, stream: httpcore.NetworkStream, bounds: Bounds, pin: Pin | None) -> None:
        self._stream = stream
        self._bounds = bounds
        self._deadline = bounds.deadline
        self._pin = pin
        self._head = HeadWatch()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What arrives next; raises Trouble when it comes too late, too slowly or badly framed."""
        data = _within(self._deadline, timeout, lambda limit: self._stream.read(max_bytes, limit))
        self._bounds.pace.count(len(data))
        self._head.feed(data)
        self._bounds.check_wire(self._head.body)
        return data

    def surplus(self, length: int) -> bool:
        """Whether the sender went on after the body of this length that it had announced."""
        if self._head.body > length:
            return True
        try:
            return bool(self._stream.read(1, 0.0))
        except (httpcore.ReadError, httpcore.ReadTimeout):
            return False  # nothing more is there, as it should be

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send, piece by piece, so that a peer that does not read meets the deadline."""
        self._bounds.pace.restart()
        self._head = HeadWatch()
        for start in range(0, len(buffer), PIECE):
            piece = buffer[start : start + PIECE]
            _within(self._deadline, timeout, lambda limit, p=piece: self._stream.write(p, limit))  # type: ignore[misc]

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Speak TLS from here on; Trouble for a certificate that is not to be trusted."""
        context = ssl_context if self._pin is None else unverified_until_pinned()
        name = server_hostname.strip("[]") if server_hostname else None
        try:
            stream = _within(
                self._deadline, timeout, lambda limit: self._stream.start_tls(context, name, limit)
            )
        except httpcore.ConnectError as error:
            cause = error.__cause__ or (error.args[0] if error.args else None)
            if isinstance(cause, OSError):
                raise handshake_trouble(cause) from error
            raise
        if self._pin is not None:
            try:
                check_pin(stream.get_extra_info("socket").getpeercert(True), self._pin.sha256)
            except Trouble:
                stream.close()
                raise
        return GuardedStream(stream, self._bounds, self._pin)

    def get_extra_info(self, info: str) -> Any:
        """What the connection knows of itself."""
        return self._stream.get_extra_info(info)


def resolve(host: str, port: int, timeout: float) -> list[Address]:
    """All addresses of a host, asked for once; raises Trouble when there is none in time."""
    written = literal(host)
    if written is not None:
        return [written]
    answers: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(OSError(str(error)) if isinstance(error, UnicodeError) else error)

    # The system's resolver knows no timeout of ours: it is left behind when it is late.
    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=timeout)
    except queue.Empty:
        raise Trouble(f": the name {host} was not resolved in time", retry=True) from None
    if isinstance(found, OSError):
        reason = found.strerror or str(found)
        raise Trouble(
            f": ConnectError: the name {host} has no address: {reason}",
            hint="check the host in the address; the last good version stays published",
            retry=True,
        )
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))


def _within(deadline: Deadline, timeout: float | None, act: Callable[[float], T]) -> T:
    """Do something that takes a timeout, for no longer than the deadline allows."""
    try:
        return act(_least(timeout, deadline.check()))
    except httpcore.TimeoutException:
        deadline.check()
        raise


def _least(timeout: float | None, left: float) -> float:
    return left if timeout is None else min(timeout, left)
