-- One row is one territorial unit at the 2014 census.
WITH
units AS (
    SELECT
        coalesce(hcp_code, 'MA') AS code,
        *
    FROM staged
    WHERE level = 'country'
        OR (level <> 'urbanCentre' AND starts_with(hcp_code, getvariable('region_code')))
),
whole AS (
    SELECT *
    FROM units
    WHERE area = 'total'
        AND sex = 'all'
),
parts AS (
    SELECT
        code,
        sum(municipal) FILTER (WHERE area = 'total' AND sex = 'male') AS men,
        sum(municipal) FILTER (WHERE area = 'total' AND sex = 'female') AS women,
        sum(municipal) FILTER (WHERE area = 'urban' AND sex = 'all') AS urban,
        sum(municipal) FILTER (WHERE area = 'rural' AND sex = 'all') AS rural
    FROM units
    GROUP BY code
)
SELECT
    whole.code,
    whole.level,
    places.name_ar,
    places.name_fr,
    whole.population_legal,
    whole.municipal AS population_municipal,
    parts.men::BIGINT AS population_men,
    parts.women::BIGINT AS population_women,
    coalesce(parts.urban, 0)::BIGINT AS population_urban,
    coalesce(parts.rural, 0)::BIGINT AS population_rural,
    (whole.age_0_4 + whole.age_5_9 + whole.age_10_14)::DECIMAL(4, 1) AS age_0_14,
    (whole.age_15_19 + whole.age_20_24)::DECIMAL(4, 1) AS age_15_24,
    (
        whole.age_25_29
        + whole.age_30_34
        + whole.age_35_39
        + whole.age_40_44
        + whole.age_45_49
        + whole.age_50_54
        + whole.age_55_59
    )::DECIMAL(4, 1) AS age_25_59,
    (
        whole.age_60_64
        + whole.age_65_69
        + whole.age_70_74
        + whole.age_75_plus
    )::DECIMAL(4, 1) AS age_60_plus,
    whole.marital_status_single,
    whole.marital_status_married,
    whole.marital_status_divorced,
    whole.marital_status_widowed,
    whole.mean_age_at_marriage,
    whole.total_fertility_rate,
    whole.completed_fertility,
    whole.disability_prevalence,
    whole.local_languages_darija,
    whole.local_languages_tachelhit,
    whole.local_languages_tamazight,
    whole.local_languages_tarifit,
    whole.local_languages_hassania,
    whole.schooling_rate_7_to_12,
    whole.illiteracy_rate_10_plus,
    whole.education_none,
    whole.education_preschool,
    whole.education_primary,
    whole.education_lower_secondary,
    whole.education_upper_secondary,
    whole.education_higher,
    whole.labour_active,
    whole.labour_inactive,
    whole.labour_activity_rate,
    whole.labour_unemployment_rate
FROM whole
JOIN parts
    ON parts.code = whole.code
LEFT JOIN places
    ON places.code = whole.code
