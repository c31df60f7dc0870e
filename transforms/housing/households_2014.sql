-- One row is one territorial unit and one area.
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
    units.households,
    units.population_municipal,
    units.average_household_size,
    units.dwelling_type_villa,
    units.dwelling_type_apartment,
    units.dwelling_type_moroccan_house,
    units.dwelling_type_basic_or_slum,
    units.dwelling_type_rural,
    units.dwelling_type_other,
    units.people_per_room,
    units.occupancy_owner,
    units.occupancy_tenant,
    units.occupancy_other,
    units.dwelling_age_under_10,
    units.dwelling_age_10_19,
    units.dwelling_age_20_49,
    units.dwelling_age_50_plus,
    units.amenities_kitchen,
    units.amenities_toilet,
    units.amenities_bathroom,
    units.amenities_electricity,
    units.amenities_running_water,
    units.wastewater_public_sewer,
    units.wastewater_septic_tank,
    units.wastewater_other,
    units.waste_municipal_bin,
    units.waste_truck,
    units.waste_other_or_open,
    units.cooking_gas,
    units.cooking_electricity,
    units.cooking_charcoal,
    units.cooking_firewood,
    units.cooking_animal_waste,
    units.equipment_television,
    units.equipment_radio,
    units.equipment_mobile_phone,
    units.equipment_landline,
    units.equipment_internet,
    units.equipment_computer,
    units.equipment_satellite_dish,
    units.equipment_refrigerator,
    units.distance_to_paved_road_km
FROM units
LEFT JOIN places
    ON places.code = units.code
