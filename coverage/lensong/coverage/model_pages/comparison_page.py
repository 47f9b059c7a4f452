"""The page of a comparison: where models disagree, and on what kind of path."""

from __future__ import annotations

import math
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from pyproj import Transformer

from lensong.coverage.compare import Comparison, Difference
from lensong.coverage.model_pages.validation_page import environment, page_style
from lensong.coverage.report.legend import DIFFERENCE_BREAKS_DB, DIFFERENCE_COLOURS
from lensong.gis_data.hillshade import hillshade
from lensong.gis_data.pictures import palette_png_url
from lensong.propagation.types import Float32Array, Grid, UInt8Array

__all__ = [
    "BREAKS_DB",
    "COLOURS",
    "difference_classes",
    "difference_legend",
    "render_comparison",
    "scale_bar",
]

BREAKS_DB, COLOURS = DIFFERENCE_BREAKS_DB, DIFFERENCE_COLOURS
"""From much weaker to much stronger than the first model."""

_LONGEST_PX = 900
_GREYS = [f"#{g:02x}{g:02x}{g:02x}" for g in np.linspace(110, 250, 255).astype(int).tolist()]
_WORDS = {
    "beyond_radius": "beyond the radius",
    "unknown": "unknown, no elevation",
    "no_signal": "no signal",
    "patchy": "patchy",
    "covered": "covered",
}
_SPLITS = {
    "all": "",
    "path": "by what stands in the way (P.1812)",
    "distance": "by distance to the serving mast",
    "clutter": "by land cover",
}


def render_comparison(found: Comparison, *, version: str) -> str:
    """Return the page as the text of one HTML file that asks nothing of any network.

    Parameters
    ----------
    found : Comparison
    version : str
        Of lensong.
    """
    return (
        environment()
        .get_template("comparison.html")
        .render(
            found=found,
            first=found.models[0],
            summary=found.summary(),
            scores=() if found.measured is None else found.measured.scores,
            words=_WORDS,
            technologies=[tech.lower() for tech in found.first.layers],
            maps=_maps(found),
            tables=_tables(found),
            reasons=_reasons(found),
            changed=[_row(row) for row in _shown(found).to_dict("records")],
            legend=difference_legend(),
            version=version,
            style=page_style(),
        )
    )


def difference_legend() -> list[tuple[str, str]]:
    """Return colour and words of each class of the difference maps."""
    words = [f"below {_signed(BREAKS_DB[0])} dB"]
    words += [f"{_signed(low)} to {_signed(high)} dB" for low, high in pairwise(BREAKS_DB)]
    words.append(f"{_signed(BREAKS_DB[-1])} dB and more")
    return list(zip(COLOURS, words, strict=True))


def _signed(value: float) -> str:
    return f"+{value:g}" if value > 0 else f"−{-value:g}"


def _maps(found: Comparison) -> list[dict[str, Any]]:
    land = found.first.land
    window = _known_part(land.ground_m)
    shape = land.ground_m[window].shape
    step = max(1, math.ceil(max(shape) / _LONGEST_PX))
    shade = hillshade(land.ground_m[window], land.grid.cell_m)[::step, ::step]
    base = palette_png_url(np.ascontiguousarray(shade), _GREYS)
    overlay = _overlay(found, land.grid, window)
    return [
        {
            "technology": tech,
            "model": model,
            "base": base,
            "picture": palette_png_url(
                difference_classes(values[window][::step, ::step]), list(COLOURS)
            ),
            "overlay": overlay,
        }
        for (tech, model), values in found.maps_db.items()
    ]


def _known_part(ground_m: Float32Array) -> tuple[slice, slice]:
    """Return the smallest window of the grid with all known elevation."""
    known = np.isfinite(ground_m)
    rows, cols = np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(cols[0]), int(cols[-1]) + 1)


def difference_classes(values: Float32Array) -> UInt8Array:
    """Return the palette index of each difference [dB], 0 where there is none."""
    index = np.searchsorted(BREAKS_DB, np.nan_to_num(values), side="right") + 1
    return np.where(np.isnan(values), 0, index).astype(np.uint8)


def _overlay(found: Comparison, grid: Grid, window: tuple[slice, slice]) -> Markup:
    """Return villages, masts and a scale bar on a window of the grid, as SVG."""
    top, left = window[0].start, window[1].start
    rows, cols = window[0].stop - top, window[1].stop - left
    size = max(rows, cols) / 90.0
    parts = []
    places = found.first.villages
    for east, north, name, differs in zip(
        places["centre_easting_m"],
        places["centre_northing_m"],
        places["name"],
        found.villages["classes_differ"],
        strict=True,
    ):
        row, col = grid.row_col(float(east), float(north))
        fill = "#17212b" if differs else "#ffffff"
        parts.append(
            f'<circle cx="{col:.1f}" cy="{row:.1f}" r="{size:.1f}" fill="{fill}" '
            f'stroke="#17212b" stroke-width="{size / 4:.2f}"><title>{escape(name)}</title></circle>'
        )
    to_grid = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    for mast in found.first.network.masts:
        row, col = grid.row_col(*to_grid.transform(mast.lon_deg, mast.lat_deg))
        parts.append(
            f'<path d="M{col:.1f} {row - size:.1f}l{size:.1f} {1.8 * size:.1f}h{-2 * size:.1f}z" '
            f'fill="#0b5cad" stroke="#fff" stroke-width="{size / 5:.2f}">'
            f"<title>{escape(mast.name or mast.mast_id)}</title></path>"
        )
    parts.append(scale_bar(grid.cell_m, left, top + rows, cols, size))
    return Markup(
        f'<svg viewBox="{left - 0.5} {top - 0.5} {cols} {rows}" preserveAspectRatio="none" '
        f'aria-hidden="true">{"".join(parts)}</svg>'
    )


def scale_bar(cell_m: float, left: float, below: float, cols: int, size: float) -> str:
    """Return a scale bar as SVG, in cells from the lower left of a part of the grid."""
    third_m = cols * cell_m / 3.0
    magnitude = 10.0 ** math.floor(math.log10(third_m))
    length_m = max(m * magnitude for m in (1.0, 2.0, 5.0) if m * magnitude <= third_m)
    cells = length_m / cell_m
    label = f"{length_m / 1000.0:g} km" if length_m >= 1000.0 else f"{length_m:g} m"
    left, bottom = left + 2.0 * size, below - 3.0 * size
    return (
        f'<path d="M{left:.1f} {bottom - size:.1f}v{size:.1f}h{cells:.1f}v{-size:.1f}" fill="none" '
        f'stroke="#17212b" stroke-width="{size / 2:.2f}"/>'
        f'<text x="{left + cells / 2:.1f}" y="{bottom - 0.6 * size:.1f}" text-anchor="middle" '
        f'font-size="{2.6 * size:.1f}" fill="#17212b" stroke="#fff" paint-order="stroke" '
        f'stroke-width="{size / 1.5:.2f}">{label}</text>'
    )


def _tables(found: Comparison) -> list[dict[str, Any]]:
    """Return one table per technology and model: rows grouped by split."""
    keyed = groupby(found.differences, key=lambda d: (d.technology, d.model))
    return [
        {
            "technology": technology,
            "model": model,
            "groups": [
                (_SPLITS[split], list(rows)) for split, rows in groupby(group, lambda d: d.split)
            ],
        }
        for (technology, model), group in keyed
    ]


def _reasons(found: Comparison) -> list[str]:
    """Return, for each technology and model, the kind of path on which they differ most."""
    sentences = []
    for (technology, model), group in groupby(
        found.differences, key=lambda d: (d.technology, d.model)
    ):
        rows = list(group)
        whole = next(d for d in rows if d.split == "all")
        kinds = [d for d in rows if d.split == "path" and d.pixels >= 0.01 * whole.pixels]
        text = f"{technology}: {_stronger(whole, model, found.models[0])} on average"
        if len(kinds) > 1:
            most = max(kinds, key=lambda d: abs(d.mean_db))
            least = min(kinds, key=lambda d: abs(d.mean_db))
            text += (
                f"; most where the path is “{most.label}” ({_db(most.mean_db)}), least where it "
                f"is “{least.label}” ({_db(least.mean_db)})"
            )
        sentences.append(text + ".")
    return sentences


def _stronger(whole: Difference, model: str, first: str) -> str:
    word = "stronger" if whole.mean_db >= 0.0 else "weaker"
    return (
        f"by {model} the level is {abs(whole.mean_db):.1f} dB {word} than by {first} "
        f"(sd {whole.sd_db:.1f} dB)"
    )


def _db(value: float) -> str:
    return f"{value:+.1f} dB".replace("-", "−")


def _shown(found: Comparison) -> pd.DataFrame:
    """Return the villages that differ, without a commune where there is none."""
    changed = found.changed
    if "commune" in changed and not changed["commune"].astype(bool).any():
        return changed.drop(columns="commune")
    return changed


def _row(row: dict[Any, Any]) -> dict[str, Any]:
    """Return a village's values as they are shown: words for classes, a dash for nothing."""
    shown: dict[str, Any] = {}
    for key, value in row.items():
        name = str(key)
        if isinstance(value, float) and math.isnan(value):
            shown[name] = "–"
        elif name.startswith("class_"):
            shown[name] = _WORDS[value]
        elif name.startswith(("served_share", "line_of_sight")):
            shown[name] = f"{100.0 * value:.0f} %"
        elif name.startswith("distance_m"):
            shown[name] = f"{value / 1000.0:.1f}"
        elif name == "people":
            shown[name] = f"{value:,.0f}"
        elif isinstance(value, float):
            shown[name] = f"{value:.0f}"
        else:
            shown[name] = value
    return shown
