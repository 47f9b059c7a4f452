"""The figures of an upload, wherever they stand: in a count, a measurement, a piece of evidence."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

__all__ = ["FIGURE_NAMES", "UplinkFigures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkFigures:
    """What an upload over some seconds showed; None is "not known" and never zero.

    Parameters
    ----------
    uplink_p10_bps, uplink_p50_bps : float, optional
        10th percentile and median over bins of one second after the first 3 s [bit/s].
    burst_only : bool
        The first seconds were much faster than the last ones.
    rate_limited : bool
        The sender kept to an agreed rate: the link carries at least this much.
    rtt_idle_ms, rtt_loaded_ms, jitter_ms : float, optional
        Round trip before and during the upload, and its mean change from probe to probe [ms].
    loss_ratio : float, optional
        Packets lost on the way up, 0..1, only where it was really measured.
    """

    uplink_p10_bps: float | None = None
    uplink_p50_bps: float | None = None
    burst_only: bool = False
    rate_limited: bool = False
    rtt_idle_ms: float | None = None
    rtt_loaded_ms: float | None = None
    jitter_ms: float | None = None
    loss_ratio: float | None = None

    def figures(self) -> dict[str, Any]:
        """Return these figures alone by name, for another record that holds them."""
        return {name: getattr(self, name) for name in FIGURE_NAMES}


FIGURE_NAMES: tuple[str, ...] = tuple(field.name for field in fields(UplinkFigures))
"""Names of the figures, in their order."""
