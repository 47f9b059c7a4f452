"""Around the service: log, rules before the start, starting, the HTTP server."""
