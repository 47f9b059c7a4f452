"""The record of one propagation model: what it needs, where it holds, how it is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, nan
from typing import TYPE_CHECKING, Literal, TypeAlias

from lensong.propagation.errors import InvalidInputError, OutOfRangeError

if TYPE_CHECKING:
    from lensong.propagation.link import Climate, Link
    from lensong.propagation.p1812 import PathProfile
    from lensong.propagation.pixel_order import PixelOrder
    from lensong.propagation.sweep_request import SweepRequest
    from lensong.propagation.sweep_result import Layers
    from lensong.propagation.terrain import Terrain
    from lensong.propagation.types import FloatArray

__all__ = ["ANY", "DistanceLoss", "Map", "MapModel", "Model", "ProfileLoss"]

ANY = (nan, nan)
"""The range of a quantity that a model does not use."""

DistanceLoss: TypeAlias = "Callable[[FloatArray, FloatArray, Link], FloatArray]"
"""Loss [dB] from horizontal and slant distances [m], NaN where the model does not reach."""

ProfileLoss: TypeAlias = "Callable[[PathProfile, Link, Climate], float]"
"""Loss [dB] over one profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """A map to be filled: carriers of one antenna over one window of the land.

    Parameters
    ----------
    requests : tuple of SweepRequest
        They differ in frequency alone.
    terrain : Terrain
    row0, col0 : int
        Raster position of the window's top left cell.
    layers : Layers
        NaN where no loss is known yet.
    """

    requests: tuple[SweepRequest, ...]
    terrain: Terrain
    row0: int
    col0: int
    layers: Layers


MapModel: TypeAlias = "Callable[[Map, PixelOrder], None]"
"""Fills the layers of a map at the pixels of an order. Orders of several threads share a map."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a user has to know before choosing a model, and how lensong calls it.

    Parameters
    ----------
    name : str
        How scenarios and the command line call it.
    title : str
        What it computes, in one line.
    kind : {"path", "statistical", "add_on"}
        From a terrain profile; from distance and heights alone; or a correction to either.
    freq_mhz, distance_m, tx_height_m, rx_height_m, time_percent : (float, float)
        Closed range [MHz], [m], [%]; NaN where the quantity does not enter.
    source : str
        Where the formulas come from.
    function : callable
        The public function, to be called with arguments of its own.
    over_profile : ProfileLoss, optional
        The whole loss of a path, of a model that follows the ground.
    over_distance : DistanceLoss, optional
        The same of a model that does not.
    draw : MapModel, optional
        Of a model that draws maps.
    radials_per_cell, own_samples : float, int
        Of a map that walks radials: how many for each cell of the circumference, and the least
        number of samples before the pixel that are read on its own line.
    town_clutter : bool
        Whether houses around the phone are in its loss already.
    instead : str
        What to use outside the range.
    """

    name: str
    title: str
    kind: Literal["path", "statistical", "add_on"]
    freq_mhz: tuple[float, float]
    distance_m: tuple[float, float] = ANY
    tx_height_m: tuple[float, float] = ANY
    rx_height_m: tuple[float, float] = ANY
    time_percent: tuple[float, float] = ANY
    source: str
    function: Callable[..., object]
    over_profile: ProfileLoss | None = None
    over_distance: DistanceLoss | None = None
    draw: MapModel | None = None
    radials_per_cell: float = 1.0
    own_samples: int = 6
    town_clutter: bool = False
    instead: str

    def __post_init__(self) -> None:
        for name in ("freq_mhz", "distance_m", "tx_height_m", "rx_height_m", "time_percent"):
            low, high = getattr(self, name)
            if isnan(low) != isnan(high) or low > high:
                raise InvalidInputError(
                    f"{name} of {self.name} is {low} to {high}, wanted a range or twice NaN"
                )
        wanted = {"path": self.over_distance, "statistical": self.over_profile}
        if wanted.get(self.kind, self.over_distance or self.over_profile) is not None:
            raise InvalidInputError(f"{self.name} is {self.kind} and has a loss of another kind")

    @property
    def map_engine(self) -> bool:
        """Return whether a scenario may name it as the model of its maps."""
        return self.draw is not None

    @property
    def point_model(self) -> bool:
        """Return whether it gives the whole loss of a path."""
        return self.over_profile is not None or self.over_distance is not None

    @property
    def function_name(self) -> str:
        """Return the dotted name of the public function."""
        return f"{self.function.__module__}.{self.function.__qualname__}"

    def check(self, request: SweepRequest) -> None:
        """Refuse what the model does not hold for, and name the one that does.

        Raises
        ------
        OutOfRangeError
            When frequency, heights or time lie outside the range.
        """
        source = f"{self.name}, {self.source}"
        for field, (low, high) in (
            ("freq_mhz", self.freq_mhz),
            ("tx_height_agl_m", self.tx_height_m),
            ("rx_height_agl_m", self.rx_height_m),
        ):
            value = getattr(request, field)
            if not isnan(low) and not low <= value <= high:
                hint = f"use {self.instead}"
                raise OutOfRangeError(field, value, low, high, source=source, hint=hint)
        low, high = self.time_percent
        if not isnan(low) and not low <= request.time_percent <= high:
            raise OutOfRangeError(
                "time_percent",
                request.time_percent,
                low,
                high,
                source=source,
                hint="the model knows the loss not exceeded for up to half the time; use itm "
                "beyond",
            )
