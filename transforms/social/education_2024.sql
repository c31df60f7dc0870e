-- One row is one territorial unit and one sex.
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
    units.sex,
    units.school_age_population,
    units.schooling_rate_6_to_11,
    units.population_10_plus,
    units.illiteracy_rate_10_plus,
    units.population_15_plus,
    units.illiteracy_rate_15_plus,
    units.education_none,
    units.education_preschool,
    units.education_primary,
    units.education_lower_secondary,
    units.education_upper_secondary,
    units.education_higher,
    units.reads_arabic,
    units.reads_amazigh_tifinagh,
    units.reads_french,
    units.reads_english
FROM units
LEFT JOIN places
    ON places.code = units.code
WHERE units.area = 'total'
