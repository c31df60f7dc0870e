"""Guessing what a sample is. Only drafts are guessed: a published dataset declares its form."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from moulouya import content, duck, readers, sandbox
from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers.archives import Allowance
from moulouya.readers.wrapping import head_of, unpacked, unwrapped
from moulouya.sandbox import Limits
from moulouya.settings import Settings
from moulouya.sniffing.archived import member_of
from moulouya.sniffing.delimited import sniff_delimited
from moulouya.sniffing.documents import html_table, json_path, xml_path
from moulouya.sniffing.sheets import sheet_of
from moulouya.sniffing.table import Sniffed, SniffedColumn, typed

__all__ = ["Choice", "Sniffed", "SniffedColumn", "sniff", "sniff_in_sandbox"]

SAMPLE = 1024 * 1024
GEOGRAPHIC = frozenset({"geojson", "kml", "gml", "geopackage", "shapefile"})
SHAPES = frozenset({
    "Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon",
    "GeometryCollection",
})  # fmt: skip
COMPRESSIONS = frozenset({"gzip", "bzip2", "zstd"})


@dataclass(frozen=True)
class Choice:
    """What a person says about a sample that holds several tables."""

    sheet: str | None = None
    table: str | int | None = None
    layer: str | None = None
    records: str | None = None


def sniff_in_sandbox(
    path: Path, scratch: Path, settings: Settings, choice: Choice | None = None
) -> Sniffed:
    """Guess what a sample is in a child process: it may be made to do harm. Raises ReadError."""
    told = sandbox.call(
        "moulouya.sniffing:sniff",
        path.absolute(),
        scratch,
        choice,
        limits=Limits(seconds=settings.sandbox_seconds, memory=settings.sandbox_memory),
        readable=[path],
        writable=[scratch],
        about=path.name,
    )
    columns = [SniffedColumn(**column) for column in told.pop("columns")]
    return Sniffed(columns=columns, **told)


def sniff(path: Path, scratch: Path, choice: Choice | None = None) -> Sniffed:
    """Guess format, wrapping, dialect, place of the table, types and key of a sample.

    The bytes decide, never the suffix alone. What was guessed, and could be wrong, is told in
    ``warnings``. Raises ReadError when it is none of the formats that can be read.
    """
    choice = choice or Choice()
    warnings: list[str] = []
    with duck.connect(spill=scratch / "spill") as con:
        try:
            inner, wrapping = _unwrapped(path, scratch, warnings)
            if not head_of(inner).strip():
                raise ReadError(f"{path.name} is empty")
            source = _format(inner, choice, scratch, warnings)
            if source is None:
                found = sniff_delimited(con, inner, _head(inner), {}, scratch)
            else:
                found = _rows(con, inner, source, scratch)
        except (duckdb.Error, OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
            raise ReadError(
                f"{path.name} cannot be read: {str(error).partition(chr(10))[0]}",
                hint="is it one of the formats that can be read, and whole?",
            ) from error
    format_ = {"format": found.source["format"]}
    return replace(
        found,
        source={**format_, **wrapping, **found.source},
        warnings=[*warnings, *found.warnings, *_dialect_warnings(found.source)],
    )


def _unwrapped(path: Path, scratch: Path, warnings: list[str]) -> tuple[Path, dict[str, Any]]:
    """The file without compression and archive, and the options that say how it was wrapped."""
    kind = content.looks_like(head_of(path))
    if kind in COMPRESSIONS or kind == "xz":
        allowance = Allowance(path.stat().st_size)
        plain = unpacked(path, str(kind), scratch / "sniffed", allowance)
        if content.looks_like(head_of(plain)) == "tar":
            kind, plain = "tar", path
        elif kind == "xz":
            raise ReadError(f"{path.name} is xz-compressed, which only a tar archive may be")
        else:
            return plain, {"compression": str(kind)}
    if kind not in ("zip", "tar"):
        return path, {}
    member = member_of(path, kind, warnings)
    if member is None:  # the format reads the archive as it is: a feed, a shapefile, KMZ, XLSX
        return path, {}
    archive = {"kind": kind, "members": member}
    reading = Reading.model_validate({"format": "gtfs", "archive": archive})  # any: not read yet
    (inner,) = unwrapped([path], reading, scratch / "sniffed")
    return inner, {"archive": archive}


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SAMPLE)


def _format(
    path: Path, choice: Choice, scratch: Path, warnings: list[str]
) -> dict[str, Any] | None:
    """The options that read a file, but for delimited text."""
    kind = content.looks_like(head_of(path))
    if kind == "zip":
        kind = member_format(path)
    if kind in GEOGRAPHIC or (kind == "json" and _is_shape(path)):
        return _geographic(path, choice, scratch, warnings)
    if kind == "ndjson":
        return {"format": "ndjson", **({"records": choice.records} if choice.records else {})}
    if kind == "json":
        return json_path(path, choice.records, warnings)
    if kind == "xml":
        return xml_path(path, choice.records, warnings)
    if kind == "html":
        return html_table(path, choice.table, warnings)
    if kind in ("xlsx", "xls", "ods"):
        return sheet_of(path, kind, choice.sheet, warnings)
    if kind == "gtfs":
        return _feed(path, choice, warnings)
    if kind in ("parquet", "arrow", "sdmx"):
        return {"format": kind}
    if kind is None and content.text_of(head_of(path)).lstrip().startswith("{"):
        return json_path(path, choice.records, warnings)  # broken: it says where
    if kind is not None:
        raise ReadError(
            f"{path.name} is {content.NAMES[kind]}, which holds no table that can be read"
        )
    return None


def member_format(path: Path) -> str:
    """The format of a zip whose parts make one file of a format of its own."""
    from moulouya.readers.archives import listing

    names = [name.lower() for name in listing(path, "zip")]
    for ending, kind in (
        ("xl/workbook.xml", "xlsx"), ("content.xml", "ods"), ("stops.txt", "gtfs"),
        ("agency.txt", "gtfs"), (".shp", "shapefile"), (".kml", "kml"),
    ):  # fmt: skip
        if any(name.endswith(ending) for name in names):
            return kind
    return "zip"


def _is_shape(path: Path) -> bool:
    """Whether JSON is a bare geometry of GeoJSON (RFC 7946, 3.1)."""
    text = content.text_of(head_of(path)).lstrip()
    return text.startswith("{") and content.type_of(text) in SHAPES


def _geographic(path: Path, choice: Choice, scratch: Path, warnings: list[str]) -> dict[str, Any]:
    from moulouya.readers import geo

    folder = scratch / "described"
    folder.mkdir(parents=True, exist_ok=True)
    told = geo.describe(path, folder)
    source: dict[str, Any] = dict(told["source"])
    if choice.layer is not None:
        source["geometry"] = {**source.get("geometry", {}), "layer": choice.layer}
    elif len(told["layers"]) > 1:
        warnings.append(f"of the layers {', '.join(told['layers'])} the first one was read")
    if told["crs"] is None:
        warnings.append("the file does not say in which coordinate reference system it is")
    return source


def _feed(path: Path, choice: Choice, warnings: list[str]) -> dict[str, Any]:
    from moulouya.readers.archives import listing

    names = sorted(Path(name).stem for name in listing(path, "zip") if name.endswith(".txt"))
    table = choice.table
    if table is None:
        table = "stops" if "stops" in names else names[0]
        warnings.append(f"of the tables {', '.join(names)} {table!r} was read")
    return {"format": "gtfs", "table": table}


def _rows(
    con: duckdb.DuckDBPyConnection, path: Path, source: dict[str, Any], scratch: Path
) -> Sniffed:
    """Columns, types, rows and key of what the reader makes of the guessed options."""
    reading = Reading.model_validate(source)
    raw = readers.read(con, [path], reading, scratch / "read")
    found = typed(con, raw, source)
    malformed = raw.malformed()
    if malformed:
        first = malformed[0]
        found.warnings.append(
            f"{len(malformed)} rows are broken; the first, in line {first.line}: {first.reason}"
        )
    return found


def _dialect_warnings(source: dict[str, Any]) -> list[str]:
    if source["format"] != "csv":
        return []
    dialect = source.get("dialect", {})
    told = ", ".join(f"{name} {value!r}" for name, value in dialect.items())
    return [f"the dialect was guessed: {told}"] if told else []
