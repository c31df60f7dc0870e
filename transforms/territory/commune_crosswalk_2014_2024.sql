-- One row is one commune whose code changed between the two censuses.
SELECT
    code_2024,
    code_2014,
    name_fr_2024,
    name_fr_2014,
    name_ar_2024,
    name_ar_2014,
    method,
    population_2024,
    population_2014
FROM staged
WHERE starts_with(code_2024, getvariable('region_code'))
