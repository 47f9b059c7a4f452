"""A scenario on disk: the TOML file, and the land, network and climate that it names, read."""
