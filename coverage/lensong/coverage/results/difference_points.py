"""Measured points as QGIS draws them: by how far the level is off, in the colours of all pages."""

from __future__ import annotations

import numpy as np

from lensong.coverage.model_pages.comparison_page import BREAKS_DB, difference_legend
from lensong.coverage.results.rasters import rgba
from lensong.gis_data.qgis_styles import VectorClass, VectorStyle
from lensong.propagation.types import FloatArray

__all__ = ["difference_style", "difference_words"]


def difference_words(error_db: FloatArray) -> list[str]:
    """Return the words of the class in which each error lies."""
    words = [told for _, told in difference_legend()]
    return [words[i] for i in np.searchsorted(BREAKS_DB, error_db, side="right")]


def difference_style(class_field: str) -> VectorStyle:
    """Return how QGIS draws points by a column of `difference_words`."""
    return VectorStyle(
        geometry="Point",
        class_field=class_field,
        classes=tuple(
            VectorClass(
                value=words,
                label=words,
                symbol={
                    "name": "circle",
                    "color": ",".join(str(part) for part in rgba(colour)),
                    "outline_color": "90,90,90,255",
                    "outline_width": "0.1",
                    "size": "1.6",
                },
            )
            for colour, words in difference_legend()
        ),
    )
