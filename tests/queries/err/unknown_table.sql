SELECT host.name FROM "nowhere-*"
