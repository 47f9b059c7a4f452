"""The page of a plan held against a drive test."""

from __future__ import annotations

import math
from itertools import groupby, pairwise
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from pyproj import Transformer

from lensong.coverage.drive.check import PlanCheck
from lensong.coverage.drive.matched import HOW
from lensong.coverage.layer_model import meridian_convergence_deg
from lensong.coverage.model_pages.comparison_page import BREAKS_DB, COLOURS, scale_bar
from lensong.coverage.model_pages.languages import in_svg
from lensong.coverage.model_pages.plots import Axis, Series, column_plot, dot_plot
from lensong.coverage.model_pages.validation_page import environment, page_style
from lensong.gis_data.hillshade import hillshade
from lensong.gis_data.pictures import palette_png_url
from lensong.propagation.types import FloatArray, UInt8Array

__all__ = ["render_plan_check"]

LEVEL_BREAKS_DBM = (-125.0, -115.0, -105.0, -95.0, -85.0)
LEVEL_COLOURS = ("#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725")
_ERROR, _MEASURED = "#7b3fa8", "#0b5cad"
_GREYS = [f"#{g:02x}{g:02x}{g:02x}" for g in np.linspace(130, 250, 255).astype(int).tolist()]
_LONGEST_PX = 900
_DOT_SHARE = 200  # a dot is this part of the picture
_MARGIN = 0.06


def render_plan_check(found: PlanCheck, *, measured_files: str, version: str) -> str:
    """Return the page as the text of one HTML file that asks nothing of any network.

    Parameters
    ----------
    found : PlanCheck
    measured_files : str
        Names of the logs.
    version : str
        Of lensong.
    """
    matched = found.matched
    return (
        environment()
        .get_template("plan_check.html")
        .render(
            found=found,
            matched=matched,
            scores=found.scores,
            entries=matched.measured_dbm.size,
            how=[
                (name, int(rows))
                for name, rows in zip(
                    HOW,
                    np.bincount(matched.how, weights=matched.rows, minlength=len(HOW)),
                    strict=True,
                )
                if rows
            ],
            files=measured_files,
            version=version,
            splits=[
                (split, list(groups))
                for split, groups in groupby(found.groups, key=lambda g: g.split)
            ],
            phones=list(zip(matched.phones, matched.phone_offset_db.tolist(), strict=True)),
            maps=_maps(found),
            plots=_plots(found),
            style=page_style(),
        )
    )


def _plots(found: PlanCheck) -> list[Markup]:
    matched = found.matched
    error, km = matched.censored_error_db, matched.distance_m / 1000.0
    return [
        dot_plot(
            [Series(name="check.series.measured", x=matched.predicted_dbm, y=matched.measured_dbm,
                    colour=_MEASURED)],
            Axis(title="check.plot.predicted"),
            Axis(title="check.plot.measured"),
        ),
        column_plot(
            error,
            Axis(title="check.plot.error.plan"),
            step=1.0,
            lines=[(float(np.mean(error)), in_svg("check.plot.mean", mean=float(np.mean(error))))],
        ),
        dot_plot(
            [Series(name="check.series.error", x=km, y=error, colour=_ERROR)],
            Axis(title="check.plot.distance", log=True),
            Axis(title="check.plot.error"),
            zero_line=True,
        ),
        dot_plot(
            [Series(name="check.series.error", x=matched.diffraction_angle_deg, y=error,
                    colour=_ERROR)],
            Axis(title="check.plot.diffraction"),
            Axis(title="check.plot.error"),
            zero_line=True,
        ),
    ]  # fmt: skip


def _maps(found: PlanCheck) -> list[dict[str, Any]]:
    window = _window(found)
    land = found.land
    rows, cols = window[0].stop - window[0].start, window[1].stop - window[1].start
    step = max(1, math.ceil(max(rows, cols) / _LONGEST_PX))
    shade = hillshade(land.ground_m[window], land.grid.cell_m)[::step, ::step]
    base = palette_png_url(np.ascontiguousarray(shade), _GREYS)
    overlay = _overlay(found, window)
    matched = found.matched
    levels = _legend(LEVEL_BREAKS_DBM, LEVEL_COLOURS, "dBm")
    return [
        {
            "title": title,
            "base": base,
            "picture": palette_png_url(
                _dots(found, values, breaks, window)[::step, ::step].copy(), list(colours)
            ),
            "overlay": overlay,
            "legend": legend,
        }
        for title, values, breaks, colours, legend in (
            ("check.map.error", matched.censored_error_db, BREAKS_DB, COLOURS,
             _legend(BREAKS_DB, COLOURS, "dB")),
            ("check.map.measured", matched.measured_dbm, LEVEL_BREAKS_DBM, LEVEL_COLOURS, levels),
            ("check.map.predicted", matched.predicted_dbm, LEVEL_BREAKS_DBM, LEVEL_COLOURS, levels),
        )
    ]  # fmt: skip


def _window(found: PlanCheck) -> tuple[slice, slice]:
    """Return the part of the grid with the measurements and the masts that they heard."""
    grid = found.land.grid
    row = [found.matched.grid_row.astype(np.float64)]
    col = [found.matched.grid_col.astype(np.float64)]
    for _, mast_row, mast_col in _masts(found):
        row.append(np.array([mast_row]))
        col.append(np.array([mast_col]))
    rows, cols = np.concatenate(row), np.concatenate(col)
    pad = max(10.0, _MARGIN * max(float(np.ptp(rows)), float(np.ptp(cols))))
    return (
        slice(max(0, int(rows.min() - pad)), min(grid.rows, int(rows.max() + pad) + 1)),
        slice(max(0, int(cols.min() - pad)), min(grid.cols, int(cols.max() + pad) + 1)),
    )


def _dots(
    found: PlanCheck, values: FloatArray, breaks: tuple[float, ...], window: tuple[slice, slice]
) -> UInt8Array:
    """Return the palette index of each pixel's value as a square dot, 0 where there is none."""
    top, left = window[0].start, window[1].start
    shape = window[0].stop - top, window[1].stop - left
    half = max(shape) // _DOT_SHARE // 2
    out = np.zeros(shape, dtype=np.uint8)
    index = np.searchsorted(breaks, values, side="right") + 1
    rows, cols = found.matched.grid_row - top, found.matched.grid_col - left
    for down in range(-half, half + 1):
        for right in range(-half, half + 1):
            i, j = np.clip(rows + down, 0, shape[0] - 1), np.clip(cols + right, 0, shape[1] - 1)
            out[i, j] = index
    return out


def _masts(found: PlanCheck) -> list[tuple[str, float, float]]:
    """Return the masts of the cells that were heard: id and place on the grid."""
    cells = found.network.cells
    heard = {cells[i].mast_id for i in np.unique(found.matched.cell)}
    heard |= {suspect.mast_id for suspect in found.suspects}
    to_grid = Transformer.from_crs("EPSG:4326", found.land.grid.crs, always_xy=True)
    return [
        (mast.mast_id, *found.land.grid.row_col(*to_grid.transform(mast.lon_deg, mast.lat_deg)))
        for mast in found.network.masts
        if mast.mast_id in heard
    ]


def _overlay(found: PlanCheck, window: tuple[slice, slice]) -> Markup:
    """Return masts, the directions of their cells and a scale bar, as SVG."""
    top, left = window[0].start, window[1].start
    rows, cols = window[0].stop - top, window[1].stop - left
    size = max(rows, cols) / 90.0
    turn = meridian_convergence_deg(found.land.grid.crs, found.network)
    odd = {cell_id: suspect for suspect in found.suspects for cell_id in suspect.cells}
    parts = []
    for mast_id, row, col in _masts(found):
        drawn = set()
        for cell in found.network.cells:
            if cell.mast_id != mast_id or not np.ptp(cell.antenna.horizontal_loss_db):
                continue
            suspect = odd.get(cell.cell_id)
            if suspect is None and cell.azimuth_deg in drawn:
                continue
            drawn.add(cell.azimuth_deg)
            colour = "#17212b" if suspect is None else "#c2185b"
            told = f"{cell.cell_id}: {cell.azimuth_deg:.0f}°"
            parts.append(_ray(row, col, cell.azimuth_deg - turn[mast_id], size, colour, told))
            if suspect is not None and not math.isnan(suspect.azimuth_deg):
                told = f"{cell.cell_id}: fits {suspect.azimuth_deg:.0f}°"
                angle = suspect.azimuth_deg - turn[mast_id]
                parts.append(_ray(row, col, angle, size, colour, told, dashed=True))
        parts.append(
            f'<path d="M{col:.1f} {row - size:.1f}l{size:.1f} {1.8 * size:.1f}h{-2 * size:.1f}z" '
            f'fill="#0b5cad" stroke="#fff" stroke-width="{size / 5:.2f}">'
            f"<title>{escape(mast_id)}</title></path>"
            f'<text x="{col + 1.3 * size:.1f}" y="{row + size:.1f}" font-size="{2.2 * size:.1f}" '
            f'style="fill:#17212b" stroke="#fff" paint-order="stroke" '
            f'stroke-width="{size / 1.5:.2f}">{escape(mast_id)}</text>'
        )
    parts.append(scale_bar(found.land.grid.cell_m, left, top + rows, cols, size))
    return Markup(
        f'<svg viewBox="{left - 0.5} {top - 0.5} {cols} {rows}" preserveAspectRatio="none" '
        f'aria-hidden="true">{"".join(parts)}</svg>'
    )


def _ray(
    row: float,
    col: float,
    grid_azimuth_deg: float,
    size: float,
    colour: str,
    told: str,
    *,
    dashed: bool = False,
) -> str:
    angle = math.radians(grid_azimuth_deg)
    length = 4.5 * size
    dash = f' stroke-dasharray="{size / 1.5:.2f}"' if dashed else ""
    return (
        f'<line x1="{col:.1f}" y1="{row:.1f}" x2="{col + length * math.sin(angle):.1f}" '
        f'y2="{row - length * math.cos(angle):.1f}" stroke="{colour}" '
        f'stroke-width="{size / 2.5:.2f}"{dash}><title>{escape(told)}</title></line>'
    )


def _legend(
    breaks: tuple[float, ...], colours: tuple[str, ...], unit: str
) -> list[tuple[str, str]]:
    def told(value: float) -> str:
        sign = "+" if value > 0 else "−" if value < 0 else ""
        return f"{sign}{abs(value):g}"

    words = [f"below {told(breaks[0])} {unit}"]
    words += [f"{told(low)} to {told(high)} {unit}" for low, high in pairwise(breaks)]
    words.append(f"{told(breaks[-1])} {unit} and more")
    return list(zip(colours, words, strict=True))
