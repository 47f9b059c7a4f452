"""Classes and colours of the map's layers: from a quantity to a palette index and back to words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.calibration.areas import WideFrom
from lensong.coverage.result import REASONS, PlanResult
from lensong.coverage.service import Service
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import UInt8Array

__all__ = [
    "BASIS_COLOURS",
    "CLASS_COLOURS",
    "DIFFERENCE_BREAKS_DB",
    "DIFFERENCE_COLOURS",
    "PROPOSAL_COLOURS",
    "RSRP_BREAKS_DBM",
    "TERM_COLOURS",
    "WIDE_COLOUR",
    "Legend",
    "LegendClass",
    "basis_legend",
    "cell_legend",
    "classify",
    "count_colours",
    "difference_legend",
    "field_legend",
    "interval_legend",
    "probability_legend",
    "rate_legend",
    "reason_legend",
    "rsrp_breaks_dbm",
    "rsrp_legend",
    "rsrq_legend",
    "server_indices",
    "servers_shown",
    "sinr_legend",
    "wide_from",
]

RSRP_BREAKS_DBM = (-124.0, -115.0, -105.0, -95.0, -85.0, -75.0)
"""Lower edges of the level classes; as in every layer, below the first nothing is drawn."""

CLASS_COLOURS = {
    "covered": "#00734f",
    "patchy": "#a85400",
    "no_signal": "#a3123a",
    "beyond_radius": "#59636e",
    "unknown": "#59636e",
}
"""Of villages by class, as on every map."""

PROPOSAL_COLOURS = {"open": "#ffd447", "built": "#00734f", "changed": "#7b2fb0"}
"""Of what a siting study chose, by whether it is in the network."""

DIFFERENCE_BREAKS_DB = (-20.0, -10.0, -5.0, -2.0, 2.0, 5.0, 10.0, 20.0)
DIFFERENCE_COLOURS = (
    *("#542788", "#8073ac", "#b2abd2", "#d8daeb", "#f7f7f7"),
    *("#fee0b6", "#fdb863", "#e08214", "#b35806"),
)
"""From much weaker to much stronger than what was to be expected; told apart without red and
green."""

BASIS_COLOURS = {"measured": "#0b3c73", "calibrated here": "#5aa0d8", "model only": "#e6ddc8"}
"""By what a level rests on; darker where it is better known."""

WIDE_COLOUR = "#3d2b56"
"""Of the hatching where a level is known no better than without a calibration."""

SINR_BREAKS_DB = (-6.0, -3.0, 0.0, 3.0, 7.0, 13.0, 20.0)
RSRQ_BREAKS_DB = (-20.0, -17.0, -15.0, -12.0, -10.0, -6.0)
DOWNLINK_BREAKS_MBPS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
UPLINK_BREAKS_MBPS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
NO_LOWER_END_DB = -400.0
"""Where a class of differences begins that has no lower end: pages show it as such."""

FIELD_BREAKS_DB = (NO_LOWER_END_DB, -6.0, -3.0, -1.0, 1.0, 3.0, 6.0)
INTERVAL_BREAKS_DB = (0.0, 4.0, 6.0, 8.0, 10.0, 12.0)
PROBABILITY_BREAKS_PERCENT = (5.0, 25.0, 50.0, 75.0, 95.0)

# From poor to good. Levels run as engineers expect them, the good end darker than the poor one, so
# that grey print tells the two apart; rates and probabilities grow in lightness throughout, so that
# they survive colour blindness and grey print.
_LEVELS = ("#d9352c", "#ef7d1a", "#f9d84a", "#c3d941", "#5fb548", "#0b4f26")
# Less than predicted brown, more green; the surer the darker.
_FIELD = ("#7b3f12", "#b8763a", "#e3c295", "#efefef", "#a9d8cf", "#4f9f92", "#0b564c")
_INTERVALS = ("#152f70", "#2465ab", "#2f9fc0", "#7fcdbb", "#d3eeb3", "#ffffd9")
_RATES = ("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725")
_PROBABILITIES = ("#ffffd9", "#d3eeb3", "#7fcdbb", "#2f9fc0", "#2465ab", "#152f70")
_REASON_COLOURS = {
    "terrain": "#7a4a21",
    "clutter": "#4f9d3a",
    "interference": "#7b3fa8",
    "uplink": "#1478b8",
    "capacity": "#d64a78",
    "distance": "#eaa01a",
    "no_cell": "#3d444d",
    "beyond_radius": "#9aa3ad",
    "void": "#c3b6a0",
}
TERM_COLOURS = {
    **{
        term: _REASON_COLOURS[term]
        for term in ("terrain", "clutter", "interference", "uplink", "distance")
    },
    "antenna": "#0f8f8f",
    "load": "#d64a78",
    "indoor": "#3d444d",
}
"""Of what a village lacks, by its main cause; those of reasons where they are the same."""

_SAME_RATE = 1.35  # a round break this near to a service's demand would only crowd the legend
_ROWS_AT_ONCE = 256
_GOLDEN_ANGLE_DEG = 137.508  # neighbouring masts get hues far apart, however many there are


@dataclass(frozen=True, slots=True, kw_only=True)
class LegendClass:
    """One colour of a legend.

    Parameters
    ----------
    colour : str
        ``"#rrggbb"``.
    low, high : float or None
        Range that it stands for, in the legend's unit; an open ``high`` is None.
    key : str
        Of a message, for classes that are words.
    text : str
        For classes that are names.
    services : tuple of str
        Services whose demand is the lower edge.
    """

    colour: str
    low: float | None = None
    high: float | None = None
    key: str = ""
    text: str = ""
    services: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the fields that are set."""
        fields = {
            "colour": self.colour,
            "low": self.low,
            "high": self.high,
            "key": self.key,
            "text": self.text,
            "services": list(self.services),
        }
        return {name: value for name, value in fields.items() if value not in (None, "", [])}


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """Unit and classes of a layer; class ``i`` has the palette index ``i + 1``, 0 is empty."""

    unit: str
    classes: tuple[LegendClass, ...]

    @property
    def colours(self) -> list[str]:
        """Return the palette."""
        return [c.colour for c in self.classes]

    @property
    def breaks(self) -> list[float]:
        """Return the lower edges of the classes that have one."""
        return [c.low for c in self.classes if c.low is not None]


def classify(values: NDArray[np.floating[Any]], legend: Legend) -> UInt8Array:
    """Return the palette index of each value; NaN and what lies below every class is 0.

    Parameters
    ----------
    values : any shape
        In the legend's unit.
    legend : Legend
        Of consecutive ranges.
    """
    index = np.zeros(values.shape, np.uint8)
    for edge in legend.breaks:  # a search in so few takes ten times as long
        index += values >= _least_from(edge, values.dtype)
    return index


def _least_from(edge: float, dtype: np.dtype[Any]) -> Any:
    """Return the least number of a floating type that is not below an edge."""
    least = dtype.type(edge)
    return np.nextafter(least, dtype.type(np.inf)) if float(least) < edge else least


def rsrp_breaks_dbm(settings: dict[str, Any]) -> tuple[float, ...]:
    """Return the level thresholds: the scenario's ``report.rsrp_dbm``, or the usual ones."""
    report = settings.get("report")
    chosen = report.get("rsrp_dbm") if isinstance(report, dict) else None
    return tuple(chosen) if chosen else RSRP_BREAKS_DBM


def rsrp_legend(breaks_dbm: Sequence[float] = RSRP_BREAKS_DBM) -> Legend:
    """Return the legend of the received level, red to green.

    Raises
    ------
    InvalidInputError
        The thresholds do not rise, or are too many to tell apart.
    """
    edges = sorted(float(b) for b in breaks_dbm)
    if not 2 <= len(edges) <= 12 or len(set(edges)) != len(edges):
        raise InvalidInputError(
            f"level thresholds are {list(breaks_dbm)}, wanted 2 to 12 different values in dBm"
        )
    return _ranges("dBm", edges, _LEVELS)


def sinr_legend() -> Legend:
    """Return the legend of signal to interference and noise, red to green."""
    return _ranges("dB", SINR_BREAKS_DB, _LEVELS)


def rsrq_legend() -> Legend:
    """Return the legend of the reference signal received quality, red to green."""
    return _ranges("dB", RSRQ_BREAKS_DB, _LEVELS)


def wide_from(result: PlanResult) -> WideFrom:
    """Return from when on the level of a calibrated plan is hatched on its maps."""
    return WideFrom.of(result.level_sigma_db, min(rsrp_breaks_dbm(result.settings)))


def difference_legend() -> Legend:
    """Return the legend of what is added to a level, or how far it is off: open at both ends."""
    edges = (None, *DIFFERENCE_BREAKS_DB, None)
    return Legend(
        unit="dB",
        classes=tuple(
            LegendClass(colour=colour, low=low, high=high)
            for colour, low, high in zip(DIFFERENCE_COLOURS, edges, edges[1:], strict=False)
        ),
    )


def basis_legend() -> Legend:
    """Return the legend of what levels rest on, in the order of the codes from 1."""
    return Legend(
        unit="",
        classes=tuple(
            LegendClass(colour=colour, key=f"basis.{name.replace(' ', '_')}")
            for name, colour in BASIS_COLOURS.items()
        ),
    )


def count_colours(most: int) -> list[str]:
    """Return a colour for each number from 1 to ``most``, the fewest darkest."""
    return _sampled(_RATES, max(most, 2))[:most]


def field_legend() -> Legend:
    """Return the classes of what the residual field of a calibration adds to levels."""
    return _ranges("dB", FIELD_BREAKS_DB, _FIELD)


def interval_legend() -> Legend:
    """Return the classes of half of the interval that holds 90 % of levels."""
    return _ranges("dB", INTERVAL_BREAKS_DB, _INTERVALS)


def rate_legend(services: Sequence[Service], direction: str) -> Legend:
    """Return the legend of a rate whose thresholds include what each service needs.

    Parameters
    ----------
    services : sequence of Service
        Those with a demand of 0 in this direction are left out.
    direction : {"downlink", "uplink"}
    """
    demands: dict[float, tuple[str, ...]] = {}
    for service in services:
        need = service.downlink_mbps if direction == "downlink" else service.uplink_mbps
        if need > 0.0:
            demands[need] = (*demands.get(need, ()), service.name)
    usual = DOWNLINK_BREAKS_MBPS if direction == "downlink" else UPLINK_BREAKS_MBPS
    edges = sorted(
        {*demands, *(b for b in usual if all(not _near(b, demand) for demand in demands))}
    )
    return _ranges("Mbit/s", edges, _RATES, services=demands)


def probability_legend(service: Service) -> Legend:
    """Return the legend of a service's probability [%], the demanded one being a threshold."""
    wanted = round(100.0 * service.probability, 3)
    edges = [b for b in PROBABILITY_BREAKS_PERCENT if abs(b - wanted) > 4.0] + [wanted]
    return _ranges("%", sorted(edges), _PROBABILITIES, services={wanted: (service.name,)})


def reason_legend() -> Legend:
    """Return the legend of what stands in a service's way.

    The codes of ``ServiceLayers.reason`` are its palette indices: 0, served, is empty.
    """
    return Legend(
        unit="",
        classes=tuple(
            LegendClass(colour=_REASON_COLOURS[name], key=f"reason.{name}") for name in REASONS[1:]
        ),
    )


def cell_legend(cells: Sequence[tuple[str, str]]) -> Legend:
    """Return a legend of cells: a hue per mast, a lightness per sector.

    Parameters
    ----------
    cells : sequence of (cell_id, mast_id)
        Those on the map; past the 255th a cell shares the colour of an earlier one, whose class
        then names both.
    """
    masts: dict[str, int] = {}
    sectors: dict[str, int] = {}
    classes: list[LegendClass] = []
    for cell_id, mast_id in cells[:255]:
        hue = masts.setdefault(mast_id, len(masts)) * _GOLDEN_ANGLE_DEG
        sector = sectors.get(mast_id, 0)
        sectors[mast_id] = sector + 1
        lightness = (0.42, 0.56, 0.70, 0.35, 0.63, 0.77)[sector % 6]
        classes.append(LegendClass(colour=_hsl(hue, 0.62, lightness), text=cell_id))
    for place, (cell_id, _) in enumerate(cells[255:]):
        shared = classes[place % 255]
        classes[place % 255] = replace(shared, text=f"{shared.text} / {cell_id}")
    return Legend(unit="", classes=tuple(classes))


def servers_shown(
    best_server: NDArray[np.int16],
    rsrp_dbm: NDArray[np.floating[Any]] | None = None,
    floor_dbm: float = -np.inf,
) -> list[int]:
    """Return the indices of all cells that serve somewhere, in their order.

    Parameters
    ----------
    best_server : shape (rows, cols), int16
        Index of a cell, -1 none.
    rsrp_dbm : shape (rows, cols) or None
        Its level; where that is below ``floor_dbm`` or not known it does not count.
    """
    seen = np.zeros(2**15 + 1, dtype=np.bool_)  # the last entry is met by -1
    for begin in range(0, best_server.shape[0], _ROWS_AT_ONCE):
        rows = slice(begin, begin + _ROWS_AT_ONCE)
        part = best_server[rows]
        seen[part if rsrp_dbm is None else part[rsrp_dbm[rows] >= floor_dbm]] = True
    return [int(index) for index in np.flatnonzero(seen[:-1])]


def server_indices(best_server: NDArray[np.int16], shown: Sequence[int]) -> UInt8Array:
    """Return the palette index of each serving cell; those past the 255th repeat colours.

    Parameters
    ----------
    best_server : shape (rows, cols), int16
        Index of a cell, -1 none.
    shown : sequence of int
        Cell indices in the order of the legend.
    """
    table = np.zeros(max(shown, default=-1) + 2, np.uint8)  # the last entry is met by -1
    for place, cell in enumerate(shown):
        table[cell] = place % 255 + 1
    return np.asarray(table[best_server], dtype=np.uint8)


def _ranges(
    unit: str,
    edges: Sequence[float],
    ramp: Sequence[str],
    *,
    services: dict[float, tuple[str, ...]] | None = None,
) -> Legend:
    """Return a legend of consecutive ranges, the highest open; what lies below is not drawn."""
    highs: list[float | None] = [*edges[1:], None]
    classes = (
        LegendClass(colour=colour, low=low, high=high, services=(services or {}).get(low, ()))
        for colour, low, high in zip(_sampled(ramp, len(edges)), edges, highs, strict=True)
    )
    return Legend(unit=unit, classes=tuple(classes))


def _near(a: float, b: float) -> bool:
    return max(a, b) / min(a, b) < _SAME_RATE


def _sampled(ramp: Sequence[str], count: int) -> list[str]:
    """Return ``count`` colours evenly spaced along a ramp of anchor colours."""
    anchors = np.array([list(bytes.fromhex(c[1:])) for c in ramp], dtype=float)
    at = np.linspace(0.0, len(ramp) - 1.0, count)
    channels = [np.interp(at, np.arange(len(ramp)), anchors[:, k]) for k in range(3)]
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.rint(channels).astype(int).T]


def _hsl(hue_deg: float, saturation: float, lightness: float) -> str:
    chroma = saturation * min(lightness, 1.0 - lightness)

    def channel(offset: float) -> int:
        k = (offset + hue_deg / 30.0) % 12.0
        return round(255 * (lightness - chroma * max(-1.0, min(k - 3.0, 9.0 - k, 1.0))))

    return f"#{channel(0):02x}{channel(8):02x}{channel(4):02x}"
