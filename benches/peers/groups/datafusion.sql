SELECT "destination.ip" AS ip, "event.action" AS action, count(*) AS n, max("network.bytes") AS most
FROM events
GROUP BY ip, action
ORDER BY n DESC, ip, action
LIMIT 100
