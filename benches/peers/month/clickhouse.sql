SELECT `process.executable` AS executable, count() AS cc, uniqExact(`agent.id`) AS agents,
  groupUniqArray(`host.name`) AS hosts, groupUniqArray(`agent.id`) AS ids
FROM file('{events}', Parquet)
PREWHERE `process.executable` LIKE '/tmp/%' OR `process.executable` LIKE '/var/tmp/%'
  OR `process.executable` LIKE '/dev/shm/%' OR `process.name` LIKE '.%'
WHERE `process.executable` IS NOT NULL AND `destination.ip` IS NOT NULL
  AND NOT (`process.executable` LIKE '/nix/store/%' OR `process.executable` LIKE '/tmp/newroot/%'
    OR `process.executable` LIKE '/tmp/.mount%' OR `process.executable` LIKE '/tmp/go-build%')
  AND `host.os.type` = 'linux' AND `event.type` = 'start' AND `event.action` = 'connection_attempted'
  AND NOT match(`destination.ip`, '{pattern}')
GROUP BY executable
HAVING agents = 1 AND cc > 15
ORDER BY cc, executable
LIMIT 100
