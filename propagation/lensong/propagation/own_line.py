"""What is read on a pixel's own line, mast to pixel centre.

The line has the samples of `profile.path_profile`: equal steps of about a cell. The last ones
before the pixel are read always; of the others those that the nearest radial proposes (`propose`),
with the neighbours of each: what decides on the radial stands a little beside, before or behind on
the line. All that was read stands in one list, and all terms of the pixel are taken from it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lensong.propagation.kernel import inlined_kernel
from lensong.propagation.place import place
from lensong.propagation.radial import Radial, read_inside
from lensong.propagation.terrain import Rasters
from lensong.propagation.types import FloatArray

__all__ = ["Receiver", "new_line", "propose", "put", "read_last_samples", "read_rims"]

# rows of a list
AT_KM, PER_AT, PER_REST, GROUND_OF, SURFACE_OF = 0, 1, 2, 3, 4

ROOM = 128
"""More entries than all proposals to one pixel can be."""


class Receiver(NamedTuple):
    """One pixel and its own line."""

    pixel: int  # a number of its own
    path_km: float
    per_path: float  # its reciprocal
    rx_m: float
    row: float  # the mast's position
    col: float
    d_row: float  # one step of the line, in cells
    d_col: float
    steps: int  # of the whole line
    step_km: float
    clearing_steps: float  # clutter nearer than this to an end does not count
    last: int  # last sample of the radial that counts; 0 none


def new_line(own_samples: int) -> FloatArray:
    """Return an empty list, to be used again for every pixel of a sweep."""
    return np.zeros((5, own_samples + ROOM))


@inlined_kernel
def put(
    line: FloatArray, receiver: Receiver, size: int, at_km: float, ground: float, surface: float
) -> int:
    """Add a point to the list; return the new size."""
    rest_km = receiver.path_km - at_km
    per_both = 1.0 / (at_km * rest_km)
    size = place(size)
    line[AT_KM, size] = at_km
    line[PER_AT, size], line[PER_REST, size] = rest_km * per_both, at_km * per_both
    line[GROUND_OF, size], line[SURFACE_OF, size] = ground, surface
    return size + 1


@inlined_kernel
def _read(line: FloatArray, rasters: Rasters, receiver: Receiver, size: int, sample: int) -> int:
    """Read a sample of the line into the list; return the new size."""
    ground, surface = read_inside(
        rasters, receiver.row + sample * receiver.d_row, receiver.col + sample * receiver.d_col
    )
    clearing = receiver.clearing_steps
    if sample < clearing or receiver.steps - sample < clearing:
        surface = ground
    return put(line, receiver, size, sample * receiver.step_km, ground, surface)


@inlined_kernel
def read_last_samples(line: FloatArray, rasters: Rasters, receiver: Receiver) -> int:
    """Begin a list with the samples behind those of the radial; return its size.

    It is -1 where the elevation of one is unknown.
    """
    size, total = 0, 0.0
    for sample in range(receiver.last + 1, receiver.steps):
        size = _read(line, rasters, receiver, size, sample)
        total += line[SURFACE_OF, size - 1]
    return size if total == total else -1


@inlined_kernel
def read_rims(
    line: FloatArray, rasters: Rasters, receiver: Receiver, size: int, rim_steps: float
) -> int:
    """Add the surface at the rims of both clearings where clutter stands there.

    They are no points of the bare ground.
    """
    for steps in (rim_steps, receiver.steps - rim_steps):
        ground, surface = read_inside(
            rasters, receiver.row + steps * receiver.d_row, receiver.col + steps * receiver.d_col
        )
        if surface > ground:
            size = put(line, receiver, size, steps * receiver.step_km, -np.inf, surface)
    return size


@inlined_kernel
def propose(
    line: FloatArray,
    radial: Radial,
    rasters: Rasters,
    receiver: Receiver,
    size: int,
    sample: int,
    beside: int,
    read_for: int,
) -> int:
    """Read a sample of the radial and its neighbours on the own line, each once.

    ``read_for`` is the row in which a list keeps what it has.

    One without elevation is left out: the radial has passed beside the void.
    """
    marks = radial.samples[place(read_for)]
    for k in range(max(1, sample - beside), min(receiver.last, sample + beside) + 1):
        if marks[k] != receiver.pixel:
            marks[k] = receiver.pixel
            grown = _read(line, rasters, receiver, size, k)
            if line[SURFACE_OF, size] == line[SURFACE_OF, size]:
                size = grown
    return size
