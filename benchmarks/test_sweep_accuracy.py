"""How far the sweep is from each pixel's own full profile, beside the noise of that profile.

    python -m pytest benchmarks/test_sweep_accuracy.py -m benchmark -s

"Own profile" is the single-path function on equal steps of about 30 m, bilinear, from the mast to
the pixel's centre. Its noise floor is what it changes by when the step is 15 m instead.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from terrain import MASTS, own_profile_terms, patchwork_clutter, sweep_request

from lensong.propagation.sweep import sweep
from lensong.propagation.terrain import Terrain

PIXELS = 12_000


def described(error_db: np.ndarray) -> str:
    size = np.abs(error_db)
    rms = float(np.sqrt(np.mean(error_db**2)))
    p95, p99 = np.percentile(size, [95, 99])
    return f"rms {rms:5.2f}  p95 {p95:5.2f}  p99 {p99:5.2f}  max {size.max():5.1f}"


@pytest.mark.benchmark
@pytest.mark.parametrize("covered", [False, True], ids=["bare", "clutter"])
@pytest.mark.parametrize("mast", sorted(MASTS))
def test_error_against_own_profiles(cevennes: Terrain, mast: str, covered: bool) -> None:
    terrain = cevennes
    if covered:
        terrain = replace(cevennes, clutter_m=patchwork_clutter(cevennes.ground_m))
    request = sweep_request(mast)
    result = sweep(request, terrain)
    rows, cols = np.nonzero(np.isfinite(result.path_loss_db))
    far = np.hypot(rows + result.row0 - request.row, cols + result.col0 - request.col) > 9.0
    chosen = np.random.default_rng(1).choice(np.flatnonzero(far), PIXELS, replace=False)
    error, floor, clear = np.empty(PIXELS), np.empty(PIXELS), np.empty(PIXELS, dtype=bool)
    for n, p in enumerate(chosen):
        row, col = int(rows[p]) + result.row0, int(cols[p]) + result.col0
        exact = own_profile_terms(terrain, request, row, col, 30.0)
        finer = own_profile_terms(terrain, request, row, col, 15.0)
        error[n] = result.path_loss_db[rows[p], cols[p]] - exact.basic_transmission_loss_db
        floor[n] = finer.basic_transmission_loss_db - exact.basic_transmission_loss_db
        clear[n] = exact.line_of_sight
    name = f"{mast}, {'clutter' if covered else 'bare'}"
    print(f"\n{name:18s} sweep          {described(error)}   ({PIXELS} pixels, dB)")
    print(f"{'':18s} noise floor    {described(floor)}")
    for label, part in (("line of sight", clear), ("diffracted", ~clear)):
        print(f"{'':18s} {label:14s} {described(error[part])}   {part.mean():.0%}")
    assert np.sqrt(np.mean(error**2)) < 1.0, "far above what has been measured"
