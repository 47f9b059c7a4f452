"""Power of a carrier from what a plan states: of the whole carrier or per resource element."""

from __future__ import annotations

from lensong.coverage.cellplan.rows import CellRow
from lensong.coverage.network import Carrier, resource_element_share_db
from lensong.propagation.errors import InvalidInputError

__all__ = ["total_power_dbm"]

TOLERANCE_DB = 1.0
"""Two statements of one power may differ by this: plans round to whole decibels."""


def total_power_dbm(row: CellRow, carrier: Carrier) -> float | None:
    """Return the power of the whole carrier at the transmitter output [dBm]; None is unsaid.

    ``total = reference signal + 10 log10(12 N_RB) - boost``.

    Raises
    ------
    InvalidInputError
        The column does not say which of the two powers it is (the message works out both), or
        both are given and contradict each other.
    """
    share_db = resource_element_share_db(carrier)
    boost_db = row.reference_signal_boost_db or 0.0
    if row.total_power_dbm is None and row.rs_power_dbm is None:
        if row.power_dbm is None:
            return None
        value = row.power_dbm
        raise InvalidInputError(
            f"{row.where} (cell {row.cell_id!r}) has power {value:g} dBm and the column does not "
            f'say of what. Set network.power = "total" (whole carrier: {value:g} dBm, '
            f"{value - share_db + boost_db:.1f} dBm per resource element) or network.power = "
            f'"per_re" (reference signal: {value:g} dBm per resource element, '
            f"{value + share_db - boost_db:.1f} dBm for the whole carrier of "
            f"{carrier.bandwidth_mhz:g} MHz)"
        )
    if row.rs_power_dbm is None:
        return row.total_power_dbm
    total = row.rs_power_dbm + share_db - boost_db
    if row.total_power_dbm is None:
        return total
    if abs(total - row.total_power_dbm) > TOLERANCE_DB:
        raise InvalidInputError(
            f"{row.where}: cell {row.cell_id!r} has a total power of {row.total_power_dbm:g} dBm, "
            f"but its reference signal of {row.rs_power_dbm:g} dBm and {boost_db:g} dB boost means "
            f"{total:.1f} dBm on {carrier.resource_blocks} resource blocks: correct one or choose "
            'by network.power = "total" or "per_re"'
        )
    return row.total_power_dbm
