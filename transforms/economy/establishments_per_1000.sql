-- One row is one territorial unit in 2024.
SELECT
    establishments_2024.code,
    establishments_2024.level,
    establishments_2024.name_ar,
    establishments_2024.name_fr,
    population_2024.population_legal,
    round(
        1000.0 * establishments_2024.establishments_business
        / nullif(population_2024.population_legal, 0),
        2
    )::DECIMAL(8, 2) AS businesses_per_1000,
    round(
        1000.0 * establishments_2024.establishments_jobs
        / nullif(population_2024.population_legal, 0),
        2
    )::DECIMAL(8, 2) AS jobs_per_1000,
    round(
        1000.0 * establishments_2024.establishments_public_services
        / nullif(population_2024.population_legal, 0),
        2
    )::DECIMAL(8, 2) AS public_services_per_1000,
    round(
        1000.0 * establishments_2024.establishments_non_profit
        / nullif(population_2024.population_legal, 0),
        2
    )::DECIMAL(8, 2) AS non_profits_per_1000,
    round(
        1.0 * establishments_2024.establishments_jobs
        / nullif(establishments_2024.establishments_business, 0),
        2
    )::DECIMAL(6, 2) AS jobs_per_business,
    round(
        100.0 * establishments_2024.sector_commerce
        / nullif(establishments_2024.establishments_business, 0),
        1
    )::DECIMAL(4, 1) AS commerce_percent,
    round(
        100.0 * establishments_2024.sector_industry
        / nullif(establishments_2024.establishments_business, 0),
        1
    )::DECIMAL(4, 1) AS industry_percent,
    establishments_2024.establishments_weekly_souks
FROM establishments_2024
JOIN population_2024
    ON population_2024.code = establishments_2024.code
