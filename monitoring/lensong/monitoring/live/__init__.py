"""What the service does by itself: board, reports, verdicts, streams, events, webhooks."""
