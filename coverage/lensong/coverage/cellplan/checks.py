"""What looks odd in a network, and where its masts stand on the land."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import floor
from statistics import median

from pyproj import Transformer

from lensong.coverage.cellplan.rows import CellRow
from lensong.coverage.network import Cell, Mast, Network
from lensong.gis_data.land import Land
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import Grid

__all__ = ["check_on_land", "height_warnings", "pci_notes", "power_warnings", "within_grid"]

_NAMED = 5  # masts or cells named in a message before "and n more"


def height_warnings(rows: Sequence[CellRow], height_unit: str) -> list[str]:
    """Return a warning where heights look like feet taken as metres, or the other way round."""
    heights = [row.height_agl_m for row in rows if row.height_agl_m is not None]
    if not heights:
        return []
    middle = median(heights)
    if middle > 150.0:
        return [
            f"half of the antennas are above {middle:.0f} m: if the column holds heights above sea "
            "level, leave it out; wanted are heights above ground"
        ]
    if height_unit == "m" and middle > 60.0:
        return [
            f"half of the antennas are above {middle:.0f} m: if the heights are in feet, set "
            'network.height_unit = "ft"'
        ]
    if height_unit == "ft" and middle < 6.0:
        return [
            f"half of the antennas are below {middle:.1f} m: if the heights are in metres, set "
            'network.height_unit = "m"'
        ]
    return []


def power_warnings(rows: Sequence[CellRow]) -> list[str]:
    """Return warnings where powers are of a size that the other kind of power has."""
    warnings = []
    totals = [row.total_power_dbm for row in rows if row.total_power_dbm is not None]
    per_re = [row.rs_power_dbm for row in rows if row.rs_power_dbm is not None]
    if totals and median(totals) < 25.0:
        warnings.append(
            f"half of the total powers are below {median(totals):.1f} dBm, which a reference "
            'signal has rather than a carrier: if so, set network.power = "per_re"'
        )
    if per_re and median(per_re) > 33.0:
        warnings.append(
            f"half of the powers per resource element are above {median(per_re):.1f} dBm, which a "
            'whole carrier has: if so, set network.power = "total"'
        )
    return warnings


def pci_notes(cells: Sequence[Cell]) -> list[str]:
    """Return notes on cells of one mast and carrier whose physical cell ids disturb each other.

    Equal modulo 3: on LTE their reference signals fall on each other, on NR their primary
    synchronisation signals are the same.
    """
    together: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        if cell.physical_cell_id is not None:
            key = (cell.mast_id, cell.operator, cell.carrier.name)
            together.setdefault(key, []).append(cell)
    pairs = [
        f"{a.cell_id} and {b.cell_id} ({a.physical_cell_id}, {b.physical_cell_id})"
        for group in together.values()
        for a, b in combinations(group, 2)
        if (a.physical_cell_id or 0) % 3 == (b.physical_cell_id or 0) % 3
    ]
    if not pairs:
        return []
    return [f"physical cell ids equal modulo 3 on one mast and carrier: {_some(pairs)}"]


def check_on_land(network: Network, land: Land) -> list[str]:
    """Return warnings on masts that stand in water; refuse masts outside the grid.

    Raises
    ------
    InvalidInputError
        A mast lies outside the land that was read (the message says whether latitude and
        longitude seem swapped).
    """
    to_grid = Transformer.from_crs("EPSG:4326", land.grid.crs, always_xy=True)
    outside = [m for m in network.masts if not _on(to_grid, land.grid, m.lat_deg, m.lon_deg)]
    if outside:
        swapped = [m for m in outside if _on(to_grid, land.grid, m.lon_deg, m.lat_deg)]
        if swapped:
            raise InvalidInputError(
                f"mast {swapped[0].mast_id!r} is at latitude {swapped[0].lat_deg:g}, longitude "
                f"{swapped[0].lon_deg:g}; the other way round it would be in the area "
                f"({len(swapped)} such): exchange the two columns of the cell plan"
            )
        raise InvalidInputError(
            f"{len(outside)} of {len(network.masts)} masts are outside the area with its margin: "
            f"{_some([_at(m) for m in outside])}: widen the area, correct their positions or "
            "remove them"
        )
    if land.water is None:
        return []
    wet = []
    for mast in network.masts:
        east, north = to_grid.transform(mast.lon_deg, mast.lat_deg)
        row, col = land.grid.row_col(east, north)
        if land.water[floor(row + 0.5), floor(col + 0.5)]:
            wet.append(_at(mast))
    if not wet:
        return []
    return [
        f"{len(wet)} masts stand on open water by the land cover: {_some(wet)}: check positions"
    ]


def within_grid(network: Network, grid: Grid) -> Network:
    """Return the network without the masts outside a grid, with a warning that counts them.

    A grid has a margin of the largest cell radius: cells of masts outside it reach nothing.

    Raises
    ------
    InvalidInputError
        No mast is left.
    """
    to_grid = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    masts = tuple(m for m in network.masts if _on(to_grid, grid, m.lat_deg, m.lon_deg))
    if len(masts) == len(network.masts):
        return network
    if not masts:
        raise InvalidInputError(
            f"none of the {len(network.masts)} masts is in the area with its margin, the first is "
            f"{_at(network.masts[0])}: check the area and the positions (latitude and longitude "
            "swapped?)"
        )
    kept = {mast.mast_id for mast in masts}
    dropped = len(network.masts) - len(masts)
    return Network(
        masts=masts,
        cells=tuple(cell for cell in network.cells if cell.mast_id in kept),
        assumptions=network.assumptions,
        warnings=(
            *network.warnings,
            f"{dropped} of {len(network.masts)} masts lie outside the area with its margin and "
            "were left out",
        ),
    )


def _on(to_grid: Transformer, grid: Grid, lat_deg: float, lon_deg: float) -> bool:
    if abs(lat_deg) > 90.0:
        return False
    return grid.contains(*to_grid.transform(lon_deg, lat_deg))


def _at(mast: Mast) -> str:
    return f"{mast.mast_id!r} ({mast.lat_deg:.5f}, {mast.lon_deg:.5f})"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
