SELECT host.name FROM events WHERE 'network' IN (SELECT event.category FROM events) AND event.type = (SELECT max(event.type) FROM events)
LIMIT 3
