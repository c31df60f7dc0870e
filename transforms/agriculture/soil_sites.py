"""One row is one point of cereal land, with the commune it lies in."""

import pandas as pd
import shapely

INPUTS = ("staged", "commune_boundaries")
MEASURED = ["soil_ph", "organic_matter", "available_p2o5", "available_k2o"]


def transform(inputs: dict[str, pd.DataFrame]) -> pd.DataFrame:
    # The source repeats a point for every crop it recommends fertiliser for.
    sites = inputs["staged"].drop_duplicates(["latitude", "longitude"]).reset_index(drop=True)
    communes = inputs["commune_boundaries"]
    longitudes = sites["longitude"].astype(float)
    latitudes = sites["latitude"].astype(float)
    sites["commune_code"] = None
    for code, outline in zip(communes["code"], shapely.from_wkb(communes["geometry"]), strict=True):
        sites.loc[shapely.contains_xy(outline, longitudes, latitudes), "commune_code"] = code
    sites = sites[sites["commune_code"].notna()].copy()
    sites["site"] = [
        f"{latitude:.4f},{longitude:.4f}"
        for latitude, longitude in zip(sites["latitude"], sites["longitude"], strict=True)
    ]
    provinces = communes.set_index("code")["province_code"]
    sites["province_code"] = sites["commune_code"].map(provinces)
    # A pH of zero cannot be: there the source knows nothing about the soil.
    sites.loc[sites["soil_ph"] == 0, MEASURED] = None
    return sites
