SELECT host.name, FROM events WHERE
