"""What was planned, promised and held over a month."""
