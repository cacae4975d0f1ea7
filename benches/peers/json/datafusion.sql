SELECT process['executable'] AS executable, count(*) AS cc, count(DISTINCT agent['id']) AS agents,
  array_agg(DISTINCT host['name']) AS hosts, array_agg(DISTINCT agent['id']) AS ids
FROM events
WHERE host['os']['type'] = 'linux' AND event['type']{first} = 'start' AND event['action'] = 'connection_attempted'
  AND (process['executable'] LIKE '/tmp/%' OR process['executable'] LIKE '/var/tmp/%'
    OR process['executable'] LIKE '/dev/shm/%' OR process['name'] LIKE '.%')
  AND NOT (process['executable'] LIKE '/nix/store/%' OR process['executable'] LIKE '/tmp/newroot/%'
    OR process['executable'] LIKE '/tmp/.mount%' OR process['executable'] LIKE '/tmp/go-build%')
  AND NOT regexp_like(destination['ip'], '{pattern}')
GROUP BY process['executable']
HAVING count(DISTINCT agent['id']) = 1 AND count(*) > 15
ORDER BY cc, executable
LIMIT 100
