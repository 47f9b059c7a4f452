"""A calibration that was learnt of nothing: planted numbers, of every kind that a plan reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pyproj import Transformer

from lensong.coverage.calibration.calibration import (
    Basis,
    Calibration,
    CellRow,
    HeldOutRow,
    PlaceRow,
    SpotTable,
    Term,
)
from lensong.coverage.calibration.field import Field
from lensong.coverage.calibration.hold_out import STAGES
from lensong.coverage.calibration.spread import PATH_CLASSES, Spread, SpreadRow
from lensong.coverage.calibration.terms import PLACE_TERMS, TERMS, Priors
from lensong.coverage.cellplan.write import untilted
from lensong.coverage.network import Network
from lensong.coverage.results.calibration import write_calibration
from lensong.gis_data.land import Land

__all__ = ["calibrated", "planted_calibration"]

FIELD = Field(sd_db=5.0, length_m=400.0, noise_db=3.0, correlation=0.5)


def planted_calibration(
    network: Network, land: Land, *, unseen: bool = True, seed: int = 7
) -> Calibration:
    """Return a calibration of a network by spots around its masts.

    The last mast was not measured, one antenna place got no better, one cell is set aside, and of
    each fourth cell nothing was heard.
    """
    rng = np.random.default_rng(seed)
    shared = {
        name: Term(value=value, sd=0.5)
        for name, value in zip(TERMS, (-2.0, -4.0, 0.2, -0.1, 1.5), strict=True)
    }
    unmeasured = network.masts[-1].mast_id
    keys = dict.fromkeys(
        (cell.mast_id, cell.height_agl_m, cell.carrier.downlink_freq_mhz)
        for cell in network.cells
        if cell.mast_id != unmeasured
    )
    places, cells = [], []
    for number, (mast_id, height_agl_m, freq_mhz) in enumerate(keys):
        mast = network.mast(mast_id)
        places.append(
            PlaceRow(
                mast_id=mast_id,
                lat_deg=mast.lat_deg,
                lon_deg=mast.lon_deg,
                height_agl_m=height_agl_m,
                freq_mhz=freq_mhz,
                spots=20,
                calibrated=number != 1,
                terms={
                    name: Term(value=shared[name].value + 0.1 * rng.normal(), sd=0.2)
                    for name in PLACE_TERMS
                },
                rmse_before_db=9.0,
                rmse_after_db=4.0,
            )
        )
    good = {(p.mast_id, p.height_agl_m, p.freq_mhz) for p in places if p.calibrated}
    for number, cell in enumerate(network.cells):
        place = (cell.mast_id, cell.height_agl_m, cell.carrier.downlink_freq_mhz)
        if place not in keys or number % 4 == 3:
            continue
        aside = number == 4
        used = place in good and not aside
        cells.append(
            CellRow(
                cell_id=cell.cell_id,
                mast_id=cell.mast_id,
                height_agl_m=cell.height_agl_m,
                freq_mhz=cell.carrier.downlink_freq_mhz,
                antenna=untilted(cell.antenna.name),
                spots=10,
                fate="calibrated" if used else "set aside" if aside else "left as it was",
                why="its sectors look swapped" if aside else "",
                bias=Term(value=round(rng.normal(0.0, 5.0), 6) if used else 0.0, sd=1.0),
            )
        )
    heard = {row.mast_id: row for row in cells}
    masts = [mast for mast in network.masts if mast.mast_id in heard]
    at = np.repeat(np.arange(len(masts)), 30)
    to_grid = Transformer.from_crs("EPSG:4326", land.grid.crs, always_xy=True)
    east, north = to_grid.transform([m.lon_deg for m in masts], [m.lat_deg for m in masts])
    away = rng.normal(0.0, 700.0, (at.size, 2))
    names = [*land.clutter_names.values(), ""]
    row_of = [heard[masts[k].mast_id] for k in at]
    distance = np.maximum(np.hypot(*away.T), 60.0)
    residual = rng.normal(-4.0, 6.0, at.size)
    error = dict(zip(STAGES, (9.0, 6.0, 5.0, 4.0), strict=True))
    return Calibration(
        crs=land.grid.crs,
        stage="field",
        unseen=unseen,
        shared=shared,
        classes={name: Term(value=-2.0, sd=1.0) for name in land.clutter_names.values()},
        phones={},
        cells=tuple(cells),
        places=tuple(places),
        held_out=tuple(
            HeldOutRow(block_m=side_m, blocks=12, spots=at.size, rmse_db=error, mae_db=error)
            for side_m in (500.0, 2000.0)
        ),
        priors=Priors(),
        field=FIELD,
        basis=Basis.of(FIELD),
        spots=SpotTable(
            east_m=np.asarray(east)[at] + away[:, 0],
            north_m=np.asarray(north)[at] + away[:, 1],
            cell_id=tuple(row.cell_id for row in row_of),
            mast_id=tuple(row.mast_id for row in row_of),
            phone=("a phone",) * at.size,
            height_agl_m=np.array([row.height_agl_m for row in row_of]),
            freq_mhz=np.array([row.freq_mhz for row in row_of]),
            measured_dbm=np.round(-70.0 - 35.0 * np.log10(distance / 100.0) + residual, 1),
            residual_db=residual,
            left_db=0.4 * residual,
            at_floor=np.zeros(at.size, dtype=np.bool_),
            distance_m=distance,
            terrain_db=rng.gamma(1.0, 8.0, at.size),
            clutter_db=rng.gamma(0.7, 6.0, at.size),
            clear=rng.uniform(size=at.size) < 0.5,
            land_cover=tuple(names[k % len(names)] for k in range(at.size)),
            weight=np.ones(at.size),
            pull_per_db=rng.normal(0.0, 0.03, at.size),
        ),
        spread=Spread(
            rows=tuple(
                SpreadRow(spots=50, rmse_db=3.0 + 0.5 * k, half_width=(1.3, 1.7, 2.1))
                for k in range(len(PATH_CLASSES))
            )
        ),
        merged_m=0.0,
        synthetic=True,
        notes=("Planted.",),
    )


def calibrated(scenario: Path, found: Calibration) -> Path:
    """Write a calibration beside a scenario, which names it from then on."""
    folder = scenario.parent / "calibration"
    folder.mkdir()
    write_calibration(
        found, folder, title="Planted", measured="nothing", lensong_version="0", next_villages=None
    )
    with scenario.open("a", encoding="utf-8") as file:
        file.write('[calibration]\nfile = "calibration/calibration.toml"\n')
    return scenario
