"""The one measured path whose profile is public here."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.accuracy.tables import NotAtHandError, Table
from lensong.propagation.free_space import slant_free_space_loss_db
from lensong.propagation.link import Climate, Link
from lensong.propagation.models import MODELS
from lensong.propagation.p1812 import PathProfile
from lensong.propagation.terrain import INLAND

_PATH_M = 77_800.0
_CASES = ((41.5, 143.9, 8.5, 133.2), (573.3, 194.0, 9.1, 149.5))
_SURFACE_N = 314.0  # of the deck, as high as the middle of the path


def mursley(shared: Path) -> list[Table]:
    """Return errors of the models over a profile, and of free space, at two frequencies."""
    path = shared / "reference" / "itm" / "qkpfl" / "qkpfldat.txt"
    if not path.exists():
        raise NotAtHandError(f"there is no {path}")
    lines = path.read_text(encoding="utf-8").splitlines()[2:13]
    heights = np.array([float(x) for line in lines for x in line.split()[1:]])
    profile = PathProfile(
        distance_m=np.linspace(0.0, _PATH_M, heights.size),
        terrain_amsl_m=heights,
        clutter_height_m=np.zeros(heights.size),
        zone=np.full(heights.size, INLAND, dtype=np.int64),
    )
    n0 = _SURFACE_N * float(np.exp(heights[15:142].mean() / 9460.0))
    rows = []
    for freq, tx_m, rx_m, measured in _CASES:
        errors = []
        for name, refractivity in (("itm", n0), ("itu_r_p1812", 317.0)):
            over = MODELS[name].over_profile
            if over is None:
                raise AssertionError(f"{name} follows a profile")
            climate = Climate(45.0, refractivity, centre_lat_deg=51.7)
            loss = float(over(profile, Link(freq, tx_m, rx_m, horizontal=True), climate))
            errors.append(loss - measured)
        free = slant_free_space_loss_db(
            _PATH_M / 1000.0, heights[0] + tx_m, heights[-1] + rx_m, freq / 1000.0
        )
        rows.append([f"{freq:g} MHz", measured, *errors, free - measured])
    columns = {"frequency": "", "measured [dB]": ".1f"}
    columns |= dict.fromkeys(("ITM error", "P.1812 error", "free space error"), "+.1f")
    return [Table(name="mursley", columns=columns, rows=rows)]
