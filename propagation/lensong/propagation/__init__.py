"""Physics: path-loss models and the sweep engine. Arrays in, decibels out."""
