WITH candidates AS (
  SELECT "process.executable" AS executable, "agent.id" AS id, "host.name" AS host,
    CAST(arrow_cast("@timestamp", 'Timestamp(Millisecond, None)') AS BIGINT) AS stamp
  FROM events
  WHERE "host.os.type" = 'linux' AND "event.type" = 'start' AND "event.action" = 'connection_attempted'
    AND ("process.executable" LIKE '/tmp/%' OR "process.executable" LIKE '/var/tmp/%'
      OR "process.executable" LIKE '/dev/shm/%' OR "process.name" LIKE '.%')
    AND NOT ("process.executable" LIKE '/nix/store/%' OR "process.executable" LIKE '/tmp/newroot/%'
      OR "process.executable" LIKE '/tmp/.mount%' OR "process.executable" LIKE '/tmp/go-build%')
    AND NOT regexp_like("destination.ip", '{pattern}')
), seen AS (
  -- The execution of hour h sees [h - 61 minutes, h]: what falls into the last minute is seen by the next one too.
  SELECT unnest(CASE WHEN stamp >= hour * 3600000 - 60000 THEN make_array(hour, hour + 1) ELSE make_array(hour) END) AS hour,
    executable, id, host
  FROM (SELECT *, (stamp + 3599999) / 3600000 AS hour FROM candidates)
)
SELECT to_timestamp_seconds(hour * 3600) AS execution, executable, count(*) AS cc, count(DISTINCT id) AS agents,
  array_agg(DISTINCT host) AS hosts, array_agg(DISTINCT id) AS ids
FROM seen
WHERE hour > date_part('epoch', TIMESTAMP '{start}') / 3600
  AND hour <= date_part('epoch', TIMESTAMP '{end}') / 3600
GROUP BY hour, executable
HAVING count(DISTINCT id) = 1 AND count(*) > 15
ORDER BY execution, cc, executable
