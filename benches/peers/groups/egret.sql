SELECT process.entity_id AS entity, count(*) AS n, max(network.bytes) AS most
FROM events
GROUP BY process.entity_id
ORDER BY n DESC, entity
LIMIT 100
