"""Coordinate reference systems: which one a file has, in which order, and the way to CRS84."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyproj
import pyproj.network
from numpy.typing import NDArray
from pyproj.exceptions import CRSError, ProjError

from moulouya.definition.formats import Geometry
from moulouya.errors import ReadError

PUBLISHED = "OGC:CRS84"
Bounds = tuple[float, float, float, float]
Coordinates = NDArray[np.float64]

# Grids come with the installation or not at all: the same file gives the same place everywhere.
pyproj.network.set_network_enabled(False)  # type: ignore[attr-defined]

# The names that OGC 07-092r3 (urn) and OGC 10-103 (http) define follow the axes of the authority.
_AUTHORITY_ORDER = (
    re.compile(r"urn:(?:x-)?ogc:def:crs:(?P<authority>\w+):(?:[\w.]*:)?(?P<code>\w+)", re.I),
    re.compile(
        r"https?://www\.opengis\.net/def/crs/(?P<authority>\w+)/[\w.]+/(?P<code>\w+)/?", re.I
    ),
)
# Older names: GeoServer, deegree, MapServer and GDAL alike write them with x (longitude) first.
_X_FIRST = (
    re.compile(r"https?://www\.opengis\.net/gml/srs/(?P<authority>\w+)\.xml#(?P<code>\w+)", re.I),
    re.compile(r"(?P<authority>EPSG|CRS|OGC|ESRI|IGNF):{1,2}(?P<code>\w+)", re.I),
)


@dataclass(frozen=True)
class Reference:
    """A coordinate reference system, and whether y (latitude, northing) comes first in a file."""

    crs: pyproj.CRS
    y_first: bool = False


def named(name: str, file: str) -> Reference:
    """The system a srsName means, with the order of its coordinates (OGC 07-092r3, 10-103).

    Raises ReadError for a name that is none of these.
    """
    for pattern in (*_AUTHORITY_ORDER, *_X_FIRST):
        if match := pattern.fullmatch(name.strip()):
            code = f"{match['authority']}:{match['code']}".upper()
            code = code.replace("CRS:84", PUBLISHED)
            crs = _crs(code, f"{file} names a coordinate system that is not known: {name}")
            return Reference(crs, pattern in _AUTHORITY_ORDER and north_first(crs))
    raise ReadError(
        f"{file} names a coordinate system that is not known: {name}",
        hint="declare source.geometry.crs, such as EPSG:26191, and source.geometry.axis",
    )


def written(text: str, file: str) -> Reference:
    """The system that WKT or a code describes, x first, as in shapefiles and GeoPackages."""
    return Reference(_crs(text, f"{file} describes a coordinate system that is not known"))


def declared(found: Reference | None, geometry: Geometry, file: str) -> Reference:
    """What the definition declares, else what was found in the file.

    Raises ReadError when neither says which system it is.
    """
    if geometry.crs is not None:
        crs = _crs(geometry.crs, f"source.geometry.crs {geometry.crs!r} is not known")
        found = Reference(crs, found.y_first if found is not None else False)
    if found is None:
        raise ReadError(
            f"{file} does not say in which coordinate reference system it is",
            hint="declare source.geometry.crs, such as EPSG:26191 or OGC:CRS84",
        )
    if geometry.axis == "declared":
        return found
    return Reference(found.crs, geometry.axis == "lat_lon")


def north_first(crs: pyproj.CRS) -> bool:
    """Whether the authority lists latitude or northing before longitude or easting."""
    axes = [axis.direction.lower() for axis in crs.axis_info]
    return bool(axes) and axes[0] in ("north", "south")


def looks_swapped(bounds: Bounds, bbox: Bounds) -> bool:
    """Whether bounds lie outside of a box, but inside of it with their axes swapped."""
    west, south, east, north = bounds
    return not _inside(bounds, bbox) and _inside((south, west, north, east), bbox)


def _inside(bounds: Bounds, bbox: Bounds) -> bool:
    """Whether the middle of the bounds is in the box."""
    x, y = (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2
    return bbox[0] <= x <= bbox[2] and bbox[1] <= y <= bbox[3]


def _crs(text: str, unknown: str) -> pyproj.CRS:
    try:
        return pyproj.CRS.from_user_input(text)
    except CRSError as error:
        raise ReadError(
            unknown, hint="declare source.geometry.crs, such as EPSG:26191 or OGC:CRS84"
        ) from error


def area_of_use(crs: pyproj.CRS) -> Bounds | None:
    """Where a system is meant to be used (west, south, east, north), if its authority says so."""
    area = crs.area_of_use
    if area is None:
        known = crs.to_authority(min_confidence=70)
        area = pyproj.CRS.from_authority(*known).area_of_use if known else None
    if area is None or area.west > area.east:  # across the antimeridian: no simple box
        return None
    return (area.west, area.south, area.east, area.north)


def transformation(reference: Reference) -> Callable[[Coordinates], Coordinates]:
    """A function that turns coordinates (x, y and perhaps z columns) into longitude, latitude.

    Heights stay as they are. Raises ReadError when there is only a rough way, which would put
    everything some hundred metres off.
    """
    steps = _steps(reference.crs)

    def transformed(coordinates: Coordinates) -> Coordinates:
        result = np.array(coordinates, dtype=np.float64)
        x, y = result[:, 0], result[:, 1]
        if reference.y_first:
            x, y = y.copy(), x.copy()
        for step in steps:
            x, y = step.transform(x, y)
        result[:, 0], result[:, 1] = x, y
        return result

    return transformed


def _steps(crs: pyproj.CRS) -> list[Any]:
    """The transformers from a system to CRS84, none where it is that already."""
    target = pyproj.CRS.from_user_input(PUBLISHED)
    if crs == target or crs.to_epsg() == 4326:
        return []
    try:
        return [_transformer(crs, target)]
    except ProjError:
        geodetic = crs.geodetic_crs
        if geodetic is None or geodetic == crs:
            raise _only_rough(crs) from None
    try:  # the datum's shift is known, though for another zone than this one
        return [_transformer(crs, geodetic), _transformer(geodetic, target)]
    except ProjError as error:
        raise _only_rough(crs) from error


def _transformer(source: pyproj.CRS, target: pyproj.CRS) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source, target, always_xy=True, allow_ballpark=False)


def _only_rough(crs: pyproj.CRS) -> ReadError:
    return ReadError(
        f"there is no exact transformation from {crs.name!r} to longitude and latitude",
        hint="declare source.geometry.crs with the code of the same system, such as EPSG:26191",
    )


def plausible(reference: Reference, raw: Bounds, file: str) -> None:
    """Raise ReadError when a file's coordinates (as x and y) contradict what they should be."""
    crs = reference.crs
    degrees = max(map(abs, raw)) <= 180 and max(abs(raw[1]), abs(raw[3])) <= 90
    if crs.is_projected and degrees and raw != (0, 0, 0, 0):
        raise ReadError(
            f"{file} is said to be in {crs.name!r}, but its coordinates look like degrees",
            hint="declare source.geometry.crs, such as OGC:CRS84",
        )
    area = area_of_use(crs)
    if area is None:
        return
    middle = np.array([[(raw[0] + raw[2]) / 2, (raw[1] + raw[3]) / 2]])
    straight = transformation(Reference(crs))(middle)[0]
    crossed = transformation(Reference(crs))(middle[:, ::-1])[0]
    here, there = (_point_bounds(point) for point in (straight, crossed))
    if not _inside(here, area) and _inside(there, area):
        raise ReadError(
            f"the coordinates of {file} look swapped: only with x and y exchanged do they lie "
            f"where {crs.name!r} is used",
            hint="declare source.geometry.axis: " + ("lon_lat" if reference.y_first else "lat_lon"),
        )


def _point_bounds(point: Coordinates) -> Bounds:
    """A point as bounds without extent."""
    x, y = float(point[0]), float(point[1])
    return (x, y, x, y)
