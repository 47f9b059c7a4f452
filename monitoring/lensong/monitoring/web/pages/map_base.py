"""What lies under the sites on a map: pictures under addresses that change with them.

A wall that is drawn anew names them again; a browser that has them asks for nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from fastapi import APIRouter, Depends, Request, Response
from markupsafe import Markup

from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.live.directory import Directory
from lensong.monitoring.live.map_bases import MapBases
from lensong.monitoring.map_bases import Edges, Outline, PlanGround, Village
from lensong.monitoring.web.guards import anybody

__all__ = ["MapBase", "MapPicture", "MapPictures", "router"]

router = APIRouter(dependencies=[Depends(anybody)])

_SIDE = 4_000.0
"""Units of the longer side of a drawing: whole numbers are fine enough."""

_KINDS = {"svg": "image/svg+xml", "png": "image/png"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPicture:
    """A picture between edges, north up, in degrees.

    Parameters
    ----------
    kind : str
        relief or outlines: the class by which the style sheet knows it.
    """

    href: str
    kind: str
    edges: Edges


@dataclass(frozen=True, kw_only=True)
class MapBase:
    """What is under the sites of some provinces.

    Parameters
    ----------
    pictures : tuple of MapPicture
        That at the bottom first.
    around : Edges, optional
        Of the communes that are to be seen whole.
    grounds : tuple of PlanGround
        That on top last.
    outlines_synthetic : bool
        Some outlines are invented.
    """

    pictures: tuple[MapPicture, ...]
    around: Edges | None
    grounds: tuple[PlanGround, ...]
    outlines_synthetic: bool

    @cached_property
    def villages(self) -> tuple[Village, ...]:
        """Return the villages of all plans; where two show the same ground, of that on top."""
        found: list[Village] = []
        above: list[Edges] = []
        for ground in reversed(self.grounds):
            found += [
                village
                for village in ground.villages
                if not any(_holds(edges, village) for edges in above)
            ]
            if ground.villages:
                above.append(ground.edges)
        return tuple(found)

    @property
    def synthetic(self) -> bool:
        """Return whether anything of it is invented."""
        return self.outlines_synthetic or any(ground.synthetic for ground in self.grounds)


@dataclass(slots=True)
class _Drawn:
    """All pictures as they are now."""

    files: dict[str, bytes] = field(default_factory=dict)
    outlines: dict[str, MapPicture] = field(default_factory=dict)
    reliefs: dict[tuple[str, str], MapPicture] = field(default_factory=dict)

    def keep(self, data: bytes, kind: str, edges: Edges, suffix: str) -> MapPicture:
        name = f"{hashlib.sha256(data).hexdigest()[:32]}.{suffix}"
        self.files[name] = data
        return MapPicture(href=f"/map/{name}", kind=kind, edges=edges)


class MapPictures:
    """Draws the pictures when what they show has changed, and hands them out."""

    def __init__(self, bases: MapBases, directory: Directory) -> None:
        self._bases, self._directory = bases, directory
        self._drawn = _Drawn()
        self._shows: object = None

    def base(self, provinces: Collection[str], communes: Collection[str]) -> MapBase | None:
        """Return what is under the sites of provinces, None where nothing is.

        Parameters
        ----------
        communes : collection of str
            Codes of those that are to be seen whole.
        """
        drawn = self._fresh()
        grounds = tuple(
            ground
            for ground in self._bases.grounds
            if not ground.province_code or ground.province_code in provinces
        )
        reliefs = [
            picture
            for ground in grounds
            if (picture := drawn.reliefs.get((ground.coverage_run, ground.province_code)))
        ]
        outlines = [drawn.outlines[code] for code in sorted(provinces) if code in drawn.outlines]
        if not (grounds or outlines):
            return None
        whole = [self._bases.outlines[code] for code in communes if code in self._bases.outlines]
        return MapBase(
            pictures=(*reliefs, *outlines),
            around=_edges_of(whole),
            grounds=grounds,
            outlines_synthetic=any(outline.synthetic for outline in whole),
        )

    def named(self, name: str) -> bytes | None:
        """Return the file of a picture."""
        return self._fresh().files.get(name)

    def _fresh(self) -> _Drawn:
        communes = self._directory.communes
        bases, outlines, grounds = self._bases, self._bases.outlines, self._bases.grounds
        within = {code: communes[code].province_code for code in outlines if code in communes}
        shows = (bases.generation, tuple(sorted(within.items())))
        if shows != self._shows:
            drawn = _Drawn()
            for province in set(within.values()):
                found = [outlines[code] for code in sorted(within) if within[code] == province]
                edges = _edges_of(found)
                if edges is not None:
                    svg = _outlines_svg(found, edges).encode()
                    drawn.outlines[province] = drawn.keep(svg, "outlines", edges, "svg")
            for ground in grounds:
                if ground.relief_png:
                    drawn.reliefs[ground.coverage_run, ground.province_code] = drawn.keep(
                        ground.relief_png, "relief", ground.edges, "png"
                    )
            self._drawn, self._shows = drawn, shows
        return self._drawn


def _holds(edges: Edges, village: Village) -> bool:
    lon_deg, lat_deg, _ = village
    return (
        edges.west_deg <= lon_deg <= edges.east_deg
        and edges.south_deg <= lat_deg <= edges.north_deg
    )


def _edges_of(outlines: Iterable[Outline]) -> Edges | None:
    return Edges.around(
        point for outline in outlines for ring in outline.rings_deg for point in ring
    )


def _outlines_svg(outlines: Iterable[Outline], edges: Edges) -> str:
    """Return the borders as lines that are as wide on any screen."""
    middle = math.cos(math.radians((edges.south_deg + edges.north_deg) / 2.0))
    across = (edges.east_deg - edges.west_deg) * middle
    down = edges.north_deg - edges.south_deg
    scale = _SIDE / max(across, down)
    lines = []
    for outline in outlines:
        for ring in outline.rings_deg:
            points = [
                (
                    round((lon - edges.west_deg) * middle * scale),
                    round((edges.north_deg - lat) * scale),
                )
                for lon, lat in ring[:-1]
            ]
            lines.append("M" + " ".join(f"{x} {y}" for x, y in dict.fromkeys(points)) + "z")
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}"'
        ' preserveAspectRatio="none"><path d="{2}" fill="none" stroke="#d5e2ee"'
        ' stroke-width="1.3" stroke-linejoin="round" vector-effect="non-scaling-stroke"/></svg>'
    ).format(round(across * scale), round(down * scale), "".join(lines))


@router.get("/map/{name}")
async def picture(name: str, request: Request) -> Response:
    """Return a picture that a map names; browsers keep it, for its address changes with it."""
    pictures: MapPictures = request.app.state.map_pictures
    data = pictures.named(name)
    if data is None:
        raise NotFoundError("there is no such picture any more: load the page again")
    tag = f'"{name}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=31536000, immutable"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(
        data,
        media_type=_KINDS[name.rpartition(".")[2]],
        headers=headers | {"Content-Security-Policy": "default-src 'none'"},
    )
