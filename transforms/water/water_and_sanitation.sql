-- One row is one territorial unit, with the censuses of 2014 and 2024 side by side.
SELECT
    households_now.code,
    households_now.level,
    households_now.name_ar,
    households_now.name_fr,
    households_now.households AS households_2024,
    households_before.amenities_running_water AS amenities_running_water_2014,
    households_now.amenities_running_water AS amenities_running_water_2024,
    (
        households_now.amenities_running_water
        - households_before.amenities_running_water
    )::DECIMAL(5, 1) AS amenities_running_water_change,
    households_before.wastewater_public_sewer AS wastewater_public_sewer_2014,
    households_now.wastewater_public_sewer AS wastewater_public_sewer_2024,
    (
        households_now.wastewater_public_sewer
        - households_before.wastewater_public_sewer
    )::DECIMAL(5, 1) AS wastewater_public_sewer_change,
    households_before.wastewater_septic_tank AS wastewater_septic_tank_2014,
    households_now.wastewater_septic_tank AS wastewater_septic_tank_2024,
    (
        households_now.wastewater_septic_tank
        - households_before.wastewater_septic_tank
    )::DECIMAL(5, 1) AS wastewater_septic_tank_change,
    households_before.wastewater_other AS wastewater_other_2014,
    households_now.wastewater_other AS wastewater_other_2024,
    (
        households_now.wastewater_other
        - households_before.wastewater_other
    )::DECIMAL(5, 1) AS wastewater_other_change,
    households_before.amenities_toilet AS amenities_toilet_2014,
    households_now.amenities_toilet AS amenities_toilet_2024,
    (
        households_now.amenities_toilet
        - households_before.amenities_toilet
    )::DECIMAL(5, 1) AS amenities_toilet_change
FROM households_2024 AS households_now
LEFT JOIN households_2014 AS households_before
    ON households_before.code = households_now.code
    AND households_before.area = 'total'
WHERE households_now.area = 'total'
