-- One row is one territorial unit, one area and one sex.
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
    units.area,
    units.sex,
    units.population_municipal,
    units.age_0_4,
    units.age_5_9,
    units.age_10_14,
    units.age_15_19,
    units.age_20_24,
    units.age_25_29,
    units.age_30_34,
    units.age_35_39,
    units.age_40_44,
    units.age_45_49,
    units.age_50_54,
    units.age_55_59,
    units.age_60_64,
    units.age_65_69,
    units.age_70_74,
    units.age_75_plus
FROM units
LEFT JOIN places
    ON places.code = units.code
WHERE units.population_municipal IS NOT NULL
