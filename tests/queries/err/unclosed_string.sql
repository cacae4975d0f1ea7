SELECT host.name FROM events WHERE user.name = 'root
