SELECT `destination.ip` AS ip, count() AS n, uniqExact(`host.name`) AS hosts
FROM file('{events}', Parquet)
PREWHERE `destination.ip` IN ({addresses})
GROUP BY ip
ORDER BY n DESC, ip
LIMIT 100
