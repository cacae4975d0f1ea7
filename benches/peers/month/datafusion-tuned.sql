-- The most selective test first; one minimum and one maximum a group instead of sets for groups that are thrown away.
WITH candidates AS (
  SELECT "process.executable" AS executable, "agent.id" AS id, "host.name" AS host
  FROM events
  WHERE ("process.executable" LIKE '/tmp/%' OR "process.executable" LIKE '/var/tmp/%'
      OR "process.executable" LIKE '/dev/shm/%' OR "process.name" LIKE '.%')
    AND NOT ("process.executable" LIKE '/nix/store/%' OR "process.executable" LIKE '/tmp/newroot/%'
      OR "process.executable" LIKE '/tmp/.mount%' OR "process.executable" LIKE '/tmp/go-build%')
    AND "host.os.type" = 'linux' AND "event.type" = 'start' AND "event.action" = 'connection_attempted'
    AND NOT regexp_like("destination.ip", '{pattern}')
), counted AS (
  SELECT executable, id, host, count(*) OVER (PARTITION BY executable) AS cc,
    min(id) OVER (PARTITION BY executable) AS first, max(id) OVER (PARTITION BY executable) AS last
  FROM candidates
)
SELECT executable, cc, 1 AS agents, array_agg(DISTINCT host) AS hosts, array_agg(DISTINCT id) AS ids
FROM counted
WHERE cc > 15 AND first = last
GROUP BY executable, cc
ORDER BY cc, executable
LIMIT 100
