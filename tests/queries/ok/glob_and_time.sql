SELECT DISTINCT process.name FROM "logs-endpoint" WHERE @timestamp > now() - INTERVAL '1 day' AND glob_match(process.executable, '/tmp/*', '*\*')
