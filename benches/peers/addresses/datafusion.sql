SELECT "destination.ip" AS ip, count(*) AS n, count(DISTINCT "host.name") AS hosts
FROM events
WHERE "destination.ip" IN ({addresses})
GROUP BY "destination.ip"
ORDER BY n DESC, ip
LIMIT 100
