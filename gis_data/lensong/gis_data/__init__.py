"""The land: elevation, land cover, population, villages, boundaries."""
