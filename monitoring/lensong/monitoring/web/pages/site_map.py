"""Where the sites lie, as SVG: the ones in trouble on top and named first, others with room.

Below them what is known of the land: relief, outlines of communes, villages by their coverage.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from markupsafe import Markup, escape

from lensong.monitoring.live.snapshot import SiteSnapshot
from lensong.monitoring.map_bases import VILLAGE_CLASSES, Edges, Village
from lensong.monitoring.web.pages.charts import figure, label, line
from lensong.monitoring.web.pages.map_base import MapBase, MapPicture
from lensong.monitoring.web.pages.marks import mark
from lensong.monitoring.web.pages.words import Words

__all__ = ["site_map", "village_mark"]

_WIDTH, _HEIGHT, _EDGE = 420.0, 330.0, 24.0
_TEXT = 20.0
"""Height of names on the wall; a letter is about 0.62 of it wide, 0.68 in bold."""

_RANK = {"not_ready": 3, "at_risk": 2, "unknown": 1}
_SIZES = {"not_ready": 26.0, "at_risk": 26.0}
_ASIDE = ((2, 0), (-2, 0), (2, -1), (-2, -1), (2, 1), (-2, 1))
"""Directions to the left and right in which a name is put away from its pin."""

_KM_PER_DEGREE = 111.32

_APART = 150
"""Sites that are drawn each by itself, however near they lie to each other."""

_NEAR = 14.0
"""Of more sites, those of one state in a square of this size are one pin, that they would hide."""

_TRIED = 40
"""Sites in trouble, and others, for which room for a name is looked for: more have none."""


class _Place(NamedTuple):
    """What the map shows of a site."""

    site_id: str
    name: str
    state: str
    lat_deg: float
    lon_deg: float


_Placed = tuple[_Place, str, float, float]
"""A site, its state, and where it lies on the map."""


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


_VILLAGES = {
    "covered": "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z",
    "patchy": "m0-3.6l3.8 6.6h-7.6z",
    "no_signal": "m-2.8-2.8l5.6 5.6m0-5.6l-5.6 5.6",
    "unknown": "m0-3.2l3.2 3.2l-3.2 3.2l-3.2-3.2z",
    "beyond_radius": "m-2.4 0a2.4 2.4 0 1 0 4.8 0a2.4 2.4 0 1 0-4.8 0z",
}
"""Shapes of the classes of villages: dot, triangle, cross, diamond, ring."""


@dataclass(frozen=True, slots=True)
class _Projection:
    """Degrees into units of the drawing: north up, a kilometre as long in both directions."""

    middle: float
    scale: float
    off_x: float
    off_y: float

    @classmethod
    def onto(cls, edges: Edges) -> _Projection:
        """Return the one that shows all between edges as large as the drawing allows."""
        middle = math.cos(math.radians((edges.south_deg + edges.north_deg) / 2.0))
        west, east = edges.west_deg * middle, edges.east_deg * middle
        scale = min(
            (_WIDTH - 2 * _EDGE) / max(east - west, 0.02),
            (_HEIGHT - 2 * _EDGE) / max(edges.north_deg - edges.south_deg, 0.02),
        )
        return cls(
            middle,
            scale,
            (_WIDTH - (east + west) * scale) / 2,
            (_HEIGHT + (edges.north_deg + edges.south_deg) * scale) / 2,
        )

    def xy(self, lon_deg: float, lat_deg: float) -> tuple[float, float]:
        """Return where a place is drawn."""
        return self.off_x + lon_deg * self.middle * self.scale, self.off_y - lat_deg * self.scale


def site_map(
    sites: Iterable[tuple[SiteSnapshot, str]],
    words: Words,
    troubled: Collection[str] = (),
    base: MapBase | None = None,
    villages: Iterable[Village] = (),
) -> Markup | None:
    """Return the map of sites and their states, north up, to scale; None where none has a place.

    Parameters
    ----------
    sites : iterable of SiteSnapshot and str
        A site and the state that it is drawn with.
    troubled : collection of str
        Sites in trouble: they are named first, and beside their pin or away from it.
    base : MapBase, optional
        What lies under them.
    villages : iterable of Village
        Drawn between the two.
    """
    placed = tuple(
        _Place(site.site_id, site.name, state, site.lat_deg, site.lon_deg)
        for site, state in sites
        if site.lat_deg is not None and site.lon_deg is not None
    )
    if not placed:
        return None
    seen = [(place.lon_deg, place.lat_deg) for place in placed]
    if base is not None and base.around is not None:
        seen += [
            (base.around.west_deg, base.around.south_deg),
            (base.around.east_deg, base.around.north_deg),
        ]
    project = _Projection.onto(_edges(seen))
    below = [_picture(item, project, words) for item in base.pictures] if base is not None else []
    below += _villages(villages, project, words)
    drawn = _pins_and_names(placed, frozenset(troubled), project, replace(words, now=None))
    parts = [*below, *drawn, *_scale_bar(project.scale)]
    return figure(int(_WIDTH), int(_HEIGHT), words.t("wall.map"), parts)


@lru_cache(16)  # to look for room is most of drawing a wall, and states change now and then
def _pins_and_names(
    placed: tuple[_Place, ...], troubled: frozenset[str], project: _Projection, words: Words
) -> tuple[Markup, ...]:
    pins = [(site, site.state, *project.xy(site.lon_deg, site.lat_deg)) for site in placed]
    pins.sort(
        key=lambda pin: (
            pin[0].site_id not in troubled, -_RANK.get(pin[1], 0), pin[0].name
        )
    )  # fmt: skip
    shown = _apart(pins)
    taken = _Taken(_box_of(state, x, y) for _, state, x, y, _ in shown)
    taken.add(_Box(0.0, _HEIGHT - 30.0, 210.0, _HEIGHT))  # the scale bar
    taken.add(_Box(_WIDTH - 200.0, _HEIGHT - 26.0, _WIDTH, _HEIGHT))  # how many have no name
    names: list[Markup] = []
    nameless, tried = 0, Counter[bool]()
    for site, state, x, y in pins:  # the ones in trouble choose first
        trouble = site.site_id in troubled or state in _SIZES
        tried[trouble] += 1
        if tried[trouble] > _TRIED:
            nameless += trouble
            continue
        name = _name(site.name, state, x, y, taken, away=trouble)
        names += name
        nameless += trouble and not name
    told_as = {state: words.t(f"state.{state}") for state in {pin[1] for pin in pins}}
    drawn = [
        _pin(site, state, x, y, told_as[state], more) for site, state, x, y, more in reversed(shown)
    ]
    told = (
        [label(_WIDTH - 4.0, _HEIGHT - 7.0, words.t("wall.nameless", n=nameless), "end")]
        if nameless
        else []
    )
    return (*drawn, *names, *told)


def _apart(pins: Sequence[_Placed]) -> list[tuple[_Place, str, float, float, int]]:
    """Return the pins to draw, and for how many more of the same state each stands."""
    if len(pins) <= _APART:
        return [(*pin, 0) for pin in pins]
    members: dict[tuple[str, int, int], list[_Placed]] = {}
    for pin in pins:
        _, state, x, y = pin
        members.setdefault((state, int(x // _NEAR), int(y // _NEAR)), []).append(pin)
    return [(*found[0], len(found) - 1) for found in members.values()]


def village_mark(name: str) -> Markup:
    """Return the shape of a class of villages, for a legend; the word beside it says the same."""
    return Markup(
        '<svg class="village {0}" width="16" height="16" viewBox="-5 -5 10 10" aria-hidden="true">'
        '<path d="M0 0{1}"/></svg>'
    ).format(name, _VILLAGES[name])


def _edges(points: list[tuple[float, float]]) -> Edges:
    """Return the edges of places, of some size where there is one only."""
    lons, lats = [lon for lon, _ in points], [lat for _, lat in points]
    more = 1e-6
    return Edges(
        west_deg=min(lons) - more,
        south_deg=max(min(lats) - more, -90.0),
        east_deg=max(lons) + more,
        north_deg=min(max(lats) + more, 90.0),
    )


def _picture(picture: MapPicture, project: _Projection, words: Words) -> Markup:
    left, top = project.xy(picture.edges.west_deg, picture.edges.north_deg)
    right, bottom = project.xy(picture.edges.east_deg, picture.edges.south_deg)
    return Markup(
        '<image class="{}" href="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" '
        'preserveAspectRatio="none"/>'
    ).format(picture.kind, words.root + picture.href, left, top, right - left, bottom - top)


def _villages(villages: Iterable[Village], project: _Projection, words: Words) -> list[Markup]:
    """Return one path for each class: thousands of villages weigh little."""
    starts: dict[str, list[str]] = {}
    for lon_deg, lat_deg, name in villages:
        x, y = project.xy(lon_deg, lat_deg)
        if 0.0 <= x <= _WIDTH and 0.0 <= y <= _HEIGHT:
            starts.setdefault(name, []).append(f"M{x:.0f} {y:.0f}")
    return [
        Markup('<path class="village {}" d="{}"><title>{}</title></path>').format(
            name,
            "".join(start + _VILLAGES[name] for start in dict.fromkeys(starts[name])),
            words.t(f"village.{name}"),
        )
        for name in reversed(VILLAGE_CLASSES)
        if name in starts
    ]


def _box_of(state: str, x: float, y: float) -> _Box:
    half = _SIZES.get(state, 18.0) / 2
    return _Box(x - half, y - half, x + half, y + half)


def _pin(site: _Place, state: str, x: float, y: float, told: str, more: int) -> Markup:
    size = _SIZES.get(state, 18.0)
    # of thousands of them `Markup.format` would be most of the drawing
    others = f" (+{more})" if more else ""
    return Markup(
        f'<g transform="translate({x - size / 2:.1f} {y - size / 2:.1f})">'
        f"<title>{escape(site.name)}{others}: {escape(told)}</title>"
        f"{mark(state, int(size))}</g>"
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
