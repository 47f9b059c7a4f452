"""The worst pixels of a whole map, which a random sample of some thousand does not meet.

    python benchmarks/sweep_tail.py lai-chau hill 30 700 --seed 21 --clutter

Where a sweep with six radials for each cell of the circumference and twenty own samples differs
most from the one that stands, and at random pixels beside, both the map and the pixel's own full
profile are computed (`own_paths`), the latter at steps 3 % longer too.
"""

from __future__ import annotations

import argparse

import numpy as np
from own_paths import own_losses_db
from sweep_lands import SOURCES, mast, read_land, request_at, with_clutter

from lensong.propagation.pixel_order import PixelOrder, order_pixels
from lensong.propagation.sweep import sweep
from lensong.propagation.sweep_request import SweepRequest, window
from lensong.propagation.terrain import Terrain

FINE_RADIALS, FINE_SAMPLES = 6.0, 20


def fine_order(request: SweepRequest, terrain: Terrain) -> PixelOrder:
    """Return the order of a sweep that reads far more than the one that stands."""
    return order_pixels(
        request.row,
        request.col,
        *window(request, terrain),
        request.radius_m / terrain.cell_m,
        float(terrain.cell_m),
        FINE_SAMPLES,
        FINE_RADIALS,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("land", choices=sorted(SOURCES))
    parser.add_argument("kind", choices=("hill", "valley"))
    parser.add_argument("radius_km", type=float)
    parser.add_argument("freq_mhz", type=float)
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--clutter", action="store_true")
    parser.add_argument("--worst", type=int, default=100)
    parser.add_argument("--random", type=int, default=1000)
    asked = parser.parse_args()
    terrain = read_land(asked.land)
    if asked.clutter:
        terrain = with_clutter(terrain)
    place = mast(terrain, asked.kind, asked.seed)
    request = request_at(asked.land, place, asked.radius_km * 1000.0, asked.freq_mhz)
    standing, fine = (
        sweep(request, terrain),
        sweep(request, terrain, order=fine_order(request, terrain)),
    )
    rows, cols = np.nonzero(np.isfinite(standing.path_loss_db))
    metres = np.hypot(rows + standing.row0 - place[0], cols + standing.col0 - place[1])
    far = metres * terrain.cell_m > max(250.0, 9.0 * terrain.cell_m)
    rows, cols = rows[far], cols[far]
    differ = np.abs(standing.path_loss_db[rows, cols] - fine.path_loss_db[rows, cols])
    rng = np.random.default_rng(asked.seed)
    chosen = rng.choice(rows.size, min(asked.random, rows.size), replace=False)
    for name, picked in (("random", chosen), ("worst", np.argsort(-differ)[: asked.worst])):
        at = rows[picked] + standing.row0, cols[picked] + standing.col0
        own, _ = own_losses_db(terrain, [request], *at)
        moved, _ = own_losses_db(terrain, [request], *at, 1.03 * terrain.cell_m)
        error = np.abs(standing.path_loss_db[rows[picked], cols[picked]] - own[0])
        print(
            f"{name} {picked.size} of {rows.size:,}: rms {np.sqrt(np.mean(error**2)):.3f}  "
            f"p99 {np.percentile(error, 99):.2f}  greatest {error.max():.1f} dB, "
            f"{np.count_nonzero(error > 4.0)} above 4 dB; the own path moves by "
            f"{np.abs(moved - own)[0, np.argmax(error)]:.1f} dB at the greatest"
        )


if __name__ == "__main__":
    main()
