"""The light watch: a small message a second, and what it says of the network over hours."""
