"""The SIP side of the PBX: registrar, forking proxy and event-based routing. Knows no Django."""
