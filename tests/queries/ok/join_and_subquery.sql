SELECT a."host.name", b.n
FROM events AS a
JOIN (SELECT host.name, count(*) AS n FROM events GROUP BY host.name) AS b ON a."host.name" = b."host.name"
WHERE a."process.name" IN (SELECT process.name FROM events WHERE destination.port = 443)
LIMIT 5
