"""Changes of one mast that might mend a gap, each as an engineer would try it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lensong.coverage.antenna import gain_dbi
from lensong.coverage.cellplan.carriers import parse_carrier
from lensong.coverage.network import Carrier, Cell, Mast, Network, Technology, operator_key

__all__ = [
    "CHANGES",
    "HIGHER_M",
    "STRONGER_DB",
    "Change",
    "changes_of_mast",
    "edited",
    "second_carrier",
]

HIGHER_M = 10.0
STRONGER_DB = 2.0
_LOW_BAND_MHZ = 1000.0
_TILTS_DEG = range(-5, 16)
_HIGHEST_M, _STRONGEST_DBM = 3000.0, 80.0  # what a mast and a cell may be

CHANGES = (
    "higher_mast",
    "more_power",
    "other_tilt",
    "other_azimuth",
    "second_carrier",
    "other_band",
    "fdd",
    "new_mast",
)
"""Keys of the changes, in the order of the table."""

_CATALOGUE: dict[Technology, tuple[str, str]] = {
    "4G": ("4G B28 10 MHz", "4G B3 20 MHz"),
    "5G": ("5G n28 20 MHz", "5G n78 100 MHz"),
}
"""Below 1 GHz and above: what is tried where the operator's own network has no such carrier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A mast and its cells after a change.

    Parameters
    ----------
    key : str
        Of `CHANGES`.
    before, after : str
        What was and what is, as an engineer writes it: ``"30 m"``, ``"6 deg down"``, the name of a
        carrier.
    mast : Mast
    cells : tuple of Cell
        Those that the mast had, as they are now.
    added : tuple of Cell
        New ones.
    """

    key: str
    before: str
    after: str
    mast: Mast
    cells: tuple[Cell, ...]
    added: tuple[Cell, ...] = field(default=())

    @property
    def nothing(self) -> bool:
        """Return whether everything stays as it was."""
        return self.before == self.after


def edited(network: Network, change: Change) -> Network:
    """Return a network after a change; a mast that it lacks is a new one."""
    cells = {cell.cell_id: cell for cell in change.cells}
    masts = [change.mast if m.mast_id == change.mast.mast_id else m for m in network.masts]
    if change.mast.mast_id not in {m.mast_id for m in network.masts}:
        masts.append(change.mast)
    return replace(
        network,
        masts=tuple(masts),
        cells=(*(cells.get(cell.cell_id, cell) for cell in network.cells), *change.added),
    )


def changes_of_mast(
    network: Network,
    serving: Cell,
    *,
    azimuth_deg: float,
    elevation_deg: float,
    technologies: Sequence[Technology],
) -> Iterator[Change]:
    """Yield the changes of the serving cell's mast, in the order of `CHANGES`.

    Parameters
    ----------
    network : Network
    serving : Cell
        The one that the place is explained by.
    azimuth_deg, elevation_deg : float
        From its mast toward the place, clockwise from true north and above the horizontal.
    technologies : sequence
        That may carry the service.

    Notes
    -----
    Height is that of every antenna of the mast; power, tilt, azimuth, band and duplex are those of
    the one cell. The best tilt and azimuth are those, to a whole degree, whose gain toward the
    place is greatest, the present one where none is better by 0.05 dB.
    """
    mast = network.mast(serving.mast_id)
    cells = tuple(cell for cell in network.cells if cell.mast_id == mast.mast_id)

    def with_cell(key: str, before: str, after: str, cell: Cell) -> Change:
        changed = tuple(cell if c.cell_id == cell.cell_id else c for c in cells)
        return Change(key=key, before=before, after=after, mast=mast, cells=changed)

    higher = (
        tuple(replace(c, height_agl_m=c.height_agl_m + HIGHER_M) for c in cells)
        if all(c.height_agl_m + HIGHER_M <= _HIGHEST_M for c in cells)
        else ()
    )
    if higher:
        yield Change(
            key="higher_mast",
            before=f"{serving.height_agl_m:g} m",
            after=f"{serving.height_agl_m + HIGHER_M:g} m",
            mast=replace(mast, height_agl_m=min(mast.height_agl_m + HIGHER_M, _HIGHEST_M)),
            cells=higher,
        )
    power = serving.total_power_dbm + STRONGER_DB
    if power <= _STRONGEST_DBM:
        yield with_cell(
            "more_power",
            f"{serving.total_power_dbm:g} dBm",
            f"{power:g} dBm",
            replace(serving, total_power_dbm=power),
        )

    def gain(azimuth: float, tilt: float) -> float:
        return float(
            gain_dbi(
                serving.antenna,
                azimuth_deg=azimuth_deg,
                elevation_deg=elevation_deg,
                boresight_azimuth_deg=azimuth,
                mechanical_downtilt_deg=tilt,
            )
        )

    now_azimuth, now_tilt = serving.azimuth_deg, serving.mechanical_downtilt_deg
    now = gain(now_azimuth, now_tilt) + 0.05
    tilts = [float(t) for t in _TILTS_DEG]
    by_tilt = [gain(now_azimuth, t) for t in tilts]
    tilt = tilts[int(np.argmax(by_tilt))] if max(by_tilt) > now else now_tilt
    yield with_cell(
        "other_tilt",
        _tilt_text(now_tilt),
        _tilt_text(tilt),
        replace(serving, mechanical_downtilt_deg=tilt),
    )
    turns = [float(a) for a in range(360)]
    by_turn = [gain(a, now_tilt) for a in turns]
    azimuth = turns[int(np.argmax(by_turn))] if max(by_turn) > now else now_azimuth
    yield with_cell(
        "other_azimuth",
        f"{now_azimuth:g} deg",
        f"{azimuth:g} deg",
        replace(serving, azimuth_deg=azimuth),
    )
    yield second_carrier(network, serving, technologies)
    other = _other_band(network, serving)
    yield with_cell("other_band", serving.carrier.name, other.name, on_carrier(serving, other))
    if serving.carrier.duplex == "TDD":
        fdd = replace(serving.carrier, duplex="FDD", uplink_share=1.0, downlink_share=1.0)
        yield with_cell("fdd", "TDD", "FDD", replace(serving, carrier=fdd))


def second_carrier(network: Network, serving: Cell, technologies: Sequence[Technology]) -> Change:
    """Return the change by which a cell gets a carrier beside its own."""
    mast = network.mast(serving.mast_id)
    cells = tuple(cell for cell in network.cells if cell.mast_id == mast.mast_id)
    second = _second_carrier(network, serving, cells, technologies)
    return Change(
        key="second_carrier",
        before=serving.carrier.name,
        after=f"{serving.carrier.name} + {second.name}",
        mast=mast,
        cells=cells,
        added=(replace(on_carrier(serving, second), cell_id=_free_id(network, serving.cell_id)),),
    )


def _tilt_text(tilt_deg: float) -> str:
    return f"{abs(tilt_deg):g} deg {'up' if tilt_deg < 0.0 else 'down'}"


def on_carrier(cell: Cell, carrier: Carrier) -> Cell:
    """Return a cell on another carrier, granted the same share of its resource blocks."""
    share = cell.granted_uplink_resource_blocks / cell.carrier.resource_blocks
    return replace(
        cell,
        carrier=carrier,
        granted_uplink_resource_blocks=max(1, round(share * carrier.resource_blocks)),
    )


def _free_id(network: Network, like: str) -> str:
    taken = {cell.cell_id for cell in network.cells}
    number = 2
    while f"{like}/{number}" in taken:
        number += 1
    return f"{like}/{number}"


def _own_carriers(network: Network, serving: Cell, technologies: Sequence[str]) -> list[Carrier]:
    """Return the carriers of the serving cell's operator, the lowest first."""
    key = operator_key(serving.operator)
    found = {
        _same(cell.carrier): cell.carrier
        for cell in network.cells
        if operator_key(cell.operator) == key and cell.carrier.technology in technologies
    }
    return sorted(found.values(), key=lambda c: (c.downlink_freq_mhz, c.technology, c.name))


def _same(carrier: Carrier) -> tuple[object, ...]:
    return (carrier.technology, round(carrier.downlink_freq_mhz, 3), carrier.bandwidth_mhz)


def _second_carrier(
    network: Network, serving: Cell, cells: Sequence[Cell], technologies: Sequence[Technology]
) -> Carrier:
    """Return the operator's lowest carrier that its cells on the mast lack, else a usual one."""
    key = operator_key(serving.operator)
    there = {_same(c.carrier) for c in cells if operator_key(c.operator) == key}
    own = [c for c in _own_carriers(network, serving, technologies) if _same(c) not in there]
    usual = [parse_carrier(text) for text in _CATALOGUE[serving.carrier.technology]]
    return next(c for c in [*own, *usual, serving.carrier] if _same(c) not in there or c in usual)


def _other_band(network: Network, serving: Cell) -> Carrier:
    """Return the operator's lowest carrier on the other side of 1 GHz, else a usual one."""
    technology = serving.carrier.technology
    low = serving.carrier.downlink_freq_mhz >= _LOW_BAND_MHZ
    for carrier in _own_carriers(network, serving, [technology]):
        if (carrier.downlink_freq_mhz < _LOW_BAND_MHZ) == low:
            return carrier
    return parse_carrier(_CATALOGUE[technology][0 if low else 1])
