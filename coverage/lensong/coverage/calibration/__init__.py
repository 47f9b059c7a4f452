"""Calibration: what measured levels teach of a network, tried on ground that was held out."""
