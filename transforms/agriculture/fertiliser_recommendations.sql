-- One row is one point of cereal land and one crop.
SELECT
    soil_sites.site,
    staged.crop,
    soil_sites.commune_code,
    staged.target_yield,
    staged.target_yield_unit,
    staged.recommended_n,
    staged.recommended_p2o5,
    staged.recommended_k2o
FROM staged
JOIN soil_sites
    ON soil_sites.latitude = staged.latitude
    AND soil_sites.longitude = staged.longitude
WHERE soil_sites.soil_ph IS NOT NULL
