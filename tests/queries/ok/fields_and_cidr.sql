SELECT user.name, process.executable, @timestamp
FROM "logs-*"
WHERE cidr_match(destination.ip, '8.0.0.0/8', '::1') IS NOT TRUE AND event.type = 'start'
ORDER BY @timestamp DESC, process.executable
LIMIT 10
