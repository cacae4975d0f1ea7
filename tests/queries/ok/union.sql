SELECT host.name FROM events WHERE destination.port = 22
UNION ALL
SELECT user.name FROM events WHERE destination.port = 443
