"""Which member of an archive is the data, for drafts only."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from moulouya.errors import ReadError
from moulouya.readers.archives import LITTER

# A zip with one of these is a file of its own format, and read as such.
WHOLE = ("xl/workbook.xml", "stops.txt", "agency.txt", ".shp", ".kml")
DATA = frozenset({
    ".csv", ".tsv", ".tab", ".txt", ".json", ".jsonl", ".ndjson", ".geojson", ".xml", ".html",
    ".xlsx", ".xls", ".ods", ".parquet", ".arrow", ".feather", ".gpkg", ".gml",
})  # fmt: skip


def member_of(path: Path, kind: str, warnings: list[str]) -> str | None:
    """The name of the largest member that can be data; None where the archive is the file.

    Raises ReadError when nothing is in it.
    """
    sizes = _sizes(path, kind)
    names = [name.lower() for name in sizes]
    if kind == "zip" and ("content.xml" in names or any(name.endswith(WHOLE) for name in names)):
        return None
    data = [name for name in sizes if PurePosixPath(name).suffix.lower() in DATA] or list(sizes)
    if not data:
        raise ReadError(f"{path.name} is an archive without a file")
    chosen = max(data, key=lambda name: (sizes[name], name))
    if len(data) > 1:
        told = ", ".join(sorted(data)[:20])
        warnings.append(f"of the members {told} the largest one, {chosen}, was read")
    return _pattern(chosen)


def _pattern(name: str) -> str:
    """A pattern that only this name matches; signs of patterns in it are written as [?]."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _sizes(path: Path, kind: str) -> dict[str, int]:
    try:
        if kind == "zip":
            with zipfile.ZipFile(path) as archive:
                found = {e.filename: e.file_size for e in archive.infolist() if not e.is_dir()}
        else:
            with tarfile.open(path) as tar:
                found = {entry.name: entry.size for entry in tar if entry.isreg()}
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError) as error:
        raise ReadError(f"{path.name} is a damaged archive: {error}") from error
    return {name: size for name, size in found.items() if not LITTER.search(name)}
