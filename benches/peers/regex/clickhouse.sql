SELECT `process.executable` AS executable, count() AS n, uniqExact(`host.name`) AS hosts
FROM file('{events}', Parquet)
PREWHERE match(assumeNotNull(`process.executable`), '^/(tmp|var/tmp|dev/shm|home/[a-z0-9]+/\\.cache)/([^/]+/)*\\.?[a-z_]+[0-9]*$')
GROUP BY executable
ORDER BY n DESC, executable
LIMIT 100
