"""The heights that were read, and those under masts and villages, for a person to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

import numpy as np
from pyproj import Transformer

from lensong.coverage.network import Network
from lensong.gis_data.land import Land

__all__ = ["GroundCheck", "PlaceOnGround", "check_ground"]

_SHOWN = 30
_APART_M = 50.0
_FAR_M = 100.0
_FEWEST = 3
_NAMED = 5
_QUANTILES = {"min": 0.0, "p5": 0.05, "median": 0.5, "p95": 0.95, "max": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOnGround:
    """A mast or village.

    Parameters
    ----------
    name : str
    ground_m : float
        Height of the ground there above sea level [m]; NaN where there is none.
    listed_m : float
        What its list says [m]; NaN where it says nothing.
    """

    name: str
    ground_m: float
    listed_m: float = nan


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundCheck:
    """What the elevation looks like.

    Parameters
    ----------
    heights_m : dict
        ``min``, ``p5``, ``median``, ``p95``, ``max`` of the grid [m]; NaN without any height.
    void_share, zero_share : float
        Shares of the grid without height, and of exactly 0 m, 0..1.
    masts, villages : tuple of PlaceOnGround
        In the order of their lists.
    """

    heights_m: dict[str, float]
    void_share: float
    zero_share: float
    masts: tuple[PlaceOnGround, ...]
    villages: tuple[PlaceOnGround, ...]

    def lines(self) -> Iterator[str]:
        """Yield what `lensong check` prints."""
        spread = ", ".join(f"{key} {value:,.0f}" for key, value in self.heights_m.items())
        yield (
            f"heights [m]: {spread}; {self.void_share:.2%} void, {self.zero_share:.2%} exactly 0"
        )
        for kind, places in (("masts", self.masts), ("villages", self.villages)):
            yield from _place_lines(kind, places)

    def warnings(self) -> list[str]:
        """Return a warning where the lists' own heights are not those of the elevation.

        Where most of them differ, one of the two is not what it says; where single ones do, those
        places are wrong, and they are named.
        """
        found = []
        for kind, places in (("masts", self.masts), ("villages", self.villages)):
            known = [place for place in places if _apart(place) >= 0.0]
            far = sorted((p for p in known if _apart(p) > _FAR_M), key=lambda p: -_apart(p))
            middle_m = float(np.median([_apart(p) for p in known])) if known else 0.0
            if len(known) >= _FEWEST and middle_m > _APART_M:
                found.append(
                    f"the heights that the list of {kind} gives differ from the elevation by "
                    f"{middle_m:,.0f} m (median of {len(known)}): one of the two is in feet, "
                    "another place, or no height of the ground"
                )
            elif far:
                named = ", ".join(
                    f"{p.name} (listed {p.listed_m:,.0f} m, ground {p.ground_m:,.0f} m)"
                    for p in far[:_NAMED]
                )
                more = f" and {len(far) - _NAMED} more" if len(far) > _NAMED else ""
                found.append(
                    f"{len(far)} of {len(known)} {kind} stand on ground more than {_FAR_M:g} m "
                    f"above or below the height that their list gives: {named}{more}: check their "
                    "positions"
                )
        return found

    def as_json(self) -> dict[str, Any]:
        """Return the same, JSON-ready; what is not known is null."""
        return {
            "heights_m": {key: _or_none(value) for key, value in self.heights_m.items()},
            "void_share": self.void_share,
            "zero_share": self.zero_share,
            **{
                kind: [
                    {
                        "name": place.name,
                        "ground_m": _or_none(place.ground_m),
                        "listed_m": _or_none(place.listed_m),
                    }
                    for place in places
                ]
                for kind, places in (("masts", self.masts), ("villages", self.villages))
            },
        }


def check_ground(land: Land, network: Network) -> GroundCheck:
    """Return the heights of a land and those under its masts and villages."""
    known = land.ground_m[np.isfinite(land.ground_m)]
    heights_m = {
        key: float(np.quantile(known, share)) if known.size else nan
        for key, share in _QUANTILES.items()
    }
    to_grid = Transformer.from_crs("EPSG:4326", land.grid.crs, always_xy=True)
    masts = []
    for mast in network.masts:
        place = to_grid.transform(mast.lon_deg, mast.lat_deg)
        masts.append(
            PlaceOnGround(
                name=mast.mast_id,
                ground_m=_ground_m(land, *place),
                listed_m=nan if mast.listed_ground_m is None else mast.listed_ground_m,
            )
        )
    table = land.villages
    listed = table["listed_ground_m"] if "listed_ground_m" in table else [nan] * len(table)
    villages = [
        PlaceOnGround(
            name=str(name) or str(village_id),
            ground_m=_ground_m(land, float(easting_m), float(northing_m)),
            listed_m=float(height_m),
        )
        for name, village_id, easting_m, northing_m, height_m in zip(
            table["name"],
            table["village_id"],
            table["centre_easting_m"],
            table["centre_northing_m"],
            listed,
            strict=True,
        )
    ]
    return GroundCheck(
        heights_m=heights_m,
        void_share=1.0 - known.size / land.ground_m.size,
        zero_share=float(np.count_nonzero(known == 0.0)) / land.ground_m.size,
        masts=tuple(masts),
        villages=tuple(villages),
    )


def _ground_m(land: Land, easting_m: float, northing_m: float) -> float:
    """Return the height of the cell under a position [m], NaN off the grid or in a void."""
    if not land.grid.contains(easting_m, northing_m):
        return nan
    row, col = (int(np.floor(place + 0.5)) for place in land.grid.row_col(easting_m, northing_m))
    return float(land.ground_m[min(row, land.grid.rows - 1), min(col, land.grid.cols - 1)])


def _place_lines(kind: str, places: Sequence[PlaceOnGround]) -> Iterator[str]:
    heights = [place.ground_m for place in places if isfinite(place.ground_m)]
    if not heights:
        yield f"ground under {kind}: not known"
        return
    yield f"ground under {kind}: {min(heights):,.0f} to {max(heights):,.0f} m"
    shown = list(places)
    if len(places) > _SHOWN:
        by_height = sorted(places, key=lambda place: (not isfinite(place.ground_m), place.ground_m))
        shown = [*by_height[:5], *by_height[-5:]]
        far = sorted(places, key=lambda p: -_apart(p))[:5]
        shown = list(dict.fromkeys([*shown, *(p for p in far if _apart(p) > _APART_M)]))
    for place in shown:
        beside = f", listed {place.listed_m:,.0f} m" if isfinite(place.listed_m) else ""
        height = f"{place.ground_m:,.0f} m" if isfinite(place.ground_m) else "no height"
        yield f"  {height:>9}  {place.name}{beside}"
    if len(places) > len(shown):
        yield f"  … lowest, highest and farthest from their list of {len(places)}; all with --json"


def _apart(place: PlaceOnGround) -> float:
    apart = abs(place.ground_m - place.listed_m)
    return apart if isfinite(apart) else -1.0


def _or_none(value: float) -> float | None:
    return value if isfinite(value) else None
