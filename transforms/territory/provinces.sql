-- One row is one province or prefecture of the region.
SELECT
    code,
    type,
    name_ar,
    name_fr,
    region_code,
    population_2024,
    households_2024,
    cercles,
    communes
FROM staged
WHERE starts_with(code, getvariable('region_code'))
