"""The page of a difference: what was set otherwise, where the level moved, who gains and loses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from pyproj import Transformer

from lensong.coverage.diff import PlanDiff
from lensong.coverage.diff_text import (
    PROPOSAL_HEADS,
    lack_rows,
    mend_rows,
    proposal_rows,
    stream_rows,
)
from lensong.coverage.model_pages.comparison_page import (
    COLOURS,
    difference_classes,
    difference_legend,
    scale_bar,
)
from lensong.coverage.model_pages.validation_page import environment, page_style
from lensong.coverage.network import Technology
from lensong.gis_data.pictures import palette_png_url
from lensong.propagation.types import Float32Array, Grid

__all__ = ["render_diff"]

_LONGEST_PX = 900
_WORDS = {
    "beyond_radius": "beyond the radius",
    "unknown": "unknown, no elevation",
    "no_signal": "no signal",
    "patchy": "patchy",
    "covered": "covered",
}
_LACK_HEADS = ("village", "lacks", "main cause", "link from", "parts that changed, dB")
_MEND_HEADS = ("village", "change", "from what to what", "gained before", "gained after")
_MARKS = {"gained": "#00734f", "lost": "#a3123a", "same": "#ffffff"}


def render_diff(
    found: PlanDiff,
    maps_db: Mapping[Technology, Float32Array],
    *,
    grid: Grid,
    places: pd.DataFrame,
    titles: tuple[str, str],
    synthetic: bool,
    version: str,
) -> str:
    """Return the page as the text of one HTML file that asks nothing of any network.

    Parameters
    ----------
    found : PlanDiff
    maps_db : mapping
        Technology to the level of the second plan minus that of the first [dB], on ``grid``.
    grid : Grid
    places : DataFrame
        Villages of the second plan with ``village_id``, ``lat_deg``, ``lon_deg``.
    titles : tuple of str
        Of both plans.
    synthetic : bool
    version : str
        Of lensong.
    """
    shape = grid.shape
    step = max(1, math.ceil(max(shape) / _LONGEST_PX))
    overlay = _overlay(found, grid, places)
    return (
        environment()
        .get_template("diff.html")
        .render(
            found=found,
            total=found.summary,
            titles=titles,
            synthetic=synthetic,
            version=version,
            style=page_style(),
            words=_WORDS,
            legend=difference_legend(),
            marks=_MARKS,
            maps=[
                {
                    "technology": technology,
                    "picture": palette_png_url(
                        np.ascontiguousarray(difference_classes(values[::step, ::step])),
                        list(COLOURS),
                    ),
                    "overlay": overlay,
                    "mean_db": float(np.nanmean(values)) if np.isfinite(values).any() else None,
                }
                for technology, values in maps_db.items()
            ],
            rows=[_row(row, found) for row in found.changed.to_dict("records")],
            why=[
                (title, heads, [list(row) for row in rows(found, " → ")])
                for title, heads, rows in (
                    ("What villages lack, and why", _LACK_HEADS, lack_rows),
                    ("Streams at once", ("village", *found.why.streams), stream_rows),
                    ("What would mend it", _MEND_HEADS, mend_rows),
                    ("Proposed masts and changes", PROPOSAL_HEADS, proposal_rows),
                )
                if rows is not proposal_rows or len(found.proposed)
            ],
        )
    )


def _row(row: dict[Any, Any], found: PlanDiff) -> dict[str, Any]:
    before, after = _WORDS[row["class_before"]], _WORDS[row["class_after"]]
    people = row["people"]
    return {
        "name": row["name"],
        "commune": row["commune"],
        "people": "–" if people is None or math.isnan(people) else f"{people:,.0f}",
        "class": before if before == after else f"{before} → {after}",
        "gained": [f"{row[f'people_gained_{s}']:+,.0f}".replace("-", "−") for s in found.services],
    }


def _overlay(found: PlanDiff, grid: Grid, places: pd.DataFrame) -> Markup:
    """Return the villages and a scale bar on the grid, as SVG."""
    size = max(grid.shape) / 90.0
    change = dict(zip(found.villages["village_id"], found.villages["change"], strict=True))
    to_grid = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    parts = []
    for row in places.to_dict("records"):
        at_row, at_col = grid.row_col(*to_grid.transform(row["lon_deg"], row["lat_deg"]))
        fill = _MARKS[change.get(str(row["village_id"]), "same")]
        parts.append(
            f'<circle cx="{at_col:.1f}" cy="{at_row:.1f}" r="{size:.1f}" fill="{fill}" '
            f'stroke="#17212b" stroke-width="{size / 4:.2f}">'
            f"<title>{escape(row['name'])}</title></circle>"
        )
    parts.append(scale_bar(grid.cell_m, 0, grid.rows, grid.cols, size))
    return Markup(
        f'<svg viewBox="-0.5 -0.5 {grid.cols} {grid.rows}" preserveAspectRatio="none" '
        f'aria-hidden="true">{"".join(parts)}</svg>'
    )
