SELECT "process.executable" AS executable, count(*) AS n, count(DISTINCT "host.name") AS hosts
FROM read_parquet('{events}')
WHERE regexp_matches("process.executable", '^/(tmp|var/tmp|dev/shm|home/[a-z0-9]+/\.cache)/([^/]+/)*\.?[a-z_]+[0-9]*$')
GROUP BY "process.executable"
ORDER BY n DESC, executable
LIMIT 100
