-- One row is one commune of the region.
SELECT
    code,
    name_ar,
    name_fr,
    commune_type,
    province_code,
    cercle_code,
    population_2024,
    households_2024,
    population_2014,
    change_percent
FROM staged
WHERE starts_with(code, getvariable('region_code'))
