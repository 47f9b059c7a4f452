"""The spots of a calibration as it was made from them, out of its record."""

from __future__ import annotations

import numpy as np

from lensong.coverage.calibration.calibration import Calibration
from lensong.coverage.calibration.evidence import Evidence
from lensong.coverage.calibration.of_cells import one_site
from lensong.coverage.network import Mast

__all__ = ["spots_of"]


def spots_of(learnt: Calibration) -> Evidence:
    """Return the spots that a calibration was made from; phones and classes have new numbers."""
    spots = learnt.spots
    near: list[str] = []  # the first mast of each site
    rows = {row.mast_id: row for row in learnt.places}
    site_of: dict[str, int] = {}
    for mast_id, row in rows.items():
        mast = Mast(
            mast_id=mast_id, lat_deg=row.lat_deg, lon_deg=row.lon_deg, height_agl_m=row.height_agl_m
        )
        found = next((k for k, other in enumerate(near) if one_site(rows[other], mast)), len(near))
        if found == len(near):
            near.append(mast_id)
        site_of[mast_id] = found
    places = list(zip(spots.mast_id, spots.height_agl_m, spots.freq_mhz, strict=True))
    classes = sorted(set(spots.land_cover) | {""})  # the unknown one is the first: 0
    return Evidence(
        east_m=spots.east_m,
        north_m=spots.north_m,
        measured_dbm=spots.measured_dbm,
        residual_db=spots.residual_db,
        at_floor=spots.at_floor,
        distance_m=spots.distance_m,
        terrain_db=spots.terrain_db,
        clutter_db=spots.clutter_db,
        clear=spots.clear,
        clutter_class=np.array([classes.index(name) for name in spots.land_cover], np.int64),
        cell=np.unique(np.array(spots.cell_id), return_inverse=True)[1].ravel(),
        place=np.array([sorted(set(places)).index(place) for place in places], np.int64),
        site=np.array([site_of[name] for name in spots.mast_id], np.int64),
        phone=np.unique(np.array(spots.phone), return_inverse=True)[1].ravel(),
        rows=np.ones(len(places), dtype=np.int64),
    )
