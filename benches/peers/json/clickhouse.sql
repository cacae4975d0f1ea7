-- Lines are taken raw, and only those that hold what the rule asks for are parsed.
WITH lines AS (
  SELECT line FROM file('{events}', LineAsString)
  WHERE position(line, 'connection_attempted') > 0 AND position(line, 'linux') > 0
    AND multiSearchAny(line, ['"/tmp/', '"/var/tmp/', '"/dev/shm/', '"name":".'])
), events AS (
  SELECT JSONExtractString(line, 'host', 'os', 'type') AS os, JSONExtractString(line, 'event', 'type'{place}) AS type,
    JSONExtractString(line, 'event', 'action') AS action, JSONExtract(line, 'process', 'name', 'Nullable(String)') AS name,
    JSONExtract(line, 'process', 'executable', 'Nullable(String)') AS executable,
    JSONExtract(line, 'destination', 'ip', 'Nullable(String)') AS ip, JSONExtractString(line, 'agent', 'id') AS id,
    JSONExtractString(line, 'host', 'name') AS host
  FROM lines
)
SELECT executable, count() AS cc, uniqExact(id) AS agents, groupUniqArray(host) AS hosts, groupUniqArray(id) AS ids
FROM events
WHERE executable IS NOT NULL AND ip IS NOT NULL AND os = 'linux' AND type = 'start' AND action = 'connection_attempted'
  AND (executable LIKE '/tmp/%' OR executable LIKE '/var/tmp/%' OR executable LIKE '/dev/shm/%' OR name LIKE '.%')
  AND NOT (executable LIKE '/nix/store/%' OR executable LIKE '/tmp/newroot/%' OR executable LIKE '/tmp/.mount%'
    OR executable LIKE '/tmp/go-build%')
  AND NOT match(ip, '{pattern}')
GROUP BY executable
HAVING agents = 1 AND cc > 15
ORDER BY cc, executable
LIMIT 100
