"""Shapefiles (ESRI, July 1998) and their dBASE tables, alone or in a zip."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import shapely

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers import zipped
from moulouya.readers.geo import crs, gdal
from moulouya.readers.geo.dbf import table_of
from moulouya.readers.geo.shapes import Features, Shapes

PARTS = ("shp", "shx", "dbf", "prj", "cpg")
NEEDED = ("shp", "shx", "dbf")
MAGIC = 9994
HEADER = 100


@dataclass(frozen=True)
class Shapefile:
    """The parts of one shapefile by their suffix, and the file they were delivered in."""

    name: str
    delivered: Path
    parts: dict[str, Path]


def found_in(files: list[Path], source: Reading, scratch: Path) -> list[Shapefile]:
    """The shapefiles among the files, zips opened, each checked to have its parts.

    Raises ReadError when a part is missing or damaged, or it is not clear which one to read.
    """
    result: list[Shapefile] = []
    loose: list[Path] = []
    for path in files:
        if zipped.is_zip(path):
            result.append(_unzipped(path, source, scratch / "shapefiles"))
        else:
            loose.append(path)
    groups = _grouped(loose)
    if source.geometry.layer is not None and groups:
        wanted = gdal.chosen([one.name for one in groups], source.geometry.layer, "the delivery")
        groups = [one for one in groups if one.name == wanted]
    result += groups
    if not result:
        listed = ", ".join(path.name for path in files) or "nothing"
        raise ReadError("there is no .shp file", hint=f"there is: {listed}")
    for shapefile in result:
        _check(shapefile)
    return result


def names(path: Path) -> list[str]:
    """The names of the shapefiles in a zip, or of the one that a part belongs to."""
    if not zipped.is_zip(path):
        return [path.stem]
    return [PurePosixPath(name).stem for name in zipped.names(path, ".shp")]


def _unzipped(path: Path, source: Reading, folder: Path) -> Shapefile:
    """The shapefile of a zip: the declared one, or the only one."""
    members = zipped.names(path, *(f".{suffix}" for suffix in PARTS))
    zipped.alone(path, members)
    known = names(path)
    if not known:
        raise ReadError(f"{path.name} holds no .shp file")
    wanted = gdal.chosen(known, source.geometry.layer, path.name).lower()
    parts = [name for name in members if PurePosixPath(name).stem.lower() == wanted]
    (shapefile,) = _grouped(zipped.unzipped(path, parts, folder))
    return Shapefile(shapefile.name, path, shapefile.parts)


def _grouped(files: list[Path]) -> list[Shapefile]:
    """Parts that belong together: the same name but for the suffix, in the same folder."""
    groups: dict[tuple[Path, str], dict[str, Path]] = {}
    for path in files:
        suffix = path.suffix.lower().removeprefix(".")
        if suffix in PARTS:
            groups.setdefault((path.parent, path.stem.lower()), {})[suffix] = path
    return [
        Shapefile(parts["shp"].stem, parts["shp"], parts)
        for parts in groups.values()
        if "shp" in parts
    ]


def _check(shapefile: Shapefile) -> None:
    """Raise ReadError when a part is missing, cut off, or says other counts than the others."""
    name = shapefile.delivered.name
    for suffix in NEEDED:
        if suffix not in shapefile.parts:
            raise ReadError(
                f"{name} has no {shapefile.name}.{suffix}",
                hint="a shapefile needs its .shp, .shx and .dbf parts",
            )
    for suffix in ("shp", "shx"):
        path = shapefile.parts[suffix]
        with path.open("rb") as file:
            head = file.read(HEADER)
        if len(head) < HEADER or struct.unpack(">i", head[:4])[0] != MAGIC:
            raise ReadError(f"{shapefile.name}.{suffix} is no part of a shapefile")
        said = struct.unpack(">i", head[24:28])[0] * 2
        if said > path.stat().st_size:
            raise ReadError(
                f"{shapefile.name}.{suffix} is cut off: it has {path.stat().st_size} bytes "
                f"of {said}"
            )
    shapes = (shapefile.parts["shx"].stat().st_size - HEADER) // 8
    rows = table_of(shapefile.parts["dbf"]).rows
    if shapes != rows:
        raise ReadError(f"{shapefile.name} has {shapes} shapes but {rows} rows of attributes")


def reference(shapefile: Shapefile, source: Reading) -> crs.Reference:
    """The system that the .prj part describes, or the declared one; x comes first."""
    path = shapefile.parts.get("prj")
    found = None
    if path is not None and source.geometry.crs is None:
        text = path.read_bytes().decode("utf-8-sig", errors="replace").strip("\0 \r\n\t")
        found = crs.written(text, path.name) if text else None
    return crs.declared(found, source.geometry, f"{shapefile.delivered.name} (without a .prj part)")


def features(shapefile: Shapefile, source: Reading, scratch: Path) -> Iterator[Features]:
    """The shapes with their attributes in chunks; deleted rows are left out."""
    table = table_of(shapefile.parts["dbf"], shapefile.parts.get("cpg"), source)
    absent = _absent(shapefile)
    linked = _side_by_side(shapefile, scratch / "linked")
    # GDAL hands the text over as it is: which encoding that is, this module decides.
    with gdal.opened(linked, ENCODING="") as (_, batches):
        for batch in batches:
            ids = batch.column(0).to_numpy()
            shapes = gdal.shapes_of(linked, batch.column(batch.num_columns - 1))
            _complete(shapefile, ids, shapes, absent)
            columns = batch.columns[1:-1]
            if len(columns) != len(table.names):
                raise ReadError(f"{shapefile.name}.dbf has fields that cannot be read")
            attributes = {
                name: table.decoded(name, values)
                for name, values in zip(table.distinct_names, columns, strict=True)
            }
            yield Features((ids + 1).tolist(), attributes, shapes)


def _side_by_side(shapefile: Shapefile, folder: Path) -> Path:
    """The .shp beside its own parts only: GDAL finds them by name, whatever case theirs is."""
    number = 1
    while (target := folder / str(number)).exists():
        number += 1
    target.mkdir(parents=True)
    for suffix, path in shapefile.parts.items():
        (target / f"{shapefile.name}.{suffix}").symlink_to(path.absolute())
    return target / f"{shapefile.name}.shp"


def _absent(shapefile: Shapefile) -> Any:
    """For each shape whether it is a null shape (type 0), as the index leads to it."""
    size = (shapefile.parts["shx"].stat().st_size - HEADER) // 8
    if not size:
        return np.zeros(0, dtype=bool)
    index = np.memmap(shapefile.parts["shx"], ">i4", "r", HEADER, (size, 2))
    content = np.memmap(shapefile.parts["shp"], np.uint8, "r")
    starts = index[:, 0].astype(np.int64) * 2 + 8
    ends = starts + index[:, 1].astype(np.int64) * 2
    if (starts < HEADER).any() or (ends > len(content)).any() or (ends < starts + 4).any():
        raise ReadError(f"{shapefile.name}.shx points outside of {shapefile.name}.shp")
    kinds = sum(content[starts + byte].astype(np.int64) << (8 * byte) for byte in range(4))
    return kinds == 0


def _complete(shapefile: Shapefile, ids: Any, shapes: Shapes, absent: Any) -> None:
    """Raise ReadError when a shape that is there came out as none."""
    lost = shapely.is_missing(shapes) & ~absent[ids]
    if lost.any():
        raise ReadError(
            f"shape {int(ids[lost][0]) + 1} of {shapefile.name}.shp is damaged",
        )
