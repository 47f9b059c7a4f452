"""What Prometheus reads: a snapshot of the sites, rendered."""
