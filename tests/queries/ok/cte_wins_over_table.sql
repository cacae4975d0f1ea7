WITH events AS (SELECT host.name AS name, destination.port AS port FROM "logs-*")
SELECT name, max(port) AS top FROM events GROUP BY name LIMIT 5
