WITH candidates AS MATERIALIZED (
  SELECT "process.executable" AS executable, "destination.ip" AS ip, "agent.id" AS id, "host.name" AS host,
    epoch_ms("@timestamp") AS stamp
  FROM read_parquet('{events}')
  WHERE "host.os.type" = 'linux' AND "event.type" = 'start' AND "event.action" = 'connection_attempted'
    AND ("process.executable" LIKE '/tmp/%' OR "process.executable" LIKE '/var/tmp/%'
      OR "process.executable" LIKE '/dev/shm/%' OR "process.name" LIKE '.%')
    AND NOT ("process.executable" LIKE '/nix/store/%' OR "process.executable" LIKE '/tmp/newroot/%'
      OR "process.executable" LIKE '/tmp/.mount%' OR "process.executable" LIKE '/tmp/go-build%')
), seen AS (
  -- The execution of hour h sees [h - 61 minutes, h]: what falls into the last minute is seen by the next one too.
  SELECT unnest(CASE WHEN stamp >= hour * 3600000 - 60000 THEN [hour, hour + 1] ELSE [hour] END) AS hour,
    executable, id, host
  FROM (SELECT *, (stamp + 3599999) // 3600000 AS hour FROM candidates WHERE NOT regexp_matches(ip, '{pattern}'))
)
SELECT strftime(make_timestamp(hour * 3600000000), '%Y-%m-%dT%H:%M:%SZ') AS execution, executable, count(*) AS cc, count(DISTINCT id) AS agents,
  list(DISTINCT host) AS hosts, list(DISTINCT id) AS ids
FROM seen
WHERE hour > epoch(TIMESTAMPTZ '{start}') // 3600 AND hour <= epoch(TIMESTAMPTZ '{end}') // 3600
GROUP BY hour, executable
HAVING count(DISTINCT id) = 1 AND count(*) > 15
ORDER BY execution, cc, executable
