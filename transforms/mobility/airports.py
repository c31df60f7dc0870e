"""One row is one airport that lies inside a province of the region."""

import pandas as pd
import shapely

INPUTS = ("staged", "province_boundaries")
METRES_PER_FOOT = 0.3048


def transform(inputs: dict[str, pd.DataFrame]) -> pd.DataFrame:
    airports = inputs["staged"].copy()
    provinces = inputs["province_boundaries"]
    longitudes = airports["longitude"].astype(float)
    latitudes = airports["latitude"].astype(float)
    airports["province_code"] = None
    for code, outline in zip(provinces["code"], shapely.from_wkb(provinces["geometry"]), strict=True):
        airports.loc[shapely.contains_xy(outline, longitudes, latitudes), "province_code"] = code
    airports["elevation_m"] = (airports["elevation_ft"] * METRES_PER_FOOT).round(1)
    inside = airports["province_code"].notna()
    return airports.loc[inside].drop(columns="elevation_ft")
