WITH seen AS (
  SELECT `process.executable` AS executable, `agent.id` AS id, `host.name` AS host,
    toUnixTimestamp64Milli(assumeNotNull(`@timestamp`)) AS stamp, intDiv(stamp + 3599999, 3600000) AS last,
    -- The execution of hour h sees [h - 61 minutes, h]: what falls into the last minute is seen by the next one too.
    arrayJoin(if(stamp >= last * 3600000 - 60000, [last, last + 1], [last])) AS hour
  FROM file('{events}', Parquet)
  PREWHERE `process.executable` LIKE '/tmp/%' OR `process.executable` LIKE '/var/tmp/%'
    OR `process.executable` LIKE '/dev/shm/%' OR `process.name` LIKE '.%'
  WHERE `process.executable` IS NOT NULL AND `destination.ip` IS NOT NULL
    AND NOT (`process.executable` LIKE '/nix/store/%' OR `process.executable` LIKE '/tmp/newroot/%'
      OR `process.executable` LIKE '/tmp/.mount%' OR `process.executable` LIKE '/tmp/go-build%')
    AND `host.os.type` = 'linux' AND `event.type` = 'start' AND `event.action` = 'connection_attempted'
    AND NOT match(`destination.ip`, '{pattern}')
)
SELECT formatDateTime(toDateTime(hour * 3600, 'UTC'), '%Y-%m-%dT%H:%i:%SZ') AS execution, executable, count() AS cc,
  uniqExact(id) AS agents, groupUniqArray(host) AS hosts, groupUniqArray(id) AS ids
FROM seen
WHERE hour > intDiv(toUnixTimestamp(parseDateTimeBestEffort('{start}')), 3600)
  AND hour <= intDiv(toUnixTimestamp(parseDateTimeBestEffort('{end}')), 3600)
GROUP BY hour, executable
HAVING agents = 1 AND cc > 15
ORDER BY execution, cc, executable
