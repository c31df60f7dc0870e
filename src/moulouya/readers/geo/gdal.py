"""GDAL, kept to the one file it is given: no network, no other drivers, nothing written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from moulouya.errors import ReadError
from moulouya.readers.geo.shapes import Shapes

# Drivers that would follow what a file says to other files or hosts. GDAL looks at this when it
# is loaded, which is when pyogrio is imported.
_FOLLOWING = (
    "OGR_VRT,GDALG,WFS,OAPIF,OGCAPI,HTTP,CSW,Elasticsearch,Carto,AmigoCloud,PLSCENES,NGW,EEDA,"
    "GeoRSS,ADBC,MapML,KML,LIBKML,PMTiles,MVT,MBTiles,PDS4,VICAR,OSM,GTFS,PDF,LVBAG,VDV"
)
_OPTIONS = {
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_TIMEOUT": "1",
    "GDAL_PAM_ENABLED": "NO",
    "OGR_GEOMETRY_ACCEPT_UNCLOSED_RING": "NO",
    "OGR_SQLITE_JOURNAL": "OFF",
    "SHAPE_RESTORE_SHX": "NO",
    "GML_DOWNLOAD_SCHEMA": "NO",
    "GML_FIELDTYPES": "ALWAYS_STRING",
    "GML_SKIP_RESOLVE_ELEMS": "ALL",
}
CHUNK = 5_000


@contextmanager
def opened(path: Path, **options: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Open a layer as (description, Arrow batches). Raises ReadError when GDAL cannot."""
    os.environ.setdefault("GDAL_SKIP", _FOLLOWING)
    import pyarrow as pa
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError
    from pyogrio.raw import open_arrow

    pyogrio.set_gdal_config_options(_OPTIONS)
    try:
        with open_arrow(
            path, use_pyarrow=True, return_fids=True, batch_size=CHUNK,
            datetime_as_string=True, **options,
        ) as (described, batches):  # fmt: skip
            yield described, batches
    except (DataSourceError, DataLayerError, pa.ArrowException, RuntimeError, OSError) as error:
        raise ReadError(f"{path.name} cannot be read: {_first_line(error)}") from error


def layers(path: Path) -> list[str]:
    """The names of a file's layers, in its order. Raises ReadError when GDAL cannot open it."""
    os.environ.setdefault("GDAL_SKIP", _FOLLOWING)
    import pyogrio
    from pyogrio.errors import DataSourceError

    pyogrio.set_gdal_config_options(_OPTIONS)
    try:
        return [str(name) for name, _ in pyogrio.list_layers(path)]
    except DataSourceError as error:
        raise ReadError(f"{path.name} cannot be opened: {_first_line(error)}") from error


def chosen(names: list[str], wanted: str | None, file: str) -> str:
    """The layer to read: the declared one, or the only one.

    Raises ReadError, with the names there are, when that is not clear.
    """
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted in names:
        return wanted
    what = f"has no layer {wanted!r}" if wanted else "has several layers"
    raise ReadError(
        f"{file} {what}" if names else f"{file} has no layers",
        hint=f"declare source.geometry.layer, one of: {', '.join(names)}" if names else None,
    )


def shapes_of(
    path: Path, encoded: Any, *, layer: str | None = None, start: int = 0, **options: Any
) -> Shapes:
    """The shapes of a chunk, as WKB in Arrow, that begins with feature ``start`` of a layer.

    Arcs become lines, as GDAL approximates them (4 degrees a step). Raises ReadError when there
    is a shape of a kind that has no simple form (TIN, polyhedral surface).
    """
    from pyogrio.raw import read

    wkb: Any = np.empty(len(encoded), dtype=object)
    wkb[:] = encoded.to_pylist()
    if any(one is not None and _is_curved(one) for one in wkb):
        _, _, wkb, _ = read(
            path, layer=layer, skip_features=start, max_features=len(wkb), columns=[], **options
        )
    try:
        return np.asarray(shapely.from_wkb(wkb), dtype=object)
    except (shapely.errors.GEOSException, NotImplementedError) as error:
        raise ReadError(f"{path.name} has a shape that cannot be read: {error}") from error


def _is_curved(wkb: bytes) -> bool:
    """Whether a shape is a curve, or a collection that may hold one (ISO 13249-3, codes 7-14)."""
    kind = int.from_bytes(wkb[1:5], "little" if wkb[0] else "big") & 0x0FFFFFFF
    return 7 <= kind % 1000 <= 14


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
