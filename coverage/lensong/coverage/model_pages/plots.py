"""Small plots as SVG text: dots and columns with axes that carry their units.

Titles and names are keys of messages (`lensong.coverage.model_pages.languages`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

import numpy as np
from markupsafe import Markup, escape

from lensong.coverage.model_pages.languages import in_both, in_english, in_svg
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import FloatArray

__all__ = ["Axis", "Series", "column_plot", "dot_plot"]

WIDTH, HEIGHT = 560, 340
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 14, 52
MOST_DOTS = 2500
"""Of a series; more are thinned evenly, and the plot says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Key of its title, which has the unit, and whether the scale is logarithmic."""

    title: str
    log: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Dots of one kind: ``"dot"``, ``"ring"`` or ``"cross"`` as well as a colour."""

    name: str
    x: FloatArray
    y: FloatArray
    colour: str
    shape: str = "dot"


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float
    log: bool

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, value
        if self.log:
            low, high, at = log10(low), log10(high), log10(value)
        return self.start + (at - low) / (high - low) * (self.end - self.start)


def dot_plot(series: Sequence[Series], x: Axis, y: Axis, *, zero_line: bool = False) -> Markup:
    """Return dots over two axes with a legend.

    Parameters
    ----------
    series : sequence of Series
        With at least one finite dot among them.
    x, y : Axis
    zero_line : bool
        Draw the line of y = 0.
    """
    kept = [_finite(s, x.log) for s in series]
    all_x = np.concatenate([s.x for s in kept])
    all_y = np.concatenate([s.y for s in kept])
    if all_x.size == 0:
        raise InvalidInputError("a plot was asked for without any finite value")
    x_ticks, x_low, x_high = _log_ticks(all_x) if x.log else _ticks(all_x)
    y_ticks, y_low, y_high = _ticks(np.append(all_y, 0.0) if zero_line else all_y)
    across = _Scale(x_low, x_high, LEFT, WIDTH - RIGHT, x.log)
    up = _Scale(y_low, y_high, HEIGHT - BOTTOM, TOP, False)
    parts = _frame(across, up, x_ticks, y_ticks, x.title, y.title)
    if zero_line:
        parts.append(_line(LEFT, up(0.0), WIDTH - RIGHT, up(0.0), "#17212b", 1.2))
    for s in kept:
        parts.append(_dots(s, across, up))
    return _svg(parts, _described(y.title, x.title), _legend(series, kept))


def column_plot(
    values: FloatArray, x: Axis, *, step: float, lines: Iterable[tuple[float, str]] = ()
) -> Markup:
    """Return how many values fall into each step, as columns.

    Parameters
    ----------
    values : shape (n,), finite, at least one
    x : Axis
    step : float
        Width of a column.
    lines : iterable of (value, label)
        Drawn upright.
    """
    low, high = floor(values.min() / step) * step, ceil(values.max() / step + 1e-9) * step
    high = max(high, low + step)
    edges = np.arange(round((high - low) / step) + 1) * step + low
    counts, _ = np.histogram(values, edges)
    x_ticks, x_low, x_high = _ticks(np.array([low, high]))
    y_ticks, _, y_high = _ticks(np.array([0.0, float(counts.max())]))
    across = _Scale(x_low, x_high, LEFT, WIDTH - RIGHT, False)
    up = _Scale(0.0, y_high, HEIGHT - BOTTOM, TOP, False)
    parts = _frame(across, up, x_ticks, y_ticks, x.title, "check.plot.count")
    for edge, count in zip(edges[:-1], counts, strict=True):
        if count:
            left, right, top = across(edge), across(edge + step), up(float(count))
            parts.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(right - left - 1, 1):.1f}" '
                f'height="{HEIGHT - BOTTOM - top:.1f}" fill="#7fa8d1"/>'
            )
    for value, label in lines:
        parts.append(_line(across(value), TOP, across(value), HEIGHT - BOTTOM, "#17212b", 1.5))
        side = "start" if across(value) < 0.6 * WIDTH else "end"
        shift = 5 if side == "start" else -5
        parts.append(_text(across(value) + shift, TOP + 12, label, side))
    return _svg(parts, _described("check.plot.count", x.title), "")


def _finite(series: Series, log_x: bool) -> Series:
    """Return what can be drawn, thinned to `MOST_DOTS`."""
    keep = np.isfinite(series.x) & np.isfinite(series.y)
    if log_x:
        keep &= series.x > 0.0
    x, y = series.x[keep], series.y[keep]
    every = max(1, ceil(x.size / MOST_DOTS))
    return Series(
        name=series.name, x=x[::every], y=y[::every], colour=series.colour, shape=series.shape
    )


def _ticks(values: FloatArray) -> tuple[list[float], float, float]:
    """Return round ticks that enclose the values, and the ends of the axis."""
    low, high = float(values.min()), float(values.max())
    if not (isfinite(low) and isfinite(high)):
        raise InvalidInputError("a plot was asked for without any finite value")
    span = high - low or max(abs(high), 1.0)
    raw = span / 5.0
    magnitude = 10.0 ** floor(log10(raw))
    step = next(m * magnitude for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * magnitude >= raw)
    first, last = floor(low / step), ceil(high / step)
    last = max(last, first + 1)
    return [i * step for i in range(first, last + 1)], first * step, last * step


def _log_ticks(values: FloatArray) -> tuple[list[float], float, float]:
    low, high = float(values.min()), float(values.max())
    steps = [
        m * 10.0**e for e in range(floor(log10(low)) - 1, ceil(log10(high)) + 1) for m in (1, 2, 5)
    ]
    first = max(s for s in steps if s <= low)
    last = min((s for s in steps if s >= high and s > first), default=first * 10.0)
    return [s for s in steps if first <= s <= last], first, last


def _frame(
    across: _Scale,
    up: _Scale,
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
    x_title: str,
    y_title: str,
) -> list[str]:
    parts = []
    for value in x_ticks:
        parts.append(_line(across(value), TOP, across(value), HEIGHT - BOTTOM, "#dbe1e7", 1.0))
        parts.append(_text(across(value), HEIGHT - BOTTOM + 18, f"{value:g}", "middle"))
    for value in y_ticks:
        parts.append(_line(LEFT, up(value), WIDTH - RIGHT, up(value), "#dbe1e7", 1.0))
        parts.append(_text(LEFT - 8, up(value) + 4, f"{value:g}", "end"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(_text(middle, HEIGHT - 10, in_svg(x_title), "middle", title=True))
    turned = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text transform="translate(15 {turned:.0f}) rotate(-90)" text-anchor="middle" '
        f'class="title">{in_svg(y_title)}</text>'
    )
    return parts


def _dots(series: Series, across: _Scale, up: _Scale) -> str:
    """Return all dots of a series as one path."""
    shapes = {
        "dot": "m-1.6 0a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0-3.2 0",
        "ring": "m-2.2 0a2.2 2.2 0 1 0 4.4 0a2.2 2.2 0 1 0-4.4 0",
        "cross": "m-2.4-2.4l4.8 4.8m0-4.8l-4.8 4.8",
    }
    path = "".join(
        f"M{across(float(x)):.1f} {up(float(y)):.1f}{shapes[series.shape]}"
        for x, y in zip(series.x, series.y, strict=True)
    )
    if series.shape == "dot":
        return f'<path d="{path}" fill="{series.colour}" fill-opacity="0.55"/>'
    return f'<path d="{path}" fill="none" stroke="{series.colour}" stroke-opacity="0.7"/>'


def _legend(series: Sequence[Series], kept: Sequence[Series]) -> str:
    entries = []
    for whole, drawn in zip(series, kept, strict=True):
        shown = ""
        if drawn.x.size != whole.x.size:
            shown = " " + in_both("check.plot.shown", n=drawn.x.size, whole=whole.x.size)
        mark = {"dot": "●", "ring": "○", "cross": "×"}[drawn.shape]
        entries.append(
            f'<span><b style="color:{drawn.colour}">{mark}</b> {in_both(drawn.name)}{shown}</span>'
        )
    return f"<figcaption>{' '.join(entries)}</figcaption>"


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width:g}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str, *, title: bool = False) -> str:
    kind = ' class="title"' if title else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'


def _described(y_title: str, x_title: str) -> str:
    return f"{in_english(y_title)} / {in_english(x_title)}"


def _svg(parts: Sequence[str], described: str, caption: str) -> Markup:
    body = "".join(parts)
    return Markup(
        f'<figure class="plot"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(described)}">{body}</svg>{caption}</figure>'
    )
