"""Bodies that were sent compressed though asked not to be: decoded here, and checked to the end.

HTTP libraries take a truncated or damaged gzip body for a whole one.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from moulouya.web.limits import MIB
from moulouya.web.trouble import Trouble

PIECE = MIB
LARGEST_RATIO = 100
RATIO_FROM = 8 * MIB  # below, even the best ratio harms nobody
GZIP = b"\x1f\x8b"


class Inflater:
    """Decodes gzip (members in a row, as RFC 1952 has them) or zlib data piece by piece."""

    def __init__(self, encoding: str, most: int) -> None:
        if encoding in ("gzip", "x-gzip"):
            self._gzip = True
        elif encoding == "deflate":
            self._gzip = False
        else:
            raise Trouble(f" sent a {encoding} body though it was asked not to")
        self._encoding = encoding
        self._most = most
        self._in = 0
        self._out = 0
        self._decoder = self._fresh()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decoded bytes; raises Trouble for damage, too much, and too high a ratio."""
        self._in += len(data)
        while data:
            if self._decoder.eof:
                if not (self._gzip and data.startswith(GZIP[:1])):
                    raise Trouble(
                        f" sent a {self._encoding} body with more behind its end", retry=True
                    )
                self._decoder = self._fresh()
            try:
                piece = self._decoder.decompress(data, PIECE)
            except zlib.error as error:
                raise Trouble(
                    f" sent a {self._encoding} body that is damaged: {error}", retry=True
                ) from error
            data = self._decoder.unconsumed_tail or self._decoder.unused_data
            yield self._counted(piece)

    def finish(self) -> None:
        """Raises Trouble when the compressed data ends before its end mark and checksum."""
        if not self._decoder.eof:
            raise Trouble(f" sent a {self._encoding} body that breaks off", retry=True)

    def _counted(self, piece: bytes) -> bytes:
        self._out += len(piece)
        if self._out > self._most:
            raise Trouble(
                f" is larger than {self._most} bytes when decompressed",
                hint="raise MOULOUYA_HTTP_MAX_BYTES, or source.max_bytes",
            )
        if self._out > RATIO_FROM and self._out > LARGEST_RATIO * self._in:
            raise Trouble(
                f" sent a {self._encoding} body that grows more than {LARGEST_RATIO}-fold",
                hint="no real data does that; ask the publisher for the file uncompressed",
            )
        return piece

    def _fresh(self) -> zlib._Decompress:
        return zlib.decompressobj(wbits=31 if self._gzip else 15)
