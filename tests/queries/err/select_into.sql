SELECT host.name INTO copy FROM events
