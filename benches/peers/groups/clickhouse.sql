SELECT `destination.ip` AS ip, `event.action` AS action, count() AS n, max(`network.bytes`) AS most
FROM file('{events}', Parquet)
GROUP BY ip, action
ORDER BY n DESC, ip, action
LIMIT 100
