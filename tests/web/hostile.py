"""A server on raw sockets that misbehaves by name: the first part of the path says how."""

from __future__ import annotations

import gzip
import socket
import ssl
import struct
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

BODY = b"code,name\n01,Berkane\n02,Taourirt\n"
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"


@dataclass
class Heard:
    """One request as it came: its line, its headers (lower-case names) and its body."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def name(self) -> str:
        return self.path.split("?")[0].split("/")[1]


@dataclass
class Connection:
    """One request of a client, and the means to answer it."""

    socket: socket.socket
    heard: Heard
    time: int  # how often this was asked for, from 1
    base: str
    stopped: threading.Event

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def answer(self, status: str = "200 OK", body: bytes = BODY, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named = {"Content-Length": str(len(body)), **named}
        lines = [f"{name}: {value}" for name, value in named.items() if value != ""]
        self.send("\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1"), body)

    def drip(self, data: bytes, every: float = 0.05) -> None:
        for at in range(len(data)):
            self.send(data[at : at + 1])
            if self.stopped.wait(every):
                return

    def hold(self) -> None:
        """Keep the connection open until the client or the test is done."""
        self.socket.settimeout(20)
        with suppress(OSError):
            while self.socket.recv(65536):
                pass


Behaviour = Callable[[Connection], None]
BEHAVIOURS: dict[str, Behaviour] = {}


def behaviour(act: Behaviour) -> Behaviour:
    BEHAVIOURS[act.__name__] = act
    return act


@dataclass
class Hostile:
    """The running server: its address and what it was asked."""

    base: str
    heard: list[Heard] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def url(self, name: str, rest: str = "") -> str:
        assert name in BEHAVIOURS, name
        return f"{self.base}/{name}{rest}"

    def times(self, name: str) -> int:
        return self.counts[name]


@contextmanager
def hostile(context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Hostile]:
    """Serve every behaviour on a port of its own, over TLS when a context is given."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)
    scheme = "https" if context else "http"
    name = "localhost" if context else f"[{host}]" if ":" in host else host
    known = Hostile(f"{scheme}://{name}:{listener.getsockname()[1]}")
    stopped = threading.Event()
    threads: list[threading.Thread] = []

    def converse(raw: socket.socket) -> None:
        with suppress(OSError), raw:
            raw.settimeout(20)
            connection = context.wrap_socket(raw, server_side=True) if context else raw
            with connection:
                while (heard := _heard(connection)) is not None:
                    known.heard.append(heard)
                    known.counts[heard.name] += 1
                    time = known.counts[heard.name]
                    BEHAVIOURS[heard.name](Connection(connection, heard, time, known.base, stopped))
                    if heard.name not in KEEPS_ALIVE:
                        return

    def accept() -> None:
        while not stopped.is_set():
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=converse, args=(raw,), daemon=True)
            thread.start()
            threads.append(thread)

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield known
    finally:
        stopped.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for thread in threads:
            thread.join(timeout=5)


def _heard(connection: socket.socket) -> Heard | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    method, path, _ = first.split(" ")
    return Heard(method, path, headers, body)


# --- what is good -------------------------------------------------------------------------------


@behaviour
def fine(to: Connection) -> None:
    to.answer(ETag='"v1"', Set_Cookie="session=secret")


@behaviour
def fine_and_stays(to: Connection) -> None:
    to.answer()


@behaviour
def chunked(to: Connection) -> None:
    to.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for piece in (BODY[:7], BODY[7:]):
        to.send(f"{len(piece):x}\r\n".encode(), piece, b"\r\n")
    to.send(b"0\r\n\r\n")


@behaviour
def interim_then_fine(to: Connection) -> None:
    to.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
    to.answer()


@behaviour
def gzip_uninvited(to: Connection) -> None:
    to.answer(body=gzip.compress(BODY), Content_Encoding="gzip")


@behaviour
def gzip_members(to: Connection) -> None:
    to.answer(body=gzip.compress(BODY[:9]) + gzip.compress(BODY[9:]), Content_Encoding="x-gzip")


@behaviour
def deflate_uninvited(to: Connection) -> None:
    to.answer(body=zlib.compress(BODY), Content_Encoding="deflate")


@behaviour
def close_delimited(to: Connection) -> None:
    to.send(b"HTTP/1.0 200 OK\r\n\r\n", BODY)


@behaviour
def fails_twice(to: Connection) -> None:
    to.answer() if to.time > 2 else to.answer("503 Service Unavailable", b"")


@behaviour
def breaks_off_once(to: Connection) -> None:
    to.answer() if to.time > 1 else to.answer(Content_Length="1000")


@behaviour
def not_modified_when_asked(to: Connection) -> None:
    asked = to.heard.headers.get("if-none-match") == '"v1"'
    to.answer("304 Not Modified", b"", ETag='"v1"') if asked else to.answer(ETag='"v1"')


@behaviour
def echo(to: Connection) -> None:
    lines = [f"{to.heard.method} {to.heard.path}"]
    lines += [f"{name}: {value}" for name, value in to.heard.headers.items()]
    to.answer(body="\n".join(lines).encode() + b"\n\n" + to.heard.body)


# --- statuses -----------------------------------------------------------------------------------


def _status(name: str, status: str, body: bytes = b"", **headers: str) -> None:
    def act(to: Connection) -> None:
        to.answer(status, body, **headers)

    BEHAVIOURS[name] = act


_status("not_found", "404 Not Found", b"no")
_status("gone", "410 Gone")
_status("unauthorised", "401 Unauthorized")
_status("forbidden", "403 Forbidden")
_status("broken", "500 Internal Server Error")
_status("bad_gateway", "502 Bad Gateway")
_status("unavailable", "503 Service Unavailable")
_status("gateway_timeout", "504 Gateway Timeout")
_status("too_many_in_an_hour", "429 Too Many Requests", Retry_After="3600")
_status("too_many_at_a_date", "429 Too Many", Retry_After="Fri, 01 Jan 2100 00:00:00 GMT")
_status("too_many_for_ten_years", "429 Too Many", Retry_After="315360000")
_status("too_many_for_ever", "429 Too Many", Retry_After="9" * 500)
_status("too_many_until_long_ago", "429 Too Many", Retry_After=DATE.decode())
_status("too_many_until_whenever", "429 Too Many", Retry_After="when the cows come home")
_status("not_modified_unasked", "304 Not Modified")
_status("no_content", "204 No Content", Content_Length="")
_status("partial", "206 Partial Content", BODY, Content_Range="bytes 0-32/1000")
_status("still_preparing", "202 Accepted", b"wait")
_status("teapot", "418 I'm a teapot")


# --- time ---------------------------------------------------------------------------------------


@behaviour
def drips_its_body(to: Connection) -> None:
    to.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    to.drip(b"x" * 100000)


@behaviour
def drips_its_head(to: Connection) -> None:
    to.send(b"HTTP/1.1 200 OK\r\nX-Drip: ")
    to.drip(b"x" * 100000)


@behaviour
def drips_chunk_sizes(to: Connection) -> None:
    to.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    to.drip(b"1\r\nx\r\n" * 100000)


@behaviour
def says_nothing(to: Connection) -> None:
    to.hold()


@behaviour
def says_nothing_after_its_head(to: Connection) -> None:
    to.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
    to.hold()


@behaviour
def stops_in_the_middle(to: Connection) -> None:
    to.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", BODY)
    to.hold()


# --- framing ------------------------------------------------------------------------------------


def _raw(name: str, *pieces: bytes) -> None:
    def act(to: Connection) -> None:
        to.send(*pieces)

    BEHAVIOURS[name] = act


OK = b"HTTP/1.1 200 OK\r\n"
_raw("shorter_than_its_length", OK, b"Content-Length: 1000\r\n\r\n", BODY)
_raw("longer_than_its_length", OK, b"Content-Length: 20\r\n\r\n" + BODY)
_raw("two_lengths", OK, b"Content-Length: 20\r\nContent-Length: 33\r\n\r\n", BODY)
_raw("two_equal_lengths", OK, b"Content-Length: 33\r\nContent-Length: 33\r\n\r\n", BODY)
_raw("a_list_of_lengths", OK, b"Content-Length: 33, 33\r\n\r\n", BODY)
_raw("length_in_words", OK, b"Content-Length: many\r\n\r\n", BODY)
_raw("negative_length", OK, b"Content-Length: -33\r\n\r\n", BODY)
_raw("length_of_many_digits", OK, b"Content-Length: " + b"9" * 100 + b"\r\n\r\n", BODY)
_raw("length_and_chunks", OK, b"Content-Length: 33\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
_raw("unknown_transfer_encoding", OK, b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")
_raw("chunks_without_end", OK, b"Transfer-Encoding: chunked\r\n\r\n21\r\n", BODY, b"\r\n")
_raw("chunk_cut", OK, b"Transfer-Encoding: chunked\r\n\r\nff\r\n", BODY)
_raw("chunk_size_in_words", OK, b"Transfer-Encoding: chunked\r\n\r\nmany\r\n", BODY)
_raw("chunk_without_its_line_end", OK, b"Transfer-Encoding: chunked\r\n\r\n2\r\n", BODY)
_raw("closes_at_once")
_raw("closes_in_its_head", OK, b"Content-Le")
_raw("no_head_at_all", BODY)
_raw("another_protocol", b"SSH-2.0-OpenSSH_9.6\r\n")
_raw("status_in_words", b"HTTP/1.1 fine\r\n\r\n")
_raw("header_without_colon", OK, b"Content-Length 33\r\n\r\n", BODY)
_raw("header_with_nul", OK, b"X-Odd: a\0b\r\nContent-Length: 33\r\n\r\n", BODY)
_raw("header_of_100_kb", OK, b"X-Big: " + b"x" * 100_000 + b"\r\nContent-Length: 33\r\n\r\n", BODY)
_raw("a_thousand_headers", OK, b"X-Many: x\r\n" * 1000 + b"Content-Length: 33\r\n\r\n", BODY)


@behaviour
def close_delimited_and_cut(to: Connection) -> None:
    to.send(b"HTTP/1.0 200 OK\r\n\r\n", BODY[: -to.time])


@behaviour
def endless_head(to: Connection) -> None:
    to.send(OK)
    while not to.stopped.is_set():
        to.send(b"X-More: and more\r\n" * 100)


@behaviour
def endless_interim_answers(to: Connection) -> None:
    while not to.stopped.is_set():
        to.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


@behaviour
def resets(to: Connection) -> None:
    to.send(OK, b"Content-Length: 1000\r\n\r\n", BODY)
    to.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


# --- size and encoding --------------------------------------------------------------------------


@behaviour
def endless_body(to: Connection) -> None:
    to.send(OK, b"\r\n")
    while not to.stopped.is_set():
        to.send(b"x" * 65536)


@behaviour
def endless_chunks(to: Connection) -> None:
    to.send(OK, b"Transfer-Encoding: chunked\r\n\r\n")
    while not to.stopped.is_set():
        to.send(b"10000\r\n", b"x" * 65536, b"\r\n")


@behaviour
def chunks_wrapped_in_more_than_they_hold(to: Connection) -> None:
    to.send(OK, b"Transfer-Encoding: chunked\r\n\r\n")
    while not to.stopped.is_set():
        to.send(b"1;" + b"x" * 10_000 + b"\r\nx\r\n")


@behaviour
def announces_too_much(to: Connection) -> None:
    to.send(OK, b"Content-Length: 99999999999\r\n\r\n")
    to.hold()


@behaviour
def gzip_that_breaks_off(to: Connection) -> None:
    to.answer(body=gzip.compress(BODY)[:-9], Content_Encoding="gzip")


@behaviour
def gzip_with_a_wrong_checksum(to: Connection) -> None:
    packed = bytearray(gzip.compress(BODY))
    packed[-6] ^= 1
    to.answer(body=bytes(packed), Content_Encoding="gzip")


@behaviour
def gzip_with_more_behind(to: Connection) -> None:
    to.answer(body=gzip.compress(BODY) + b"surplus", Content_Encoding="gzip")


@behaviour
def gzip_that_is_none(to: Connection) -> None:
    to.answer(Content_Encoding="gzip")


@behaviour
def gzip_of_nothing(to: Connection) -> None:
    to.answer(body=b"", Content_Encoding="gzip")


@behaviour
def gzip_bomb(to: Connection) -> None:
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join(packer.compress(b"\0" * 1024**2) for _ in range(256)) + packer.flush()
    to.answer(body=packed, Content_Encoding="gzip")


@behaviour
def gzip_larger_than_accepted(to: Connection) -> None:
    to.answer(body=gzip.compress(bytes(range(256)) * 400), Content_Encoding="gzip")


@behaviour
def deflate_without_checksum(to: Connection) -> None:
    packer = zlib.compressobj(wbits=-15)
    to.answer(body=packer.compress(BODY) + packer.flush(), Content_Encoding="deflate")


@behaviour
def brotli(to: Connection) -> None:
    to.answer(body=b"\x0b\x10\x80" + BODY, Content_Encoding="br")


@behaviour
def gzip_twice(to: Connection) -> None:
    to.answer(body=gzip.compress(gzip.compress(BODY)), Content_Encoding="gzip, gzip")


# --- redirects ----------------------------------------------------------------------------------


@behaviour
def to(it: Connection) -> None:
    """Redirect to the text behind ``?``, with the status in the path: ``/to/302?http://…``."""
    status = it.heard.path.split("?")[0].split("/")[2]
    it.answer(f"{status} Elsewhere", b"", Location=it.heard.path.partition("?")[2])


@behaviour
def in_a_circle(to: Connection) -> None:
    to.answer("302 Found", b"", Location="/in_a_circle")


@behaviour
def hops(to: Connection) -> None:
    """``/hops/3`` takes three redirects to `fine`."""
    left = int(to.heard.path.rpartition("/")[2])
    to.answer("302 Found", b"", Location=f"/hops/{left - 1}" if left > 1 else "/fine")


@behaviour
def nowhere(to: Connection) -> None:
    to.answer("302 Found", b"")


KEEPS_ALIVE = frozenset({"fine_and_stays"})
