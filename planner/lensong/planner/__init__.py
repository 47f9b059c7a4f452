"""The planner: a network edited on a map, its coverage following."""
