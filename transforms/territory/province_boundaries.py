"""One row is one province or prefecture: its outline put back in place and made valid."""

import json

import numpy as np
import pandas as pd
import shapely
from pyproj import Geod, Transformer

INPUTS = ("staged", "provinces")

# The source read the metres of spherical Mercator (EPSG:3857) as those of ellipsoidal Mercator
# (EPSG:3395), which moves everything about 20 km north. Going the way back undoes it.
TO_METRES = Transformer.from_crs("EPSG:4326", "EPSG:3395", always_xy=True)
TO_DEGREES = Transformer.from_crs("EPSG:3857", "EPSG:4326", always_xy=True)
EARTH = Geod(ellps="WGS84")


def transform(inputs: dict[str, pd.DataFrame]) -> pd.DataFrame:
    staged = inputs["staged"]
    codes = staged.apply(
        lambda row: f"{int(row['region_part']):02d}.{int(row['province_part']):03d}", axis=1
    )
    provinces = inputs["provinces"].set_index("code").reindex(codes)
    outlines = staged["outline"].map(polygon)
    label = outlines.map(shapely.point_on_surface)
    return pd.DataFrame(
        {
            "code": codes.to_numpy(),
            "name_ar": provinces["name_ar"].to_numpy(),
            "name_fr": provinces["name_fr"].to_numpy(),
            "area_km2": outlines.map(square_kilometres).to_numpy(),
            "longitude": label.map(lambda point: round(point.x, 4)).to_numpy(),
            "latitude": label.map(lambda point: round(point.y, 4)).to_numpy(),
            "geometry": outlines.map(shapely.to_wkb).to_numpy(),
        }
    )


def polygon(outline: str) -> shapely.Geometry:
    """A valid polygon from a JSON text of two lists, longitudes and latitudes."""
    longitudes, latitudes = (np.array(part, dtype=float) for part in json.loads(outline))
    points = np.column_stack(TO_DEGREES.transform(*TO_METRES.transform(longitudes, latitudes)))
    return shapely.make_valid(shapely.Polygon(points.round(7)))


def square_kilometres(outline: shapely.Geometry) -> float:
    """Area on the WGS 84 ellipsoid."""
    return round(abs(EARTH.geometry_area_perimeter(outline)[0]) / 1e6, 2)
