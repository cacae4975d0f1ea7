WITH candidates AS MATERIALIZED (
  SELECT "process"."executable" AS executable, "destination"."ip" AS ip, "agent"."id" AS id, "host"."name" AS host
  FROM read_json('{events}', format = 'newline_delimited', columns = {
    host: 'STRUCT("name" VARCHAR, os STRUCT("type" VARCHAR))', event: 'STRUCT("type" VARCHAR{many}, "action" VARCHAR)',
    process: 'STRUCT("name" VARCHAR, executable VARCHAR)', destination: 'STRUCT(ip VARCHAR)', agent: 'STRUCT(id VARCHAR)'})
  WHERE "host"."os"."type" = 'linux' AND "event"."type"{first} = 'start' AND "event"."action" = 'connection_attempted'
    AND ("process"."executable" LIKE '/tmp/%' OR "process"."executable" LIKE '/var/tmp/%'
      OR "process"."executable" LIKE '/dev/shm/%' OR "process"."name" LIKE '.%')
    AND NOT ("process"."executable" LIKE '/nix/store/%' OR "process"."executable" LIKE '/tmp/newroot/%'
      OR "process"."executable" LIKE '/tmp/.mount%' OR "process"."executable" LIKE '/tmp/go-build%')
)
SELECT executable, count(*) AS cc, count(DISTINCT id) AS agents, list(DISTINCT host) AS hosts, list(DISTINCT id) AS ids
FROM candidates
WHERE NOT regexp_matches(ip, '{pattern}')
GROUP BY executable
HAVING count(DISTINCT id) = 1 AND count(*) > 15
ORDER BY cc, executable
LIMIT 100
