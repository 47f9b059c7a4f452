"""Sweeps over the land in a file, one answer for every line of requests on the standard input.

Run by `sweep_against.py` with the code of the present tree or of an older one on the path: it uses
only what both have. Prints where that code lies, then CPU seconds and pixels of each answer.

    python benchmarks/sweep_rounds.py LAND
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

import lensong.propagation.sweep as sweeps

try:
    from lensong.propagation.sweep_request import SweepRequest
    from lensong.propagation.terrain import Terrain
except ImportError:  # in older trees they stand beside the sweep
    SweepRequest, Terrain = sweeps.SweepRequest, sweeps.Terrain  # type: ignore[misc,attr-defined]

with np.load(sys.argv[1]) as arrays:
    terrain = Terrain(ground_m=arrays["ground"], clutter_m=arrays["clutter"], cell_m=30.0)
print(sweeps.__file__, flush=True)
for line in sys.stdin:
    asked = [SweepRequest(**request) for request in json.loads(line)]
    began = time.process_time()
    made = sweeps.sweep_carriers(asked, terrain)
    spent_s = time.process_time() - began
    print(json.dumps([spent_s, int(np.isfinite(made[0].path_loss_db).sum())]), flush=True)
