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
    units.commute_employed,
    units.commute_walking,
    units.commute_bike_or_motorcycle,
    units.commute_private_car,
    units.commute_bus,
    units.commute_taxi,
    units.commute_employer_transport,
    units.commute_train,
    units.commute_tram,
    units.commute_informal_transport,
    units.commute_animal,
    units.commute_other,
    units.commute_no_travel
FROM units
LEFT JOIN places
    ON places.code = units.code
WHERE units.area = 'total'
