"""What the page shows of a calibration: measured points, bounds, who lives where it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pyproj import Transformer

from lensong.coverage.calibration.apply import CalibratedPaths
from lensong.coverage.calibration.calibration import Calibration
from lensong.coverage.calibration.known import BASES
from lensong.coverage.report.legend import difference_legend, wide_from
from lensong.coverage.result import PlanResult

__all__ = ["BasisCount", "MeasuredPage", "measured_page"]

_RULES = {
    "measured": "measured.rule.measured",
    "calibrated here": "measured.rule.calibrated_here",
    "model only": "measured.rule.model_only",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisCount:
    """Villages, people and ground whose levels rest on one thing.

    Parameters
    ----------
    name : str
        One of `BASES`, with ``_`` for blanks.
    rule : str
        Key of the message that says when it holds.
    villages : int
    people : float or None
        None where no village's people are known.
    area_km2 : tuple of float
        By technology, of the ground that a cell serves [km^2].
    half_db : float or None
        Half the interval that holds 90 % of levels, mean over that ground, of the first
        technology that has any [dB].
    bound : float or None
        The number of its rule: metres, or per cent.
    """

    name: str
    rule: str
    villages: int
    people: float | None
    area_km2: tuple[float, ...]
    half_db: float | None
    bound: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPage:
    """One section of the report.

    Parameters
    ----------
    calibration : Calibration
    cells : int
        That are calibrated.
    bases : tuple of BasisCount
        In the order of `BASES`.
    wide_db : float
        From which half an interval on the map is hatched [dB].
    """

    calibration: Calibration
    cells: int
    bases: tuple[BasisCount, ...]
    wide_db: float

    @property
    def proof(self) -> tuple[float, float, float] | None:
        """Return side of the squares [m], and error before and after on them, held out [dB]."""
        of = self.calibration
        for row in of.held_out:
            if row.block_m > 0.0:
                return row.block_m, row.rmse_db["none"], row.rmse_db[of.stage]
        return None

    def as_json(self) -> dict[str, Any]:
        """Return what the map draws: points, the classes of what is left, and the bound."""
        of, spots = self.calibration, self.calibration.spots
        to_degrees = Transformer.from_crs(of.crs, "EPSG:4326", always_xy=True)
        lon, lat = to_degrees.transform(spots.east_m, spots.north_m)
        offset = np.array([of.phones[n].value if n in of.phones else 0.0 for n in spots.phone])
        columns = {
            "lon_deg": np.round(lon, 6),
            "lat_deg": np.round(lat, 6),
            "measured_dbm": spots.measured_dbm.round(1),
            "predicted_dbm": (spots.measured_dbm - spots.residual_db).round(1),
            "calibrated_dbm": (spots.measured_dbm - offset - spots.left_db).round(1),
            "left_db": spots.left_db.round(1),
        }
        return {
            "points": {name: values.tolist() for name, values in columns.items()}
            | {
                "cell_id": list(spots.cell_id),
                "phone": list(spots.phone),
                "at_floor": spots.at_floor.tolist(),
            },
            "classes": [c.as_json() for c in difference_legend().classes],
            "wide_db": self.wide_db,
        }


def measured_page(result: PlanResult) -> MeasuredPage | None:
    """Return the section on a calibration, None where the plan has none."""
    paths = result.propagation.calibration
    if not isinstance(paths, CalibratedPaths):
        return None
    learnt = paths.calibration
    bounds = {
        "measured": learnt.basis.measured_within_m,
        "calibrated here": 100.0 * learnt.basis.field_sd_share,
    }
    people = result.villages["people"].to_numpy(dtype=float)
    evidence = result.villages["evidence"].to_numpy()
    pixel_km2 = result.land.grid.cell_m**2 / 1e6
    counts = []
    for code, name in enumerate(BASES, start=1):
        here = [of.basis == code for of in result.known.values()]
        halves = [
            float(of.half_db[at].mean())
            for of, at in zip(result.known.values(), here, strict=True)
            if at.any()
        ]
        counts.append(
            BasisCount(
                name=name.replace(" ", "_"),
                rule=_RULES[name],
                villages=int((evidence == name).sum()),
                people=float(np.nansum(people[evidence == name]))
                if np.isfinite(people).any()
                else None,
                area_km2=tuple(float(at.sum()) * pixel_km2 for at in here),
                half_db=halves[0] if halves else None,
                bound=bounds.get(name),
            )
        )
    return MeasuredPage(
        calibration=learnt,
        cells=sum(row.fate == "calibrated" for row in learnt.cells),
        bases=tuple(counts),
        wide_db=wide_from(result).half_db,
    )
