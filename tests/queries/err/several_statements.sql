SELECT host.name FROM events; DELETE FROM events
