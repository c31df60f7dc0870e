"""GeoPackage (OGC 12-128r18): a layer of an SQLite file, its attributes with their types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers.geo import crs, gdal
from moulouya.readers.geo.shapes import Features

OPTIONS = {"IMMUTABLE": "YES"}  # read where nothing may be written, whatever journal it is in
MAGIC = b"SQLite format 3\0"
# srs_id -1 and 0 mean an undefined system (12-128r18, 1.1.2.1.2).
UNDEFINED = ("Undefined Cartesian", "Undefined geographic", "Unknown")


def layer_of(path: Path, source: Reading) -> str:
    """The layer to read. Raises ReadError when the file is no GeoPackage or it is not clear."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ReadError(f"{path.name} is no GeoPackage: it is no SQLite file")
    return gdal.chosen(gdal.layers(path), source.geometry.layer, path.name)


def reference(path: Path, source: Reading) -> crs.Reference:
    """The system of the layer; in a GeoPackage x comes first whatever its name (OGC 12-128r18)."""
    with gdal.opened(path, layer=layer_of(path, source), **OPTIONS) as (described, _):
        text = described["crs"]
        spatial = bool(described["geometry_type"])
    if not spatial:  # a table of attributes needs none
        return crs.written(crs.PUBLISHED, path.name)
    known = text and not any(name in text for name in UNDEFINED)
    found = crs.written(text, path.name) if known else None
    return crs.declared(found, source.geometry, path.name)


def features(path: Path, source: Reading) -> Iterator[Features]:
    """The rows of the layer in chunks."""
    layer = layer_of(path, source)
    with gdal.opened(path, layer=layer, **OPTIONS) as (described, batches):
        shape_name = described["geometry_name"] or "wkb_geometry"
        id_name = described["fid_column"] or "OGC_FID"
        number = 0
        for batch in batches:
            table = {name: batch.column(name) for name in batch.schema.names}
            ids = table.pop(id_name)
            encoded = table.pop(shape_name, None)
            rows = batch.num_rows
            shapes = (
                np.full(rows, None, dtype=object)
                if encoded is None
                else gdal.shapes_of(path, encoded, layer=layer, start=number, **OPTIONS)
            )
            numbers = range(number + 1, number + rows + 1)
            number += rows
            attributes = {name: _plain(values) for name, values in table.items()}
            yield Features(numbers, {id_name: ids, **attributes}, shapes)


def _plain(values: Any) -> Any:
    """A column in a type of its own, not in one of a dictionary of codes."""
    if pa.types.is_dictionary(values.type):
        return values.dictionary_decode()
    return values
