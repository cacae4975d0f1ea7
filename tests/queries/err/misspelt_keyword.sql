SELECT host.name FORM events
