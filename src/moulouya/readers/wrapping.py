"""Taking files out of their wrapping; its checksums are verified before a byte is read."""

from __future__ import annotations

import gzip
import shutil
import zlib
from pathlib import Path

from moulouya.definition import Reading
from moulouya.errors import ReadError

BLOCK = 1024 * 1024


def unwrapped(files: list[Path], source: Reading, scratch: Path) -> list[Path]:
    """The files as their format wants them; raises ReadError when one cannot be unpacked."""
    if source.compression == "gzip":
        return [_unpacked(path, scratch / "unpacked") for path in files]
    return files


def _unpacked(path: Path, folder: Path) -> Path:
    """The unpacked file, its checksum verified: DuckDB reads a truncated one without a word."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    with target.open("wb") as unpacked:
        try:
            with gzip.open(path) as packed:
                shutil.copyfileobj(packed, unpacked, BLOCK)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ReadError(
                f"{path.name} cannot be unpacked: {error}", hint="check source.compression"
            ) from error
    return target
