"""What calibration gains on measured levels, and whether it finds what was planted."""
