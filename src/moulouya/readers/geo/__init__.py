"""Geographic formats: every feature a row, its shape as ``geometry`` in OGC:CRS84."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers import zipped
from moulouya.readers.geo import crs, gdal, geojson, geopackage, gml, kml, shapefile
from moulouya.readers.geo.crs import looks_swapped
from moulouya.readers.geo.shapes import ShapeTable
from moulouya.readers.table import RawTable

__all__ = ["describe", "looks_swapped", "read"]


def read(con: DuckDBPyConnection, files: list[Path], source: Reading, scratch: Path) -> RawTable:
    """Open geographic files as one table: attributes, and ``geometry`` in longitude, latitude.

    Attributes are the source's text in GeoJSON, KML and GML and have their type in shapefiles
    and GeoPackages. A feature whose shape is not sound is malformed; NULL is a feature without
    one. Raises ReadError when a file is not what it should be, or does not say where it lies.
    """
    table = ShapeTable(_fresh(scratch / "shapes"), source.geometry)
    if source.format == "shapefile":
        for part in shapefile.found_in(files, source, scratch):
            table.add(part.delivered, shapefile.features(part, source, scratch),
                      shapefile.reference(part, source))  # fmt: skip
        return table.opened(con)
    for path in files:
        if source.format == "geojson":
            table.add(path, geojson.features(path, source), geojson.reference(path, source))
        elif source.format == "kml":
            table.add(path, kml.features(path, source, scratch), _kml_reference(path, source))
        elif source.format == "gml":
            found = gml.survey(path)
            empty = not found.features
            reference = _published(path) if empty else gml.reference(path, found, source)
            table.add(path, gml.features(path, found, source, scratch), reference)
        else:
            table.add(path, geopackage.features(path, source), geopackage.reference(path, source))
    return table.opened(con)


def _fresh(folder: Path) -> Path:
    """A folder that nothing is in: one run may read several tables."""
    number = 1
    while (candidate := folder / str(number)).exists():
        number += 1
    return candidate


def _published(path: Path) -> crs.Reference:
    return crs.written(crs.PUBLISHED, path.name)


def _kml_reference(path: Path, source: Reading) -> crs.Reference:
    """KML is always longitude, latitude (OGC 07-147r2, 6.1), unless the definition overrules."""
    return crs.declared(_published(path), source.geometry, path.name)


def describe(path: Path, scratch: Path) -> dict[str, Any]:
    """What a sample is, for a draft: ``format``, ``layers``, ``crs``, ``columns``, ``source``.

    ``source`` holds the keys that a definition needs to read it, as far as they can be guessed:
    the first layer, a likely encoding. ``crs`` is None where the file names none; ``columns`` maps
    names to SQL types. Raises ReadError when the file is none of the geographic formats.
    """
    from moulouya import duck

    format_ = _format(path)
    layers = _layers(path, format_)
    drafted: dict[str, Any] = {"format": format_}
    if len(layers) > 1:
        drafted["geometry"] = {"layer": layers[0]}
    system: str | None = None
    try:
        system = _system(path, Reading.model_validate(drafted), scratch)
    except ReadError:  # the draft has to ask for it; the columns can be told all the same
        drafted.setdefault("geometry", {})["crs"] = crs.PUBLISHED
    for encoding in (None, "utf-8", "cp1252"):
        dialect = {"dialect": {"encoding": encoding}} if encoding else {}
        try:
            with duck.connect() as con:
                reading = Reading.model_validate({**drafted, **dialect})
                table = read(con, [path], reading, scratch)
        except ReadError as error:
            if "encoding" not in str(error.hint) or encoding == "cp1252":
                raise
        else:
            break
    if system is None and "geometry" in drafted:
        drafted["geometry"].pop("crs", None)
    return {
        "format": format_,
        "layers": layers,
        "crs": system,
        "columns": {name: table.types.get(name, "VARCHAR") for name in table.expressions},
        "source": {key: value for key, value in {**drafted, **dialect}.items() if value},
    }


def _format(path: Path) -> str:
    """The geographic format of a sample, by its bytes."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"PK"):
        for suffix, format_ in ((".shp", "shapefile"), (".kml", "kml")):
            if zipped.names(path, suffix):
                return format_
    elif head.startswith(geopackage.MAGIC):
        return "geopackage"
    elif head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return "geojson"
    elif b"<kml" in head:
        return "kml"
    elif b"opengis.net/gml" in head:
        return "gml"
    elif head[:4] == b"\x00\x00\x27\x0a":
        return "shapefile"
    raise ReadError(f"{path.name} is none of the geographic formats")


def _layers(path: Path, format_: str) -> list[str]:
    if format_ == "geopackage":
        return gdal.layers(path)
    if format_ == "gml":
        return list(gml.survey(path).layers)
    if format_ == "shapefile":
        return shapefile.names(path)
    return []


def _system(path: Path, source: Reading, scratch: Path) -> str:
    """The coordinate reference system of a sample, by its code or else its name."""
    if source.format == "shapefile":
        (part,) = shapefile.found_in([path], source, _fresh(scratch / "sample"))
        reference = shapefile.reference(part, source)
    elif source.format == "gml":
        reference = gml.reference(path, gml.survey(path), source)
    elif source.format == "geopackage":
        reference = geopackage.reference(path, source)
    elif source.format == "geojson":
        reference = geojson.reference(path, source)
    else:
        reference = _published(path)
    code = reference.crs.to_authority(min_confidence=70)
    return ":".join(code) if code else str(reference.crs.name)
