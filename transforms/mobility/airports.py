"""One row is one airport that lies inside a commune of the region."""

import pandas as pd
import shapely

INPUTS = ("staged", "commune_boundaries")
METRES_PER_FOOT = 0.3048


def transform(inputs: dict[str, pd.DataFrame]) -> pd.DataFrame:
    airports = inputs["staged"].copy()
    communes = inputs["commune_boundaries"]
    longitudes = airports["longitude"].astype(float)
    latitudes = airports["latitude"].astype(float)
    airports["commune_code"] = None
    for code, outline in zip(communes["code"], shapely.from_wkb(communes["geometry"]), strict=True):
        airports.loc[shapely.contains_xy(outline, longitudes, latitudes), "commune_code"] = code
    airports = airports[airports["commune_code"].notna()].copy()
    provinces = communes.set_index("code")["province_code"]
    airports["province_code"] = airports["commune_code"].map(provinces)
    airports["elevation_m"] = (airports["elevation_ft"] * METRES_PER_FOOT).round(1)
    return airports.drop(columns="elevation_ft")
