-- An executable below a temporary directory, or with a hidden name, that makes
-- more than 15 outbound connection attempts to public addresses within an hour,
-- on exactly one agent.
SELECT
  count(*) AS cc,
  count_distinct(agent.id) AS agent_count,
  collect_set(host.name) AS "host.name",
  collect_set(agent.id) AS "agent.id",
  process.executable
FROM "logs-endpoint.events.network-*"
WHERE @timestamp > now() - INTERVAL '1 hour'
  AND host.os.type = 'linux'
  AND event.type = 'start'
  AND event.action = 'connection_attempted'
  AND (
    glob_match(process.executable, '/tmp/*', '/var/tmp/*', '/dev/shm/*')
    OR glob_match(process.name, '.*')
  )
  AND NOT (
    cidr_match(
      destination.ip,
      -- this host and its neighbours
      '127.0.0.0/8', '::1', '169.254.0.0/16', 'FE80::/10',
      -- private networks and carrier-grade NAT
      '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10',
      -- protocol assignments, relays and sinks
      '192.0.0.0/24', '192.0.0.0/29', '192.0.0.8/32', '192.0.0.9/32', '192.0.0.10/32', '192.0.0.170/32',
      '192.0.0.171/32', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24', '192.175.48.0/24',
      -- documentation and benchmarks
      '192.0.2.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24',
      -- multicast and reserved
      '224.0.0.0/4', '240.0.0.0/4', 'FF00::/8'
    )
    OR glob_match(process.executable, '/nix/store/*', '/tmp/newroot/*', '/tmp/.mount*', '/tmp/go-build*')
  )
GROUP BY process.executable
HAVING count_distinct(agent.id) = 1 AND count(*) > 15
ORDER BY cc, process.executable
LIMIT 100
