SELECT "process.entity_id" AS entity, count(*) AS n, max("network.bytes") AS most
FROM events
GROUP BY entity
ORDER BY n DESC, entity
LIMIT 100
