-- One row is one commune that has at least one point of cereal land.
SELECT
    communes.code,
    communes.name_ar,
    communes.name_fr,
    communes.province_code,
    count(*)::BIGINT AS sites,
    count(soil_sites.soil_ph)::BIGINT AS sites_measured,
    round(avg(soil_sites.soil_ph), 2)::DECIMAL(4, 2) AS soil_ph,
    round(avg(soil_sites.organic_matter), 2)::DECIMAL(5, 2) AS organic_matter,
    round(avg(soil_sites.available_p2o5), 2)::DECIMAL(7, 2) AS available_p2o5,
    round(avg(soil_sites.available_k2o), 2)::DECIMAL(7, 2) AS available_k2o
FROM soil_sites
JOIN communes
    ON communes.code = soil_sites.commune_code
GROUP BY ALL
