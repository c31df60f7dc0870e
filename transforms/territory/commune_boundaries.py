"""One row is one commune: its outline put back in place, made valid, without overlaps."""

import json

import numpy as np
import pandas as pd
import shapely
from pyproj import Geod, Transformer

INPUTS = ("staged", "communes", "commune_crosswalk_2014_2024")

# The source read the metres of spherical Mercator (EPSG:3857) as those of ellipsoidal Mercator
# (EPSG:3395), which moves everything about 20 km north. Going the way back undoes it.
TO_METRES = Transformer.from_crs("EPSG:4326", "EPSG:3395", always_xy=True)
TO_DEGREES = Transformer.from_crs("EPSG:3857", "EPSG:4326", always_xy=True)
EARTH = Geod(ellps="WGS84")


def transform(inputs: dict[str, pd.DataFrame]) -> pd.DataFrame:
    crosswalk = inputs["commune_crosswalk_2014_2024"].set_index("code_2014")["code_2024"]
    staged = inputs["staged"]
    staged = staged[staged["commune_part"] > 0]
    codes = staged.apply(hcp_code, axis=1)
    outlines = staged["outline"].map(polygon)
    whole = outlines.groupby(codes.replace(crosswalk.to_dict())).agg(shapely.union_all)
    cut = without_enclaves(whole)
    communes = inputs["communes"].set_index("code").reindex(cut.index)
    label = cut.map(shapely.point_on_surface)
    return pd.DataFrame(
        {
            "code": cut.index,
            "name_ar": communes["name_ar"].to_numpy(),
            "name_fr": communes["name_fr"].to_numpy(),
            "province_code": communes["province_code"].to_numpy(),
            "area_km2": cut.map(square_kilometres).to_numpy(),
            "longitude": label.map(lambda point: round(point.x, 4)).to_numpy(),
            "latitude": label.map(lambda point: round(point.y, 4)).to_numpy(),
            "geometry": cut.map(shapely.to_wkb).to_numpy(),
        }
    )


def hcp_code(row: pd.Series) -> str:
    """The code of 2014 from its parts, such as 2.0, 113.0, 1.0 and 9.0: 02.113.01.09."""
    return (
        f"{int(row['region_part']):02d}.{int(row['province_part']):03d}"
        f".{int(row['cercle_part']):02d}.{int(row['commune_part']):02d}"
    )


def polygon(outline: str) -> shapely.Geometry:
    """A valid polygon from a JSON text of two lists, longitudes and latitudes."""
    longitudes, latitudes = (np.array(part, dtype=float) for part in json.loads(outline))
    points = np.column_stack(TO_DEGREES.transform(*TO_METRES.transform(longitudes, latitudes)))
    return shapely.make_valid(shapely.Polygon(points.round(7)))


def without_enclaves(whole: pd.Series) -> pd.Series:
    """Each outline without the smaller ones that lie inside it."""
    cut = {}
    for code, outline in whole.items():
        inside = [
            other
            for name, other in whole.items()
            if name != code
            and other.area < outline.area
            and outline.contains(other.representative_point())
        ]
        cut[code] = shapely.make_valid(outline.difference(shapely.union_all(inside)))
    return pd.Series(cut)


def square_kilometres(outline: shapely.Geometry) -> float:
    """Area on the WGS 84 ellipsoid."""
    return round(abs(EARTH.geometry_area_perimeter(outline)[0]) / 1e6, 2)
