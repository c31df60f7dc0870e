"""GML 2, 3.1 and 3.2 as WFS 1.0, 1.1 and 2.0 answer it: every attribute as its text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers.geo import crs, gdal
from moulouya.readers.geo import xml as geo_xml
from moulouya.readers.geo.shapes import Features
from moulouya.readers.table import Malformed

GML = ("http://www.opengis.net/gml", "http://www.opengis.net/gml/3.2")
MEMBERS = frozenset({"featureMember", "featureMembers", "member"})
SHAPES = frozenset(
    ("Point", "LineString", "LinearRing", "Polygon", "Curve", "Surface", "CompositeCurve",
     "CompositeSurface", "OrientableCurve", "PolyhedralSurface", "TriangulatedSurface", "Tin",
     "MultiPoint", "MultiLineString", "MultiPolygon", "MultiCurve", "MultiSurface",
     "MultiGeometry", "Solid", "MultiSolid", "CompositeSolid")
)  # fmt: skip
EXCEPTIONS = frozenset({"ExceptionReport", "ServiceExceptionReport"})
# Coordinates as they are written: in which order they are, the module crs decides.
OPTIONS = {
    "CONSIDER_EPSG_AS_URN": "NO",
    "DOWNLOAD_SCHEMA": "NO",
    "EMPTY_AS_NULL": "NO",
    "EXPOSE_FID": "NO",
    "EXPOSE_GML_ID": "YES",
    "GML_ATTRIBUTES_TO_OGR_FIELDS": "YES",
    "INVERT_AXIS_ORDER_IF_LAT_LONG": "NO",
    "SWAP_COORDINATES": "NO",
    "WRITE_GFS": "NO",
}


@dataclass
class Survey:
    """What one pass over a file finds: its layers, whose features have a shape, its systems."""

    layers: dict[str, bytearray] = field(default_factory=dict)
    srs_names: set[str] = field(default_factory=set)
    around: set[str] = field(default_factory=set)
    announced: int | None = None
    collection: bool = False

    @property
    def features(self) -> int:
        """All features of all layers."""
        return sum(map(len, self.layers.values()))


def survey(path: Path) -> Survey:
    """Read a file once for what GDAL does not tell.

    Raises ReadError when it is no GML, is an exception report, or holds another number of
    features than it says.
    """
    found = Survey()
    feature: Any = None
    bounding = 0
    with path.open("rb") as file:
        depth = 0
        for event, element in geo_xml.events(file, path.name):
            name = geo_xml.local(element)
            if event == "end":
                depth -= 1
                bounding -= name == "boundedBy"
                if element is feature:
                    feature = None
                    geo_xml.forget(element)
                elif geo_xml.local(element) in EXCEPTIONS and depth == 0:
                    raise ReadError(f"{path.name} is an error report: {_text(element)}")
                continue
            depth += 1
            if depth == 1:
                found.announced = _announced(element)
                found.collection = name == "FeatureCollection"
            bounding += name == "boundedBy"
            if srs_name := element.get("srsName"):
                (found.around if bounding else found.srs_names).add(srs_name)
            parent = element.getparent()
            if feature is None and parent is not None and geo_xml.local(parent) in MEMBERS:
                if name != "FeatureCollection":  # WFS 2.0 nests one for each query
                    feature = element
                    found.layers.setdefault(name, bytearray()).append(0)
            elif feature is not None and not bounding and _is_shape(element):
                found.layers[geo_xml.local(feature)][-1] = 1
    if not found.layers and not found.collection:
        raise ReadError(f"{path.name} has no GML features", hint="check source.format")
    if found.announced not in (None, found.features):
        raise ReadError(
            f"{path.name} says that it has {found.announced} features, but has {found.features}"
        )
    return found


def _is_shape(element: Any) -> bool:
    return geo_xml.local(element) in SHAPES and geo_xml.namespace(element) in GML


def _announced(root: Any) -> int | None:
    """How many features an answer says it has (numberOfFeatures of 1.1, numberReturned of 2.0)."""
    said = root.get("numberReturned") or root.get("numberOfFeatures") or ""
    return int(said) if said.isdigit() else None


def _text(element: Any) -> str:
    return " ".join(" ".join(element.itertext()).split())[:300]


def reference(path: Path, found: Survey, source: Reading) -> crs.Reference:
    """The system of the shapes, or of their envelope where they have none of their own.

    Raises ReadError when a file mixes systems.
    """
    names = sorted(found.srs_names or found.around)
    references = {crs.named(name, path.name) for name in names} if _asked(source, names) else set()
    if len({(one.crs.to_wkt(), one.y_first) for one in references}) > 1:
        raise ReadError(
            f"{path.name} mixes coordinate reference systems: {', '.join(names)}",
            hint="declare source.geometry.crs and source.geometry.axis where all are the same",
        )
    one = next(iter(references), None)
    return crs.declared(one, source.geometry, path.name)


def _asked(source: Reading, names: list[str]) -> bool:
    """Whether the file's own names matter: not where system and axes are declared."""
    return bool(names) and (source.geometry.crs is None or source.geometry.axis == "declared")


def features(path: Path, found: Survey, source: Reading, scratch: Path) -> Iterator[Features]:
    """The features of the layer in chunks. Raises ReadError when GDAL loses one of them."""
    if not found.layers:
        yield Features([], {}, np.empty(0, dtype=object))
        return
    layer = gdal.chosen(list(found.layers), source.geometry.layer, path.name)
    has_shape = found.layers[layer]
    alone = scratch / "gml" / f"{path.name}.gml"  # no schema beside it that GDAL would believe
    alone.parent.mkdir(parents=True, exist_ok=True)
    alone.unlink(missing_ok=True)
    alone.symlink_to(path.absolute())
    number = 0
    with gdal.opened(alone, layer=layer, **OPTIONS) as (described, batches):
        shape_name = described["geometry_name"] or "wkb_geometry"
        for batch in batches:
            table = {name: batch.column(name) for name in batch.schema.names}
            table.pop(described["fid_column"] or "OGC_FID", None)
            encoded = table.pop(shape_name, None)
            rows = batch.num_rows
            shapes = (
                np.full(rows, None, dtype=object)
                if encoded is None
                else gdal.shapes_of(alone, encoded, layer=layer, start=number, **OPTIONS)
            )
            with_shape = np.array(has_shape[number : number + rows], dtype=bool)
            kept = ~(shapely.is_missing(shapes) & with_shape)
            malformed = [
                Malformed(path, number + int(at) + 1, "its shape cannot be read", "", "shape")
                for at in np.flatnonzero(~kept)
            ]
            mask = pa.array(kept)
            attributes = {name: _text_column(values.filter(mask)) for name, values in table.items()}
            numbers = (np.flatnonzero(kept) + number + 1).tolist()
            number += rows
            yield Features(numbers, attributes, shapes[kept], malformed)
    if number != len(has_shape):
        raise ReadError(f"only {number} of {len(has_shape)} features of {path.name} could be read")


def _text_column(values: Any) -> Any:
    """A column as text; an element that is there several times becomes a JSON list."""
    if pa.types.is_string(values.type):
        return values
    return pa.array(
        [
            None if value is None else value if isinstance(value, str)
            else json.dumps(value, ensure_ascii=False)
            for value in values.to_pylist()
        ],
        pa.string(),
    )  # fmt: skip
