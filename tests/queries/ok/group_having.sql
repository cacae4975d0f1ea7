-- counts
SELECT host.name, count(*) AS n, count_distinct(user.name) AS users, collect_set(destination.port) AS ports
FROM events
WHERE event.category IS NOT NULL
GROUP BY host.name
HAVING count(*) > 2
ORDER BY n DESC, host.name
