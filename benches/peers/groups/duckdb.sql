SELECT "host.name" AS host, "user.name" AS user_name, count(*) AS n, max("network.bytes") AS most
FROM read_parquet('{events}')
GROUP BY host, user_name
ORDER BY n DESC, host, user_name
LIMIT 100
