SELECT host.name, @timestamp, row_number() OVER (PARTITION BY host.name ORDER BY @timestamp) AS nth
FROM events
ORDER BY host.name, nth
LIMIT 4
