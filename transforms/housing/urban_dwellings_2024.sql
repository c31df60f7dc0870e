-- One row is the urban area of one territorial unit.
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
    units.dwellings_total,
    units.dwellings_occupied,
    units.dwellings_vacant,
    units.dwellings_seasonal,
    units.dwellings_unoccupied,
    units.dwellings_villa,
    units.dwellings_apartment,
    units.dwellings_traditional,
    units.dwellings_modern,
    units.dwellings_sound,
    units.dwellings_slum,
    units.dwellings_rural_type,
    units.dwellings_other,
    units.dwellings_precarious,
    units.dwellings_age_under_20,
    units.dwellings_age_20_49,
    units.dwellings_age_50_plus,
    units.dwellings_walls_concrete_or_brick,
    units.dwellings_walls_stone,
    units.dwellings_walls_other,
    units.dwellings_roofs_slab,
    units.dwellings_roofs_wood_or_tiles,
    units.dwellings_roofs_sheet_metal,
    units.dwellings_roofs_other,
    units.dwellings_on_electricity,
    units.dwellings_on_water,
    units.dwellings_on_sewerage,
    units.housing_deficit_rate
FROM units
LEFT JOIN places
    ON places.code = units.code
