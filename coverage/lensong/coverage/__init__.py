"""The radio network over the land: cells, rates, villages, gaps."""
