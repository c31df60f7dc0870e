"""Taking files out of their wrapping; its checksums are verified before a byte is read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from moulouya.content import HEAD, looks_like, mismatch, unlike
from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers.archives import Allowance, members_of

BLOCK = 1024 * 1024
# zstd turns a few bytes into 128 KiB: so little at once can never become more than memory holds.
ZSTD_BLOCK = 4096
ZSTD_WINDOW = 128 * 1024 * 1024
SEVERAL_PARTS = frozenset({"shapefile", "gtfs"})  # not every file of these has the format's head


def unwrapped(files: list[Path], source: Reading, scratch: Path) -> list[Path]:
    """The files as their format wants them, in ``scratch`` where they had to be unpacked.

    Raises ReadError when one is not wrapped as declared, is damaged or cut off, expands beyond
    all measure, is an archive with hostile entries, or holds another format than is declared.
    """
    for path in files:
        _agree(path, mismatch(head_of(path), source))
    allowance = Allowance(sum(path.stat().st_size for path in files))
    if source.archive is not None:
        opened = [_tar(path, source, scratch, allowance) for path in files]
        files = members_of(opened, source.archive, scratch / "members", allowance)
    if source.compression != "none":
        files = [
            unpacked(path, source.compression, scratch / "unpacked" / str(number), allowance)
            for number, path in enumerate(files, 1)
        ]
    if source.archive is not None or source.compression != "none":
        for path in files:
            if source.format not in SEVERAL_PARTS:
                _agree(path, unlike(head_of(path), source.format))
    return files


def head_of(path: Path) -> bytes:
    """The first bytes of a file, enough to see what it is."""
    with path.open("rb") as file:
        return file.read(HEAD)


def unpacked(path: Path, compression: str, folder: Path, allowance: Allowance) -> Path:
    """A file's decompressed copy in a folder, under the same name.

    All members (gzip, RFC 1952), streams (bzip2) or frames (zstd, RFC 8878) are read, and their
    checksums verified: DuckDB reads a file that was cut off without a word. Raises ReadError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    with path.open("rb") as packed, target.open("wb") as plain:
        blocks = _BLOCKS[compression](packed)
        while block := _next(blocks, path):
            allowance.spend(len(block), path.name)
            plain.write(block)
    return target


def _agree(path: Path, objection: str | None) -> None:
    if objection is not None:
        raise ReadError(
            f"{path.name} is not what is declared: {objection}",
            hint="check source.format, source.compression and source.archive",
        )


def _tar(path: Path, source: Reading, scratch: Path, allowance: Allowance) -> Path:
    """An archive without the compression that a tar may have around it."""
    kind = looks_like(head_of(path))
    if kind not in _BLOCKS or source.archive is None or source.archive.kind != "tar":
        return path
    return unpacked(path, kind, scratch / "tar", allowance)


def _next(blocks: Iterator[bytes], path: Path) -> bytes:
    """The next block, or nothing at the end; the codecs' own errors become sentences."""
    from zstandard import ZstdError

    try:
        return next(blocks, b"")
    except (EOFError, zlib.error, lzma.LZMAError, ZstdError, gzip.BadGzipFile) as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if error.errno is not None:  # the disk, not the data
            raise
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ReadError:
    return ReadError(
        f"{path.name} cannot be unpacked: {error}",
        hint="the file is damaged or was cut off, or source.compression is another",
    )


def _gzip(packed: IO[bytes]) -> Iterator[bytes]:
    with gzip.open(packed) as plain:
        while block := plain.read(BLOCK):
            yield block


def _bzip2(packed: IO[bytes]) -> Iterator[bytes]:
    return _streams(packed, bz2.BZ2Decompressor)


def _xz(packed: IO[bytes]) -> Iterator[bytes]:
    return _streams(packed, lambda: lzma.LZMADecompressor(memlimit=256 * 1024 * 1024))


def _streams(packed: IO[bytes], decompressor: Callable[[], Any]) -> Iterator[bytes]:
    """Streams one after the other; Python's own readers overlook a broken one behind a whole."""
    rest = packed.read(BLOCK)
    while rest:
        stream = decompressor()
        while not stream.eof:
            if stream.needs_input and not rest:
                rest = packed.read(BLOCK)
                if not rest:
                    raise EOFError("it was cut off")
            block = stream.decompress(rest, BLOCK)
            rest = b""
            if block:
                yield block
        rest = stream.unused_data or packed.read(BLOCK)


def _zstd(packed: IO[bytes]) -> Iterator[bytes]:
    import zstandard

    context = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
    rest = packed.read(ZSTD_BLOCK)
    while rest:
        frame = context.decompressobj()
        while not frame.eof:
            if not rest:
                rest = packed.read(ZSTD_BLOCK)
                if not rest:
                    raise EOFError("it was cut off")
            block = frame.decompress(rest)
            rest = b""
            if block:
                yield block
        rest = frame.unused_data or packed.read(ZSTD_BLOCK)


_BLOCKS: dict[str, Callable[[IO[bytes]], Iterator[bytes]]] = {
    "bzip2": _bzip2,
    "gzip": _gzip,
    "xz": _xz,
    "zstd": _zstd,
}
