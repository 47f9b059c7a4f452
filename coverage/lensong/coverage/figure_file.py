"""A figure as the bytes of a file: the same for the same data, with all Vietnamese letters."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figure_file"]

_STYLE: Any = {  # rc_context wants each key by its literal name
    "font.family": "DejaVu Sans",  # comes with matplotlib and has all Vietnamese letters
    "font.size": 9.5,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "lensong",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#55616d",
}


def figure_file(
    draw: Callable[[Figure], None],
    *,
    size_in: tuple[float, float],
    form: Literal["svg", "png"],
    synthetic_at: tuple[float, float] | None,
) -> bytes:
    """Return what is drawn on a figure.

    Parameters
    ----------
    draw : callable
        Called with the empty figure.
    size_in : (float, float)
        Width and height [inch].
    form : {"svg", "png"}
    synthetic_at : (float, float) or None
        Right end and foot of the mark that says that the data are invented, in shares of the
        figure; None where they are not.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=size_in)
        FigureCanvasAgg(figure)
        draw(figure)
        if synthetic_at is not None:
            figure.text(
                *synthetic_at, "SYNTHETIC DATA", ha="right", fontweight="bold", color="#1d1700",
                bbox={"facecolor": "#ffd447", "edgecolor": "none", "pad": 4.0},
            )  # fmt: skip
        out = BytesIO()
        metadata: dict[str, Any] = {"Date": None} if form == "svg" else {"Software": None}
        figure.savefig(out, format=form, dpi=130, metadata=metadata)
    return out.getvalue()
