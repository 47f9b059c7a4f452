"""The live side: sites, sessions, measurements, readiness, metrics."""
