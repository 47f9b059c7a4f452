"""What the service does by itself: board, identities, reports, verdicts, streams, events."""
