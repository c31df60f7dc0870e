-- One row is one commune: its people over its area.
SELECT
    communes.code,
    communes.name_ar,
    communes.name_fr,
    communes.province_code,
    communes.population_2014,
    communes.population_2024,
    commune_boundaries.area_km2,
    round(
        communes.population_2014 / nullif(commune_boundaries.area_km2, 0), 2
    )::DECIMAL(9, 2) AS density_2014,
    round(
        communes.population_2024 / nullif(commune_boundaries.area_km2, 0), 2
    )::DECIMAL(9, 2) AS density_2024
FROM communes
JOIN commune_boundaries
    ON commune_boundaries.code = communes.code
