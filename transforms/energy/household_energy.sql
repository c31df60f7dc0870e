-- One row is one territorial unit, with the censuses of 2014 and 2024 side by side.
SELECT
    households_now.code,
    households_now.level,
    households_now.name_ar,
    households_now.name_fr,
    households_now.households AS households_2024,
    households_before.amenities_electricity AS amenities_electricity_2014,
    households_now.amenities_electricity AS amenities_electricity_2024,
    (
        households_now.amenities_electricity
        - households_before.amenities_electricity
    )::DECIMAL(5, 1) AS amenities_electricity_change,
    households_now.cooking_gas AS cooking_gas_2024,
    households_now.cooking_electricity AS cooking_electricity_2024,
    households_now.cooking_charcoal AS cooking_charcoal_2024,
    households_now.cooking_firewood AS cooking_firewood_2024,
    households_now.cooking_other AS cooking_other_2024
FROM households_2024 AS households_now
LEFT JOIN households_2014 AS households_before
    ON households_before.code = households_now.code
    AND households_before.area = 'total'
WHERE households_now.area = 'total'
