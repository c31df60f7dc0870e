"""Messages between the caller and the server process: a length, then so many bytes."""

from __future__ import annotations

import socket
import struct

_LENGTH = struct.Struct("!Q")


def send(connection: socket.socket, message: bytes) -> None:
    """Send one message, its length first."""
    connection.sendall(_LENGTH.pack(len(message)) + message)


def receive(connection: socket.socket) -> bytes | None:
    """The next message, None when the other side is gone."""
    head = _exactly(connection, _LENGTH.size)
    return None if head is None else _exactly(connection, _LENGTH.unpack(head)[0])


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(min(size - len(parts), 1024 * 1024))
        if not part:
            return None
        parts += part
    return bytes(parts)
