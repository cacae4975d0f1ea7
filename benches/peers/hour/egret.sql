SELECT process.executable AS executable, count(*) AS cc, count_distinct(agent.id) AS agents,
  collect_set(host.name) AS hosts, collect_set(agent.id) AS ids
FROM events
WHERE @timestamp >= TIMESTAMP '{hour}'
  AND host.os.type = 'linux' AND event.type = 'start' AND event.action = 'connection_attempted'
  AND (glob_match(process.executable, '/tmp/*', '/var/tmp/*', '/dev/shm/*') OR glob_match(process.name, '.*'))
  AND NOT glob_match(process.executable, '/nix/store/*', '/tmp/newroot/*', '/tmp/.mount*', '/tmp/go-build*')
  AND NOT cidr_match(destination.ip, {blocks})
GROUP BY process.executable
HAVING count_distinct(agent.id) = 1 AND count(*) > 15
ORDER BY cc, executable
LIMIT 100
