"""Where the sites lie, as SVG: the ones in trouble on top and named first, others with room."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import product

from markupsafe import Markup, escape

from lensong.monitoring.live.snapshot import SiteSnapshot
from lensong.monitoring.web.pages.charts import figure, label, line
from lensong.monitoring.web.pages.marks import mark
from lensong.monitoring.web.pages.words import Words

__all__ = ["site_map"]

_WIDTH, _HEIGHT, _EDGE = 420.0, 330.0, 24.0
_TEXT = 20.0
"""Height of names on the wall; a letter is about 0.62 of it wide, 0.68 in bold."""

_RANK = {"not_ready": 3, "at_risk": 2, "unknown": 1}
_SIZES = {"not_ready": 26.0, "at_risk": 26.0}
_ASIDE = ((2, 0), (-2, 0), (2, -1), (-2, -1), (2, 1), (-2, 1))
"""Directions to the left and right in which a name is put away from its pin."""

_KM_PER_DEGREE = 111.32


@dataclass(frozen=True, slots=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


class _Taken:
    """Boxes that nothing may be put on, found by the cells of a grid in which they lie."""

    _CELL = 20.0

    def __init__(self, boxes: Iterable[_Box]) -> None:
        self._by_cell: defaultdict[tuple[int, int], list[_Box]] = defaultdict(list)
        for box in boxes:
            self.add(box)

    def add(self, box: _Box) -> None:
        for cell in self._cells(box):
            self._by_cell[cell].append(box)

    def meets(self, box: _Box) -> bool:
        """Return whether something lies there already."""
        return any(
            box.meets(other) for cell in self._cells(box) for other in self._by_cell.get(cell, ())
        )

    def _cells(self, box: _Box) -> Iterable[tuple[int, int]]:
        columns = range(int(box.left // self._CELL), int(box.right // self._CELL) + 1)
        rows = range(int(box.top // self._CELL), int(box.bottom // self._CELL) + 1)
        return product(columns, rows)


def site_map(
    sites: Iterable[tuple[SiteSnapshot, str]], words: Words, troubled: Collection[str] = ()
) -> Markup | None:
    """Return the map of sites and their states, north up, to scale; None where none has a place.

    Parameters
    ----------
    sites : iterable of SiteSnapshot and str
        A site and the state that it is drawn with.
    troubled : collection of str
        Sites in trouble: they are named first, and beside their pin or away from it.
    """
    placed = [
        (site, state, site.lat_deg, site.lon_deg)
        for site, state in sites
        if site.lat_deg is not None and site.lon_deg is not None
    ]
    if not placed:
        return None
    middle = math.cos(math.radians(sum(lat for *_, lat, _ in placed) / len(placed)))
    xs, ys = [lon * middle for *_, lon in placed], [-lat for *_, lat, _ in placed]
    scale = min(
        (_WIDTH - 2 * _EDGE) / max(max(xs) - min(xs), 0.02),
        (_HEIGHT - 2 * _EDGE) / max(max(ys) - min(ys), 0.02),
    )
    off_x = (_WIDTH - (max(xs) + min(xs)) * scale) / 2
    off_y = (_HEIGHT - (max(ys) + min(ys)) * scale) / 2
    pins = [
        (site, state, off_x + x * scale, off_y + y * scale)
        for (site, state, *_), x, y in zip(placed, xs, ys, strict=True)
    ]
    pins.sort(
        key=lambda pin: (
            pin[0].site_id not in troubled, -_RANK.get(pin[1], 0), pin[0].name
        )
    )  # fmt: skip
    taken = _Taken(_box_of(state, x, y) for _, state, x, y in pins)
    taken.add(_Box(0.0, _HEIGHT - 30.0, 210.0, _HEIGHT))  # the scale bar
    taken.add(_Box(_WIDTH - 200.0, _HEIGHT - 26.0, _WIDTH, _HEIGHT))  # how many have no name
    names: list[Markup] = []
    nameless = 0
    for site, state, x, y in pins:  # the ones in trouble choose first
        trouble = site.site_id in troubled or state in _SIZES
        name = _name(site.name, state, x, y, taken, away=trouble)
        names += name
        nameless += trouble and not name
    told_as = {state: words.t(f"state.{state}") for state in {pin[1] for pin in pins}}
    drawn = [_pin(site, state, x, y, told_as[state]) for site, state, x, y in reversed(pins)]
    told = (
        [label(_WIDTH - 4.0, _HEIGHT - 7.0, words.t("wall.nameless", n=nameless), "end")]
        if nameless
        else []
    )
    parts = [*drawn, *names, *_scale_bar(scale), *told]
    return figure(int(_WIDTH), int(_HEIGHT), words.t("wall.map"), parts)


def _box_of(state: str, x: float, y: float) -> _Box:
    half = _SIZES.get(state, 18.0) / 2
    return _Box(x - half, y - half, x + half, y + half)


def _pin(site: SiteSnapshot, state: str, x: float, y: float, told: str) -> Markup:
    size = _SIZES.get(state, 18.0)
    # of thousands of them `Markup.format` would be most of the drawing
    return Markup(
        f'<g transform="translate({x - size / 2:.1f} {y - size / 2:.1f})">'
        f"<title>{escape(site.name)}: {escape(told)}</title>{mark(state, int(size))}</g>"
    )


def _name(text: str, state: str, x: float, y: float, taken: _Taken, *, away: bool) -> list[Markup]:
    """Return a name beside its pin, or ``away`` from it with a line between; nothing without room.

    Names never lie on pins or on each other.
    """
    width, near = (0.68 if away else 0.62) * _TEXT * len(text), _SIZES.get(state, 18.0) / 2 + 5.0
    beside = [
        ("start", x + near, y + 7.0),
        ("end", x - near - width, y + 7.0),
        ("middle", x - width / 2, y - near),
        ("middle", x - width / 2, y + near + 14.0),
    ]
    far = (
        ("middle", x + far_x * step - width / 2, y + far_y * step)
        for step in (30.0, 50.0, 75.0, 105.0, 140.0, 180.0)
        for far_x, far_y in ((1, -1), (-1, -1), (1, 1), (-1, 1), (0, -1), (0, 1), *_ASIDE)
    )
    for anchor, left, base in (*beside, *(far if away else ())):
        box = _Box(left, base - 17.0, left + width, base + 5.0)
        inside = box.left >= 0.0 and box.right <= _WIDTH and box.top >= 0.0
        if inside and box.bottom <= _HEIGHT and not taken.meets(box):
            taken.add(box)
            at = {"start": box.left, "end": box.right, "middle": left + width / 2}[anchor]
            written = label(at, base, text, anchor, "pin" if away else "pin minor")
            if (anchor, left, base) in beside:
                return [written]
            middle = (box.top + box.bottom) / 2
            end_x = min(max(x, box.left), box.right)
            end_y = box.bottom if y > box.bottom else box.top if y < box.top else middle
            return [line(x, y, end_x, end_y, "leader"), written]
    return []


def _scale_bar(units_per_degree: float) -> list[Markup]:
    per_km = units_per_degree / _KM_PER_DEGREE
    km = next((km for km in (100, 50, 20, 10, 5, 2, 1) if km * per_km <= 120), 1)
    bottom = _HEIGHT - 12.0
    return [
        line(14.0, bottom, 14.0 + km * per_km, bottom, "bar"),
        label(22.0 + km * per_km, bottom + 5.0, f"{km} km", "start"),
    ]
