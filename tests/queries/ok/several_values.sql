SELECT event.type, upper(event.category) AS category, mv_count(process.args) AS args
FROM events
WHERE event.category = 'network' AND NOT event.type = 'end'
