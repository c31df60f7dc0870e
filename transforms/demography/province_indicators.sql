-- One row is one province, the region or the Kingdom.
SELECT
    places.code,
    places.level,
    places.name_ar,
    places.name_fr,
    population_before.population_legal AS population_legal_2014,
    population_now.population_legal AS population_legal_2024,
    round(
        100.0 * (population_now.population_legal - population_before.population_legal)
        / nullif(population_before.population_legal, 0),
        2
    )::DECIMAL(7, 2) AS change_percent,
    round(
        100 * (
            pow(
                population_now.population_legal / nullif(population_before.population_legal, 0),
                0.1
            ) - 1
        ),
        2
    )::DECIMAL(6, 2) AS annual_growth_percent,
    round(
        100.0 * population_now.population_urban / nullif(population_now.population_municipal, 0), 1
    )::DECIMAL(4, 1) AS urban_percent_2024,
    population_now.age_0_14 AS age_0_14_2024,
    population_now.age_60_plus AS age_60_plus_2024,
    round(
        100.0 * population_now.population_women / nullif(population_now.population_municipal, 0), 1
    )::DECIMAL(4, 1) AS women_percent_2024,
    households_before.households AS households_2014,
    households_now.households AS households_2024,
    education_now.schooling_rate_6_to_11 AS schooling_rate_6_to_11_2024,
    households_before.average_household_size AS average_household_size_2014,
    households_now.average_household_size AS average_household_size_2024,
    population_before.illiteracy_rate_10_plus AS illiteracy_rate_10_plus_2014,
    education_now.illiteracy_rate_10_plus AS illiteracy_rate_10_plus_2024,
    (
        education_now.illiteracy_rate_10_plus
        - population_before.illiteracy_rate_10_plus
    )::DECIMAL(5, 1) AS illiteracy_rate_10_plus_change,
    population_before.education_higher AS education_higher_2014,
    education_now.education_higher AS education_higher_2024,
    (
        education_now.education_higher
        - population_before.education_higher
    )::DECIMAL(5, 1) AS education_higher_change,
    population_before.labour_activity_rate AS labour_activity_rate_2014,
    labour_now.labour_activity_rate AS labour_activity_rate_2024,
    (
        labour_now.labour_activity_rate
        - population_before.labour_activity_rate
    )::DECIMAL(5, 1) AS labour_activity_rate_change,
    population_before.labour_unemployment_rate AS labour_unemployment_rate_2014,
    labour_now.labour_unemployment_rate AS labour_unemployment_rate_2024,
    (
        labour_now.labour_unemployment_rate
        - population_before.labour_unemployment_rate
    )::DECIMAL(5, 1) AS labour_unemployment_rate_change,
    households_before.amenities_electricity AS amenities_electricity_2014,
    households_now.amenities_electricity AS amenities_electricity_2024,
    (
        households_now.amenities_electricity
        - households_before.amenities_electricity
    )::DECIMAL(5, 1) AS amenities_electricity_change,
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
    round(
        1000.0 * establishments_2024.establishments_business
        / nullif(population_now.population_legal, 0),
        2
    )::DECIMAL(8, 2) AS businesses_per_1000,
    round(
        1000.0 * establishments_2024.establishments_jobs
        / nullif(population_now.population_legal, 0),
        2
    )::DECIMAL(8, 2) AS jobs_per_1000
FROM places
JOIN population_2024 AS population_now
    ON population_now.code = places.code
JOIN population_2014 AS population_before
    ON population_before.code = places.code
JOIN households_2024 AS households_now
    ON households_now.code = places.code
    AND households_now.area = 'total'
JOIN households_2014 AS households_before
    ON households_before.code = places.code
    AND households_before.area = 'total'
JOIN education_2024 AS education_now
    ON education_now.code = places.code
    AND education_now.sex = 'all'
JOIN labour_2024 AS labour_now
    ON labour_now.code = places.code
    AND labour_now.sex = 'all'
JOIN establishments_2024
    ON establishments_2024.code = places.code
WHERE places.level IN ('country', 'region', 'province')
