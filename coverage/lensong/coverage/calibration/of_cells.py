"""What a calibration says of the cells of a network as it stands now.

What was learnt of a cell holds for the antenna that was measured: its mast within 50 m of where it
stood, its height, its frequency, its kind of antenna. Azimuth, tilt and power may be others, the
plan counts them. A cell of which one of the former has changed is a cell that nobody measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import cos, hypot, radians
from typing import Literal

from lensong.coverage.calibration.calibration import Calibration, CellRow, PlaceRow
from lensong.coverage.cellplan.write import untilted
from lensong.coverage.network import Cell, Mast, Network

__all__ = ["CellCalibration", "CellsAsMeasured", "one_site"]

_SAME_SITE_M = 50.0
_METRES_PER_DEG = 111_195.0

Why = Literal["", "unheard", "no_better", "set_aside", "elsewhere", "other_antenna"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellCalibration:
    """On what the levels of a cell rest.

    Parameters
    ----------
    basis : {"measured", "shared", "model"}
        Its own readings; what all cells share; the model alone.
    why : str
        Why not its own readings: ``"unheard"``, nobody measured it; ``"no_better"``, levels of its
        antenna place got no better where they were held out; ``"set_aside"``, it does not fit the
        plan; ``"elsewhere"``, its mast has moved, or its height or frequency is another than when
        it was measured; ``"other_antenna"``. Empty where they are.
    bias_db : float
        Added to its levels at every place [dB].
    """

    basis: Literal["measured", "shared", "model"]
    why: Why
    bias_db: float

    @property
    def is_another(self) -> bool:
        """Return whether it was measured as another antenna than it is now."""
        return self.why in ("elsewhere", "other_antenna")


class CellsAsMeasured:
    """Tells the cells and antenna places that were measured from those that were not.

    Parameters
    ----------
    calibration : Calibration
    """

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._cells = {row.cell_id: row for row in calibration.cells}
        self._places = {(p.mast_id, p.height_agl_m, p.freq_mhz): p for p in calibration.places}

    def place(self, mast: Mast, height_agl_m: float, freq_mhz: float) -> PlaceRow | None:
        """Return the measured antenna place that this is; a mast that was moved is another one."""
        found = self._places.get((mast.mast_id, height_agl_m, freq_mhz))
        return found if found is not None and one_site(found, mast) else None

    def of(self, cell: Cell, mast: Mast) -> CellCalibration:
        """Return on what the levels of a cell rest."""
        row = self._cells.get(cell.cell_id)
        place = self.place(mast, cell.height_agl_m, cell.carrier.downlink_freq_mhz)
        why = self._why_not(row, place, cell)
        if not self._calibration.changes_levels or (place is not None and not place.calibrated):
            return CellCalibration(basis="model", why=why or "no_better", bias_db=0.0)
        if not why:
            assert row is not None
            return CellCalibration(basis="measured", why="", bias_db=row.bias.value)
        if place is None and not self._calibration.unseen:
            return CellCalibration(basis="model", why=why, bias_db=0.0)
        return CellCalibration(
            basis="shared", why=why, bias_db=self._calibration.shared["bias"].value
        )

    def network(self, network: Network) -> Network:
        """Return a network whose cells' levels are shifted by what was learnt of them."""
        masts = {mast.mast_id: mast for mast in network.masts}
        bias = [self.of(cell, masts[cell.mast_id]).bias_db for cell in network.cells]
        same = [
            cell.level_correction_db == db for cell, db in zip(network.cells, bias, strict=True)
        ]
        if all(same):
            return network
        return replace(
            network,
            cells=tuple(
                cell if as_is else replace(cell, level_correction_db=db)
                for cell, db, as_is in zip(network.cells, bias, same, strict=True)
            ),
        )

    def warnings(self, network: Network) -> Iterator[str]:
        """Yield sentences on cells that were measured and of which that is not used."""
        masts = {mast.mast_id: mast for mast in network.masts}
        known = {cell.cell_id for cell in network.cells}
        gone = [cell_id for cell_id in self._cells if cell_id not in known]
        if gone:
            yield (
                f"The calibration knows {len(gone)} cells that the network does not have "
                f"({_some(gone)}): what was learnt of them alone is not used; calibrate again."
            )
        other = [
            cell.cell_id for cell in network.cells if self.of(cell, masts[cell.mast_id]).is_another
        ]
        if other:
            yield (
                f"{len(other)} cells ({_some(other)}) have another place, height, frequency or "
                "antenna than when they were measured: what was learnt of them alone is not used; "
                "measure them again."
            )

    def _why_not(self, row: CellRow | None, place: PlaceRow | None, cell: Cell) -> Why:
        """Return why a cell's own readings do not count, empty where they do."""
        if row is None:
            return "unheard"
        if place is None or (row.mast_id, row.height_agl_m, row.freq_mhz) != (
            place.mast_id,
            place.height_agl_m,
            place.freq_mhz,
        ):
            return "elsewhere"
        if row.fate == "set aside":
            return "set_aside"
        if row.fate != "calibrated":
            return "no_better"
        return "" if row.antenna == untilted(cell.antenna.name) else "other_antenna"


def one_site(place: PlaceRow, mast: Mast) -> bool:
    """Return whether a mast stands within 50 m of a measured one: they are one site."""
    north_m = (place.lat_deg - mast.lat_deg) * _METRES_PER_DEG
    east_m = (place.lon_deg - mast.lon_deg) * _METRES_PER_DEG * cos(radians(mast.lat_deg))
    return hypot(north_m, east_m) <= _SAME_SITE_M


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
