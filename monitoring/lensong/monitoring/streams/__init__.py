"""Live streams: what media servers say about them, and whether a stream is in trouble."""
