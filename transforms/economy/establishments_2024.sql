-- One row is one territorial unit.
WITH
units AS (
    SELECT
        coalesce(hcp_code, 'MA') AS code,
        *
    FROM staged
    WHERE level = 'country'
        OR (level <> 'urbanCentre' AND starts_with(hcp_code, getvariable('region_code')))
)
SELECT
    units.code,
    units.level,
    places.name_ar,
    places.name_fr,
    units.establishments_total,
    units.establishments_public_services,
    units.establishments_non_profit,
    units.establishments_weekly_souks,
    units.establishments_business,
    units.establishments_jobs,
    units.sector_industry,
    units.sector_construction,
    units.sector_commerce,
    units.sector_services,
    units.size_1,
    units.size_2_3,
    units.size_4_9,
    units.size_10_49,
    units.size_50_plus,
    units.founded_before_1956,
    units.founded_1956_1980,
    units.founded_1981_1990,
    units.founded_1991_2000,
    units.founded_2001_2010,
    units.founded_2011_2019,
    units.founded_2020_plus
FROM units
LEFT JOIN places
    ON places.code = units.code
