-- One row is one territorial unit: the Kingdom, the region, a province, a cercle or a commune.
WITH
kingdom AS (
    SELECT
        'MA' AS code,
        'country' AS level,
        'المغرب' AS name_ar,
        'Maroc' AS name_fr,
        NULL::VARCHAR AS parent_code,
        NULL::VARCHAR AS province_code
),
own_region AS (
    SELECT
        code,
        'region' AS level,
        name_ar,
        name_fr,
        'MA' AS parent_code,
        NULL::VARCHAR AS province_code
    FROM regions
    WHERE code = getvariable('region_code')
),
province_units AS (
    SELECT
        code,
        'province' AS level,
        name_ar,
        name_fr,
        region_code AS parent_code,
        code AS province_code
    FROM provinces
),
cercle_units AS (
    SELECT
        code,
        'cercle' AS level,
        name_ar,
        name_fr,
        province_code AS parent_code,
        province_code
    FROM cercles
),
commune_units AS (
    SELECT
        code,
        'commune' AS level,
        name_ar,
        name_fr,
        coalesce(cercle_code, province_code) AS parent_code,
        province_code
    FROM communes
)
SELECT * FROM kingdom
UNION ALL
SELECT * FROM own_region
UNION ALL
SELECT * FROM province_units
UNION ALL
SELECT * FROM cercle_units
UNION ALL
SELECT * FROM commune_units
