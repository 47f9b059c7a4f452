"""A path as a figure: ground on the bent Earth, what stands on it, the ray and its Fresnel zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from lensong.coverage.figure_file import figure_file
from lensong.coverage.path.clearance import Clearance, ray_amsl_m
from lensong.coverage.path.line import Line
from lensong.coverage.path.study import PathStudy
from lensong.coverage.path.words import headline, sight_told
from lensong.propagation.diffraction import EARTH_RADIUS_KM
from lensong.propagation.profile import earth_bulge_m, fresnel_radius_m
from lensong.propagation.types import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["profile_figure", "study_figure"]

_GROUND, _TREES, _RAY, _ZONE, _EDGE = "#b8a58a", "#7fae7a", "#17212b", "#7fa8d1", "#a3123a"


def study_figure(
    study: PathStudy, *, form: Literal["svg", "png"], synthetic: bool = False
) -> bytes:
    """Return the figure of a path as the bytes of a file, the same for the same path.

    Parameters
    ----------
    study : PathStudy
    form : {"svg", "png"}
    synthetic : bool
        Say in the picture that the data are invented.
    """
    told = []
    for name, passes in (("median", study.median), ("low", study.low)):
        told.append(f"{name} k = {passes.k:.2f}")
        told += [f"  {part}" for part in sight_told(passes).split(", ")]
    told.append("")
    for loss in study.losses:
        value = f"{loss.path_loss_db:.1f} dB" if loss.known else "none"
        told.append(f"{loss.model.removeprefix('itu_r_'):<20.20}{value:>10}")
    if study.budget is not None:
        budget = study.budget
        told += ["", f"{'RSRP':<16}{budget.rsrp_dbm:>8.1f} dBm"]
        told += [f"{'SINR':<16}{budget.sinr_db:>8.1f} dB"]
        told += [f"{'downlink':<16}{budget.downlink_mbps:>8.1f} Mbit/s"]
        told += [f"{'uplink':<16}{budget.uplink_mbps:>8.1f} Mbit/s", ""]
        for margin in budget.services:
            said = f"short by {margin.short_db:.1f} dB" if margin.short_db > 0.0 else "holds"
            told += [margin.service, f"  {said}"]
            told += [f"  ({margin.limiting})"] if margin.short_db > 0.0 else []
    return profile_figure(
        study.line,
        study.median,
        study.low,
        freq_mhz=study.freq_mhz,
        title=headline(study),
        told=told,
        form=form,
        synthetic=synthetic,
    )


def profile_figure(
    line: Line,
    median: Clearance,
    low: Clearance,
    *,
    freq_mhz: float,
    title: str,
    told: list[str],
    form: Literal["svg", "png"],
    synthetic: bool = False,
) -> bytes:
    """Return the figure of a profile as the bytes of a file.

    Parameters
    ----------
    line : Line
    median, low : Clearance
    freq_mhz : float
        [MHz].
    title : str
    told : list of str
        Lines beside the profile.
    form : {"svg", "png"}
    synthetic : bool
    """

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.068, 0.205, 0.675, 0.7))
        _draw(axes, line, median, low, freq_mhz)
        figure.text(0.068, 0.945, title, fontsize=12.5, fontweight="bold", color=_RAY)
        figure.text(
            0.76, 0.885, "\n".join(told), va="top", family="DejaVu Sans Mono", fontsize=8.4,
            linespacing=1.45, color=_RAY,
        )  # fmt: skip

    mark = (0.985, 0.945) if synthetic else None
    return figure_file(draw, size_in=(11.0, 5.4), form=form, synthetic_at=mark)


def _draw(axes: Axes, line: Line, median: Clearance, low: Clearance, freq_mhz: float) -> None:
    d = line.surface_distance_m
    km = d / 1000.0
    bulge = _bulge(line, d, median.k)
    ground, surface = line.surface_ground_m + bulge, line.surface_amsl_m + bulge
    fine = np.linspace(0.0, line.path_m, 400)
    ray = ray_amsl_m(line, fine)
    radius = fresnel_radius_m(fine, line.path_m, freq_mhz=freq_mhz)
    bottom = float(min(ground.min(), (ray - radius).min()))
    top = float(max(surface.max(), (ray + radius).max()))
    room = 0.08 * max(top - bottom, 20.0)
    floor = bottom - room
    axes.fill_between(
        fine / 1000.0, ray - radius, ray + radius, color=_ZONE, alpha=0.4, lw=0,
        zorder=3,
        label="first Fresnel zone",
    )  # fmt: skip
    axes.plot(fine / 1000.0, ray - 0.6 * radius, color=_ZONE, lw=0.9, ls="--", label="0.6 of it")
    axes.fill_between(km, floor, ground, color=_GROUND, lw=0, label="ground, median k")
    if np.any(surface > ground + 0.01):
        axes.fill_between(km, ground, surface, color=_TREES, lw=0, label="trees and houses")
    axes.plot(
        km, line.surface_amsl_m + _bulge(line, d, low.k), color="#6b5a40", lw=0.9, ls=":",
        label=f"top at low k = {low.k:.2f}",
    )  # fmt: skip
    axes.plot(fine / 1000.0, ray, color=_RAY, lw=1.3, label="line between the antennas")
    for at_km, foot, head in (
        (0.0, line.samples.terrain_amsl_m[0], line.tx_amsl_m),
        (km[-1], line.samples.terrain_amsl_m[-1], line.rx_amsl_m),
    ):
        axes.plot([at_km, at_km], [foot, head], color=_RAY, lw=2.6, solid_capstyle="butt")
    _sight_lines(axes, line, median)
    _mark(axes, line, median)
    axes.set_xlim(0.0, km[-1])
    axes.set_ylim(floor, top + 2.2 * room)
    axes.set_xlabel(f"distance from {line.tx.name or 'the first end'} [km]")
    axes.set_ylabel("height above sea level, on the bent Earth [m]")
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.135), ncols=3, frameon=False, fontsize=8.4
    )


def _sight_lines(axes: Axes, line: Line, median: Clearance) -> None:
    """Draw what both ends see as their horizon, where the path is blocked."""
    for edge, at_m, head in (
        (median.tx_horizon, 0.0, line.tx_amsl_m),
        (median.rx_horizon, line.path_m, line.rx_amsl_m),
    ):
        if edge is not None:
            top = edge.ground_amsl_m + edge.clutter_m
            top += float(_bulge(line, np.array([edge.distance_m]), median.k)[0])
            axes.plot(
                [at_m / 1000.0, edge.distance_m / 1000.0],
                [head, top],
                color=_EDGE,
                lw=0.8,
                label="to the horizon of each end" if at_m == 0.0 else None,
            )


def _mark(axes: Axes, line: Line, median: Clearance) -> None:
    edge = median.edge
    at = np.array([edge.distance_m])
    top = float(edge.ground_amsl_m + edge.clutter_m + _bulge(line, at, median.k)[0])
    told = (
        f"{edge.above_line_m:.0f} m above the line"
        if edge.above_line_m >= 0.0
        else f"{edge.clearance_share:.1f} radii below the line"
    )
    axes.annotate(
        f"{edge.distance_m / 1000.0:.2f} km: {told}\n{edge.edge_loss_db:.1f} dB as an edge",
        (edge.distance_m / 1000.0, top),
        xytext=(edge.distance_m / 1000.0, 0.99),
        textcoords=("data", "axes fraction"),
        ha="right" if edge.distance_m > 0.5 * line.path_m else "left",
        va="top",
        zorder=5,
        fontsize=8.6,
        color=_EDGE,
        arrowprops={"arrowstyle": "-", "color": _EDGE, "lw": 0.8, "ls": ":"},
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )
    axes.plot([edge.distance_m / 1000.0], [top], marker="o", ms=5.5, color=_EDGE, zorder=6)


def _bulge(line: Line, distance_m: FloatArray, k: float) -> FloatArray:
    return earth_bulge_m(distance_m, line.path_m, effective_radius_m=1000.0 * k * EARTH_RADIUS_KM)
