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
    units.population_15_plus,
    units.labour_active,
    units.labour_inactive,
    units.labour_employed,
    units.labour_activity_rate,
    units.labour_unemployment_rate,
    units.employment_status_employer,
    units.employment_status_self_employed,
    units.employment_status_public_sector,
    units.employment_status_private_sector,
    units.employment_status_family_worker,
    units.employment_status_apprentice,
    units.employment_status_cooperative_member,
    units.employment_status_other
FROM units
LEFT JOIN places
    ON places.code = units.code
WHERE units.area = 'total'
