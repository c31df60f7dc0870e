-- One row is one cercle of the region.
SELECT
    code,
    name_ar,
    name_fr,
    province_code,
    population_2024,
    households_2024,
    communes
FROM staged
WHERE starts_with(code, getvariable('region_code'))
