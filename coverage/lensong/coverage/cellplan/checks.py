"""What looks odd in a network, and where its masts stand on the land."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import floor
from statistics import median

import numpy as np
from pyproj import Transformer

from lensong.coverage.cellplan.rows import CellRow
from lensong.coverage.network import AsRead, Carrier, Cell, Mast, Network, operator_key
from lensong.coverage.spectrum import overlap_mhz
from lensong.gis_data.land import Land
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import Grid

__all__ = [
    "check_on_land",
    "height_warnings",
    "load_warnings",
    "pci_notes",
    "power_warnings",
    "spectrum_warnings",
    "tilt_warnings",
    "twin_warnings",
    "within_land",
]

_MOST_TOTAL_DBM, _LEAST_TOTAL_DBM = 56.0, 25.0  # 400 W and 0.3 W
_MOST_PER_RE_DBM = 33.0
_LEAST_LOAD = 0.01
_LEAST_EIRP_DBM, _MOST_EIRP_DBM = 35.0, 85.0
_OUTSIDE = "its mast lies outside the area with its margin"
_UNKNOWN = "there is no elevation where its mast stands"
_NAMED = 5  # masts or cells named in a message before "and n more"


def height_warnings(rows: Sequence[CellRow], height_unit: str, column: str = "") -> list[str]:
    """Return a warning where heights look like feet taken as metres, or the other way round.

    ``column`` is what the file calls them.
    """
    heights = [row.height_agl_m for row in rows if row.height_agl_m is not None]
    if not heights:
        return []
    middle = median(heights)
    named = f" (column {column!r})" if column else ""
    if middle > 150.0:
        return [
            f"half of the antennas are above {middle:.0f} m{named}: if the column holds heights "
            "above sea level, leave it out; wanted are heights above ground"
        ]
    if height_unit == "m" and middle > 60.0:
        return [
            f"half of the antennas are above {middle:.0f} m{named}: if the heights are in feet, "
            'set network.height_unit = "ft"'
        ]
    if height_unit == "ft" and middle < 6.0:
        return [
            f"half of the antennas are below {middle:.1f} m{named}: if the heights are in metres, "
            'set network.height_unit = "m"'
        ]
    return []


def power_warnings(rows: Sequence[CellRow], columns: Mapping[str, str]) -> list[str]:
    """Return warnings where powers are of a size that another kind or unit of power has.

    Parameters
    ----------
    rows : sequence of CellRow
    columns : dict
        Field to the file's column, for the messages.
    """
    warnings = []

    def told(name: str, values: list[float], odd: list[float], what: str, keys: str) -> None:
        if odd:
            column = columns.get(name, name)
            shown = ", ".join(f"{value:g}" for value in sorted(set(odd))[:5])
            warnings.append(
                f"{len(odd)} of {len(values)} powers in column {column!r} are {what} ({shown} dBm "
                f"as read): {keys.replace('COLUMN', column)}"
            )

    totals = [row.total_power_dbm for row in rows if row.total_power_dbm is not None]
    per_re = [row.rs_power_dbm for row in rows if row.rs_power_dbm is not None]
    eirps = [row.eirp_dbm for row in rows if row.eirp_dbm is not None]
    told(
        "total_power_dbm", totals, [p for p in totals if p > _MOST_TOTAL_DBM],
        "more than a carrier has at its transmitter",
        'if they hold EIRP, set eirp_dbm = "COLUMN" in [network.columns]; if watts, total_power_w',
    )  # fmt: skip
    told(
        "total_power_dbm", totals, [p for p in totals if p < _LEAST_TOTAL_DBM],
        "less than the carrier of a mast has",
        'if they are watts, set total_power_w = "COLUMN" in [network.columns]; if they are of a '
        'reference signal, set network.power = "per_re"',
    )  # fmt: skip
    told(
        "rs_power_dbm", per_re, [p for p in per_re if p > _MOST_PER_RE_DBM],
        "more than a resource element has", 'if of the whole carrier, set network.power = "total"',
    )  # fmt: skip
    told(
        "eirp_dbm", eirps, [p for p in eirps if not _LEAST_EIRP_DBM <= p <= _MOST_EIRP_DBM],
        "no EIRP of a mast's carrier", "if they are watts, set eirp_w in [network.columns]; if at "
        'the transmitter, total_power_dbm = "COLUMN"',
    )  # fmt: skip
    return warnings


def tilt_warnings(rows: Sequence[CellRow], columns: Mapping[str, str]) -> list[str]:
    """Return warnings on tilts that point up, by the file's column."""
    warnings = []
    for name, key in (
        ("mechanical_downtilt_deg", "mechanical_uptilt_deg"),
        ("electrical_downtilt_deg", "electrical_uptilt_deg"),
    ):
        tilts = [tilt for row in rows if (tilt := getattr(row, name)) is not None]
        up = [tilt for tilt in tilts if tilt < 0.0]
        column = columns.get(name) or columns.get("total_downtilt_deg", name)
        if up:
            warnings.append(
                f"{len(up)} of {len(tilts)} tilts in column {column!r} are negative, which is "
                f"upward here (first {up[0]:g} deg): if the list counts downtilts so, set "
                f'{key} = "{column}" in [network.columns]'
            )
    return warnings


def load_warnings(rows: Sequence[CellRow], named: Mapping[str, str]) -> list[str]:
    """Return a warning on loads below 1 %: shares of 1 among percentages."""
    loads = [(row, row.downlink_load) for row in rows if row.downlink_load is not None]
    low = [(row, load) for row, load in loads if 0.0 < load < _LEAST_LOAD]
    if not low:
        return []
    row, load = low[0]
    return [
        f"{len(low)} of {len(loads)} loads in column {named.get('downlink_load', '')!r} are below "
        f"1 % as read ({row.where}: {load:.2%}), for loads above 1 in it are percentages: if these "
        "are shares of 1, write all of them alike"
    ]


def twin_warnings(cells: Sequence[Cell]) -> list[str]:
    """Return a warning on cells of different ids in one place, direction and carrier."""
    together: dict[tuple[object, ...], list[str]] = {}
    for cell in cells:
        if "azimuth_deg" not in cell.assumed:
            key = (
                cell.mast_id, operator_key(cell.operator), cell.carrier.name, cell.azimuth_deg,
                cell.height_agl_m,
            )  # fmt: skip
            together.setdefault(key, []).append(cell.cell_id)
    twins = [" and ".join(ids) for ids in together.values() if len(ids) > 1]
    if not twins:
        return []
    return [
        f"{len(twins)} groups of cells share mast, height, azimuth and carrier and disturb each "
        f"other: {_some(twins)}: if they are one cell, remove the doubled rows"
    ]


def spectrum_warnings(cells: Sequence[Cell]) -> list[str]:
    """Return warnings on carriers of one operator that share spectrum.

    4G and 5G in one block are taken as sharing it by agreement; two carriers of one technology on
    one mast and azimuth are more likely a mistake of the list.
    """
    carriers: dict[tuple[str, str], Carrier] = {}
    sectors: dict[tuple[str, str, float], dict[str, Cell]] = {}
    for cell in cells:
        carriers.setdefault(
            (cell.operator, cell.carrier.name + cell.carrier.technology), cell.carrier
        )
        on_mast = sectors.setdefault((cell.operator, cell.mast_id, cell.azimuth_deg), {})
        on_mast.setdefault(cell.carrier.name, cell)
    shared = [
        f"{one[0] or 'the operator'}: {a.technology} {a.name} and {b.technology} {b.name}"
        for (one, a), (other, b) in combinations(carriers.items(), 2)
        if one[0] == other[0] and a.technology != b.technology and overlap_mhz(a, b) > 0.0
    ]
    clashes = [
        f"{a.cell_id} and {b.cell_id} ({overlap_mhz(a.carrier, b.carrier):.1f} MHz)"
        for on_mast in sectors.values()
        for a, b in combinations(on_mast.values(), 2)
        if a.carrier.technology == b.carrier.technology and overlap_mhz(a.carrier, b.carrier) > 0.0
    ]
    warnings = []
    if shared:
        warnings.append(
            f"4G and 5G lie in one spectrum ({_some(shared)}): they are taken to share it by "
            "agreement (dynamic spectrum sharing) and not to disturb each other"
        )
    if clashes:
        warnings.append(
            f"{len(clashes)} pairs of cells on one mast and azimuth share spectrum and disturb "
            f"each other: {_some(clashes)}: check their channels and bandwidths"
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
    """Return warnings on masts that stand in water; refuse masts outside the grid or in a void.

    Raises
    ------
    InvalidInputError
        A mast lies outside the land that was read (the message says whether latitude and
        longitude seem swapped), or where it has no elevation.
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
    wet, unknown = [], []
    for mast in network.masts:
        row, col = _row_col(to_grid, land.grid, mast)
        if _without_ground(row, col, land):
            unknown.append(_at(mast))
        elif land.water is not None and land.water[floor(row + 0.5), floor(col + 0.5)]:
            wet.append(_at(mast))
    if unknown:
        raise InvalidInputError(
            f"{len(unknown)} of {len(network.masts)} masts stand where there is no elevation "
            f"(pixels of {land.grid.cell_m:g} m): {_some(unknown)}: add the missing elevation, "
            "fill the void (elevation.fill_voids), correct their positions or remove them"
        )
    if not wet:
        return []
    return [
        f"{len(wet)} masts stand on open water by the land cover: {_some(wet)}: check positions"
    ]


def within_land(network: Network, land: Land) -> Network:
    """Return the network without the masts that the land does not hold, with warnings of them.

    A grid has a margin of the largest cell radius: cells of masts outside it reach nothing. From
    a mast that stands where there is no elevation nothing can be computed.

    Raises
    ------
    InvalidInputError
        No mast is left.
    """
    to_grid = Transformer.from_crs("EPSG:4326", land.grid.crs, always_xy=True)
    outside, unknown, kept = [], [], []
    on = _all_on(to_grid, land.grid, network.masts)
    for mast, inside in zip(network.masts, on, strict=True):
        if not inside:
            outside.append(mast)
        elif _without_ground(*_row_col(to_grid, land.grid, mast), land):
            unknown.append(mast)
        else:
            kept.append(mast)
    if not outside and not unknown:
        return network
    count = len(network.masts)
    if not kept:
        raise InvalidInputError(
            f"none of the {count} masts is in the area with its margin and on known ground, the "
            f"first is {_at(network.masts[0])}: check the area, the elevation and the positions "
            "(latitude and longitude swapped?)"
        )
    warnings = []
    if outside:
        warnings.append(
            f"{len(outside)} of {count} masts lie outside the area with its margin and were left "
            "out"
        )
    if unknown:
        warnings.append(
            f"{len(unknown)} of {count} masts stand where there is no elevation and were left "
            f"out: {_some([_at(m) for m in unknown])}"
        )
    why = dict.fromkeys((m.mast_id for m in outside), _OUTSIDE)
    why |= dict.fromkeys((m.mast_id for m in unknown), _UNKNOWN)
    return replace(
        network,
        masts=tuple(kept),
        cells=tuple(cell for cell in network.cells if cell.mast_id not in why),
        as_read=_without(
            network.as_read,
            {cell.cell_id: why[cell.mast_id] for cell in network.cells if cell.mast_id in why},
        ),
        warnings=(*network.warnings, *warnings),
    )


def _without(entries: Sequence[AsRead], why: Mapping[str, str]) -> tuple[AsRead, ...]:
    """Return the account with the rows left out whose cells are no longer there.

    Rows on end for one reason are told as one: of a country's list those of all other provinces.
    """
    told: list[AsRead] = []
    gone: list[AsRead] = []

    def end() -> None:
        if gone:
            where = f"{gone[0].where} to {gone[-1].where}"
            one = replace(gone[0], where=where, cells=(), rows=len(gone))
            told.append(gone[0] if len(gone) == 1 else one)
            gone.clear()

    for entry in entries:
        reason = why.get(entry.cells[0]) if entry.cells else None
        if reason is None:
            end()
            told.append(entry)
        elif not gone or gone[-1].where != entry.where:
            if gone and gone[-1].why != reason:
                end()
            gone.append(AsRead(where=entry.where, fate="left out", why=reason, cells=entry.cells))
    end()
    return tuple(told)


def _row_col(to_grid: Transformer, grid: Grid, mast: Mast) -> tuple[float, float]:
    row, col = grid.row_col(*to_grid.transform(mast.lon_deg, mast.lat_deg))
    return float(row), float(col)


def _without_ground(row: float, col: float, land: Land) -> bool:
    return bool(np.isnan(land.ground_m[round(row), round(col)]))


def _all_on(to_grid: Transformer, grid: Grid, masts: Sequence[Mast]) -> list[bool]:
    """Return of each mast whether it stands on a grid; one by one a country's take long."""
    lat_deg = np.array([mast.lat_deg for mast in masts])
    lon_deg = np.array([mast.lon_deg for mast in masts])
    places = zip(*to_grid.transform(lon_deg, lat_deg), strict=True)
    return [
        abs(mast.lat_deg) <= 90.0 and grid.surrounds(float(x), float(y))
        for mast, (x, y) in zip(masts, places, strict=True)
    ]


def _on(to_grid: Transformer, grid: Grid, lat_deg: float, lon_deg: float) -> bool:
    if abs(lat_deg) > 90.0:
        return False
    return grid.surrounds(*to_grid.transform(lon_deg, lat_deg))


def _at(mast: Mast) -> str:
    return f"{mast.mast_id!r} ({mast.lat_deg:.5f}, {mast.lon_deg:.5f})"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
