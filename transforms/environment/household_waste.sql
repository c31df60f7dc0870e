-- One row is one territorial unit, with the censuses of 2014 and 2024 side by side.
SELECT
    households_now.code,
    households_now.level,
    households_now.name_ar,
    households_now.name_fr,
    households_now.households AS households_2024,
    households_before.waste_municipal_bin AS waste_municipal_bin_2014,
    households_now.waste_municipal_bin AS waste_municipal_bin_2024,
    (
        households_now.waste_municipal_bin
        - households_before.waste_municipal_bin
    )::DECIMAL(5, 1) AS waste_municipal_bin_change,
    households_before.waste_truck AS waste_truck_2014,
    households_now.waste_truck AS waste_truck_2024,
    (
        households_now.waste_truck
        - households_before.waste_truck
    )::DECIMAL(5, 1) AS waste_truck_change,
    households_before.waste_other_or_open AS waste_other_or_open_2014,
    households_now.waste_in_the_open AS waste_in_the_open_2024,
    households_now.waste_other AS waste_other_2024
FROM households_2024 AS households_now
LEFT JOIN households_2014 AS households_before
    ON households_before.code = households_now.code
    AND households_before.area = 'total'
WHERE households_now.area = 'total'
