SELECT `host.name` AS host, `user.name` AS user_name, count() AS n, max(`network.bytes`) AS most
FROM file('{events}', Parquet)
GROUP BY host, user_name
ORDER BY n DESC, host, user_name
LIMIT 100
