"""What a search for feeds shares: places, ways as they are found, what others are short of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import hypot, nan

import geopandas as gpd
import shapely
from pyproj import Proj, Transformer

from lensong.coverage.network import Mast, Network
from lensong.coverage.path.levels import terrain_of
from lensong.coverage.path.line import End, end_at
from lensong.coverage.siting.candidates import Candidate
from lensong.coverage.siting.feeding_settings import FeedingSettings, LineSettings
from lensong.coverage.siting.feeds import Place, SupplyName, Way, WayKind
from lensong.coverage.siting.hops import SAME_PLACE_M
from lensong.gis_data.land import Land
from lensong.gis_data.rain_map import RainMap
from lensong.propagation.errors import DataError
from lensong.propagation.horizon import Horizon, horizon_around
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import Grid

__all__ = ["FeedData", "Search", "few", "on_satellite"]

_ON_SATELLITE = ("satellite", "vsat", "vệ tinh", "ve tinh", "starlink")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedData:
    """What is known of lines and rain.

    Parameters
    ----------
    settings : FeedingSettings
    fibre, grid : GeoDataFrame or None
        What stands, in the land's system, column ``name``; None where the settings have none.
    rain : RainMap or None
        None: the settings' own rate holds everywhere.
    notes : tuple of str
        On the files that were read.
    """

    settings: FeedingSettings
    fibre: gpd.GeoDataFrame | None = None
    grid: gpd.GeoDataFrame | None = None
    rain: RainMap | None = None
    notes: tuple[str, ...] = ()


class Search:
    """Ways as they are found, and for each candidate what every kind of way is short of.

    Parameters
    ----------
    candidates : sequence of Candidate
    network : Network
        As it stands.
    land : Land
    supplies : sequence of str
        That are part of the choice.
    progress : callable
        Called with candidates done and candidates in all.

    Attributes
    ----------
    ends : list of End
        Of the candidates.
    ways : dict
        Supply to ways.
    short : dict
        Supply to a list for each candidate, of what ways are short of.
    notes : list of str
    feeders : list of Mast
        Where chains of hops may begin.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        network: Network,
        land: Land,
        supplies: Sequence[SupplyName],
        progress: Callable[[int, int], None],
    ) -> None:
        self.candidates, self.network, self.land = candidates, network, land
        self.terrain: Terrain = terrain_of(land)
        self.progress = progress
        self.ends = [self._end(one.mast) for one in candidates]
        self.ways: dict[SupplyName, list[Way]] = {name: [] for name in supplies}
        self.short: dict[SupplyName, list[list[str]]] = {
            name: [[] for _ in candidates] for name in supplies
        }
        self.notes: list[str] = []
        self.feeders: list[Mast] = []

    @property
    def grid(self) -> Grid:
        """Return the land's grid."""
        return self.land.grid

    @cached_property
    def _to_degrees(self) -> Transformer:
        return Transformer.from_crs(self.grid.crs, "EPSG:4326", always_xy=True)

    @cached_property
    def _projection(self) -> Proj:
        return Proj(self.grid.crs)

    def _end(self, mast: Mast) -> End:
        return end_at(self.grid, mast.lat_deg, mast.lon_deg, mast.height_agl_m, name=mast.mast_id)

    def end_of(self, mast: Mast) -> End | None:
        """Return a mast as an end, None outside the elevation."""
        try:
            return self._end(mast)
        except DataError:
            return None

    def apart_m(self, one: End, other: End) -> float:
        """Return how far two ends are from each other [m]."""
        return hypot(one.row - other.row, one.col - other.col) * self.grid.cell_m

    def standing(self, supply: SupplyName) -> set[int]:
        """Return the candidates that have a supply already."""
        return {way.candidate for way in self.ways[supply] if way.kind == "standing"}

    def horizon(self, c: int, height_agl_m: float, k: float) -> Horizon:
        """Return the horizon of a candidate, azimuths from true north."""
        end = self.ends[c]
        of_grid = horizon_around(
            self.terrain, row=end.row, col=end.col, height_agl_m=height_agl_m, k=k
        )
        factors = self._projection.get_factors(end.lon_deg, end.lat_deg)
        return of_grid.turned(float(factors.meridian_convergence))

    def tell_cut(self, unknown_share: Mapping[int, float], where: str) -> None:
        """Note whose horizon is cut by the edge of the elevation, and in how many azimuths."""
        cut = {c: share for c, share in unknown_share.items() if share > 0.0}
        if cut:
            names = few([self.ends[c].name for c in cut])
            self.notes.append(
                f"The horizon is cut by the edge of the elevation, or a void in it, at {names}, in "
                f"up to {100.0 * max(cut.values()):.0f} % of the azimuths that count: a mountain "
                f"beyond, as high as the highest that was read, would rise {where}; what is beyond "
                "the edge is unknown and counts as free."
            )

    def add_standing(self, supply: SupplyName, settings: FeedingSettings) -> None:
        """Add what candidates have already: structures, by their list, or on a mast's spot."""
        counts = dict.fromkeys(
            (
                f"Structures that count as having {supply} for more cells",
                f"Candidates that have {supply} by their list",
                f"Candidates where a mast of the network stands, which has {supply}",
            ),
            0,
        )
        stand, listed, shared = counts
        for c, one in enumerate(self.candidates):
            given = one.mast.backhaul if supply == "backhaul" else one.mast.power_supply
            if one.kind == "standing":
                if not settings.standing_is_fed:
                    continue
                text, source = stand, one.mast.mast_id
            elif given:
                text, source = listed, given
            else:
                mast = self._same_place(c)
                if mast is None or (supply == "backhaul" and on_satellite(mast)):
                    continue
                text, source = shared, mast.mast_id
            counts[text] += 1
            self.ways[supply].append(Way(kind="standing", candidate=c, from_id=source))
        self.notes += [f"{text}: {count}." for text, count in counts.items() if count]

    def _same_place(self, c: int) -> Mast | None:
        """Return the mast of the network on a candidate's spot."""
        end = self.ends[c]
        for mast in self.network.masts:
            if mast.uncertain or abs(mast.lat_deg - end.lat_deg) > 0.001:
                continue
            there = self.end_of(mast)
            if there is not None and self.apart_m(end, there) <= SAME_PLACE_M:
                return mast
        return None

    def add_lines(
        self,
        supply: SupplyName,
        kind: WayKind,
        settings: LineSettings,
        there: gpd.GeoDataFrame,
        most: int | None = None,
    ) -> None:
        """Add straight lines from the nearest point of what is there; each feeds ``most`` masts."""
        shapes = there.geometry.to_numpy()
        tree = shapely.STRtree(shapes)
        for c, end in enumerate(self.ends):
            point = shapely.Point(*self.grid.easting_northing(end.row, end.col))
            nearest = int(tree.nearest(point))
            line = shapely.shortest_line(shapes[nearest], point)
            distance_m = float(line.length)
            if distance_m > settings.reach_m:
                self.short[supply][c].append(
                    f"{kind} {distance_m / 1000.0:.1f} km away, reach is "
                    f"{settings.reach_m / 1000.0:g} km"
                )
                continue
            lon, lat = self._to_degrees.transform(*line.coords[0])
            per_km = settings.cost_per_km or 0.0
            self.ways[supply].append(
                Way(
                    kind=kind,
                    candidate=c,
                    from_id=str(there["name"].iloc[nearest]) or f"{kind} {nearest + 1}",
                    cost=(settings.cost or 0.0) + per_km * distance_m / 1000.0,
                    start=Place(lat_deg=float(lat), lon_deg=float(lon)),
                    distance_m=distance_m,
                    uplink_mbps=nan if settings.uplink_mbps is None else settings.uplink_mbps,
                    most=most,
                )
            )


def on_satellite(mast: Mast) -> bool:
    """Return whether a mast's backhaul, as its list names it, is a satellite."""
    return any(word in mast.backhaul.lower() for word in _ON_SATELLITE)


def few(names: Sequence[str]) -> str:
    """Return the first names of many."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
