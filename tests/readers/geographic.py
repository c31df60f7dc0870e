"""Geographic files made for a test, and what the reader makes of them."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from moulouya import duck
from moulouya.definition import Reading
from moulouya.readers import geo
from moulouya.readers.table import Malformed


@dataclass(frozen=True)
class Read:
    """The rows by column name, shapes as shapely's, and what was no row."""

    rows: list[dict[str, Any]]
    malformed: list[Malformed]
    types: dict[str, str]

    @property
    def shapes(self) -> list[Any]:
        """The geometry of every row."""
        return [row["geometry"] for row in self.rows]


def read(
    folder: Path, files: dict[str, bytes | str] | list[Path], format_: str, **more: Any
) -> Read:
    """Read files (by name, or where they lie) in a geographic format."""
    paths = _written(folder, files) if isinstance(files, dict) else files
    with duck.connect(threads=1) as con:
        table = geo.read(con, paths, Reading(format=format_, **more), folder / "scratch")
        selected = ", ".join(
            f"{'ST_AsWKB(' + sql + ')' if name == 'geometry' else sql} AS {duck.identifier(name)}"
            for name, sql in table.expressions.items()
        )
        rows = con.execute(
            f"SELECT {selected}, {table.line_expression} AS _line FROM {table.relation}"
        ).to_arrow_table().to_pylist()  # fmt: skip
    for row in rows:
        row["geometry"] = shapely.from_wkb(row["geometry"])
    return Read(rows, table.malformed(), table.types)


def _written(folder: Path, files: dict[str, bytes | str]) -> list[Path]:
    paths = []
    for name, content in files.items():
        path = folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        paths.append(path)
    return paths


def collection(*features: Any, **members: Any) -> str:
    """A FeatureCollection."""
    return json.dumps({"type": "FeatureCollection", **members, "features": list(features)})


def feature(geometry: Any = None, /, **properties: Any) -> dict[str, Any]:
    """A feature; a pair of numbers stands for a point."""
    if isinstance(geometry, tuple):
        geometry = {"type": "Point", "coordinates": list(geometry)}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def shapefile(
    folder: Path,
    shapes: list[Any],
    fields: dict[str, list[Any]],
    *,
    crs: str | None = "EPSG:4326",
    encoding: str = "UTF-8",
    name: str = "places",
) -> dict[str, Path]:
    """Write a shapefile; its parts by suffix."""
    from pyogrio.raw import write

    folder.mkdir(parents=True, exist_ok=True)
    write(
        folder / f"{name}.shp",
        shapely.to_wkb(np.array(shapes, dtype=object)),
        [np.array(values) for values in fields.values()],
        list(fields),
        geometry_type=next(shape.geom_type for shape in shapes if shape is not None),
        crs=crs,
        encoding=encoding,
    )
    return {path.suffix.removeprefix("."): path for path in folder.glob(f"{name}.*")}


def geopackage(
    path: Path, layers: dict[str, tuple[list[Any], dict[str, list[Any]]]], **more: Any
) -> Path:
    """Write a GeoPackage: layers by name, each shapes and fields."""
    from pyogrio.raw import write

    for number, (layer, (shapes, fields)) in enumerate(layers.items()):
        write(
            path,
            shapely.to_wkb(np.array(shapes, dtype=object)),
            [np.array(values) for values in fields.values()],
            list(fields),
            layer=layer,
            geometry_type=more.get("geometry_type", "Unknown"),
            crs=more.get("crs", "EPSG:4326"),
            append=number > 0,
        )
    return path


def zipped(path: Path, members: dict[str, bytes | Path]) -> Path:
    """Write a zip of the members, which may have any name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            body = content if isinstance(content, bytes) else content.read_bytes()
            archive.writestr(name, body)
    return path


def gml(*members: str, version: str = "3.1", srs: str = "", root: str = "") -> str:
    """A WFS answer of GML; every member is the inside of a feature ``w:place``."""
    uri = "http://www.opengis.net/gml" + ("/3.2" if version == "3.2" else "")
    wfs = "http://www.opengis.net/wfs" + ("/2.0" if version == "3.2" else "")
    member = "wfs:member" if version == "3.2" else "gml:featureMember"
    inside = "".join(
        f'<{member}><w:place gml:id="place.{number}">{inner}</w:place></{member}>'
        for number, inner in enumerate(members, 1)
    ).replace("SRS", f'srsName="{srs}"' if srs else "")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<wfs:FeatureCollection xmlns:wfs="{wfs}" xmlns:gml="{uri}" xmlns:w="urn:w" {root}>'
        f"{inside}</wfs:FeatureCollection>"
    )


def kml(inside: str, namespace: str = "http://www.opengis.net/kml/2.2") -> str:
    """A KML document."""
    return f'<?xml version="1.0"?><kml xmlns="{namespace}"><Document>{inside}</Document></kml>'
