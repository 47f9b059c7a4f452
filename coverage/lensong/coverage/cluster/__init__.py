"""A plan on several machines: split, made by workers of a Dask cluster, put together again.

What workers hand to each other are files in a folder that all of them see; the scheduler moves
names and counts alone. Beside `scenario/` and `results/` the only folder of coverage that touches
files.
"""
