"""Text of any encoding as UTF-8 on disk: strict, block by block, nothing replaced."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from moulouya.errors import ReadError

BLOCK = 4 * 1024 * 1024
BYTE_ORDER_MARKS = {  # the longer ones first: UTF-32 LE starts like UTF-16 LE
    codecs.BOM_UTF32_LE: ("utf-32", "utf-32-le"),
    codecs.BOM_UTF32_BE: ("utf-32", "utf-32-be"),
    codecs.BOM_UTF8: ("utf-8", "utf-8-sig"),
    codecs.BOM_UTF16_LE: ("utf-16", "utf-16-le"),
    codecs.BOM_UTF16_BE: ("utf-16", "utf-16-be"),
}
_UTF8 = frozenset({"utf-8", "utf-8-sig"})


def as_utf8(path: Path, encoding: str, scratch: Path) -> Path:
    """The file itself when it is UTF-8, else a copy in ``scratch``, transcoded strictly.

    Raises ReadError at the first byte that is not ``encoding`` (with its offset and line), and
    for a byte order mark of another one.
    """
    codec = codecs.lookup(encoding).name
    _agreeing_mark(path, codec, encoding)
    if codec in _UTF8 or codec == "ascii":
        _check(path, codec, encoding)
        return path
    target = scratch / "utf8" / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as text:
        for number, decoded in enumerate(_decoded(path, codec, encoding)):
            text.write(_encoded(path, decoded.removeprefix("\ufeff") if not number else decoded))
    return target


def byte_order_mark(head: bytes) -> tuple[str, ...] | None:
    """The names of the encodings that a text with this start can have, None without a mark."""
    for mark, names in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return names
    return None


def _agreeing_mark(path: Path, codec: str, encoding: str) -> None:
    with path.open("rb") as raw:
        names = byte_order_mark(raw.read(4))
    if names is None or codec in names:
        return
    if names[0] == "utf-32" and codec in ("utf-16", "utf-16-le"):
        return  # FF FE 00 00 may also be UTF-16 whose first character is NUL
    raise ReadError(
        f"{path.name} is not {encoding}: it starts with the byte order mark of {names[0]}",
        hint=f"set source.dialect.encoding to {names[0]}",
    )


def _check(path: Path, codec: str, encoding: str) -> None:
    """Raise ReadError unless the whole file is in the encoding; ASCII is checked fast."""
    done, lines, open_end = 0, 0, b""
    decoder = codecs.getincrementaldecoder("ascii" if codec == "ascii" else "utf-8")()
    with path.open("rb") as raw:
        while block := raw.read(BLOCK):
            if open_end or not block.isascii():
                try:
                    decoder.decode(block)
                    open_end = decoder.getstate()[0]
                except UnicodeDecodeError as error:
                    raise _wrong(path, encoding, error, done + len(block), lines, block) from error
            done += len(block)
            lines += block.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _wrong(path, encoding, error, done, lines, b"") from error


def _decoded(path: Path, codec: str, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(codec)()
    done, lines = 0, 0
    with path.open("rb") as raw:
        while True:
            block = raw.read(BLOCK)
            try:
                decoded = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raise _wrong(path, encoding, error, done + len(block), lines, block) from error
            except UnicodeError as error:  # such as UTF-16 without its byte order mark
                raise ReadError(
                    f"{path.name} is not {encoding}: {error}", hint="set source.dialect.encoding"
                ) from error
            yield decoded
            if not block:
                return
            done += len(block)
            lines += decoded.count("\n")


def _wrong(
    path: Path, encoding: str, error: UnicodeDecodeError, end: int, lines: int, block: bytes
) -> ReadError:
    """The error for a person: which byte of the file, on which line."""
    held = len(error.object) - len(block)  # what the decoder kept of the block before
    before = error.object[: error.start].decode(error.encoding, errors="replace")
    line = lines + before.count("\n") + 1
    return ReadError(
        f"{path.name} is not {encoding}: byte {end - len(block) - held + error.start} is "
        f"{error.object[error.start : error.start + 1].hex()} (line {line})",
        hint="set source.dialect.encoding",
    )


def _encoded(path: Path, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ReadError(
            f"{path.name} holds half a character: {error}", hint="set source.dialect.encoding"
        ) from error
