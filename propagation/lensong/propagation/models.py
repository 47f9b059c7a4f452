"""Every model and correction by name: what it needs, where it holds and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from math import inf, isnan, nan
from typing import Literal

from lensong.propagation.errors import ConfigError, InvalidInputError

__all__ = ["ANY", "MODELS", "ModelInfo", "model"]

ANY = (nan, nan)
"""The range of a quantity that a model does not use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What a user has to know before choosing a model.

    Parameters
    ----------
    name : str
        How scenarios and the command line call it.
    title : str
        What it computes, in one line.
    kind : {"path", "statistical", "add_on"}
        From a terrain profile; from distance and heights alone; or a correction to either.
    map_engine : bool
        Whether a scenario may name it as the model of its maps.
    freq_mhz, distance_m, tx_height_m, rx_height_m : (float, float)
        Closed range [MHz], [m]; NaN where the quantity does not enter.
    source : str
        Where the formulas come from.
    function : str
        Dotted name of the public function.
    instead : str
        What to use outside the range.
    """

    name: str
    title: str
    kind: Literal["path", "statistical", "add_on"]
    map_engine: bool
    freq_mhz: tuple[float, float]
    distance_m: tuple[float, float] = ANY
    tx_height_m: tuple[float, float] = ANY
    rx_height_m: tuple[float, float] = ANY
    source: str
    function: str
    instead: str

    def __post_init__(self) -> None:
        for name in ("freq_mhz", "distance_m", "tx_height_m", "rx_height_m"):
            low, high = getattr(self, name)
            if isnan(low) != isnan(high) or low > high:
                raise InvalidInputError(
                    f"{name} of {self.name} is {low} to {high}, wanted a range or twice NaN"
                )


MODELS: tuple[ModelInfo, ...] = (
    ModelInfo(
        name="itu_r_p1812",
        title="Point-to-area over a terrain profile, with clutter and share of time",
        kind="path",
        map_engine=True,
        freq_mhz=(30.0, 6000.0),
        distance_m=(250.0, 3_000_000.0),
        tx_height_m=(1.0, 3000.0),
        rx_height_m=(1.0, 3000.0),
        source="Recommendation ITU-R P.1812-7, Annex 1 (troposcatter of P.1812-6)",
        function="lensong.propagation.p1812.basic_transmission_loss_db",
        instead="itu_r_p452 above 6 GHz; free_space below 250 m",
    ),
    ModelInfo(
        name="free_space",
        title="Free-space loss, the floor under every other model",
        kind="statistical",
        map_engine=False,
        freq_mhz=(0.0, inf),
        distance_m=(0.0, inf),
        source="Recommendation ITU-R P.525-4, eq. (4)",
        function="lensong.propagation.free_space.free_space_loss_db",
        instead="itu_r_p1812 where ground or buildings are in the way",
    ),
    ModelInfo(
        name="itu_r_p526_bullington",
        title="Diffraction over a profile, replaced by one knife edge",
        kind="path",
        map_engine=False,
        freq_mhz=(0.0, inf),
        distance_m=(0.0, inf),
        source="Recommendation ITU-R P.526-15, section 4.5.1",
        function="lensong.propagation.diffraction.bullington_loss_db",
        instead="itu_r_p1812 for the whole loss of a path",
    ),
    ModelInfo(
        name="itu_r_p526_delta_bullington",
        title="Diffraction over a profile: Bullington plus what a smooth Earth adds",
        kind="path",
        map_engine=False,
        freq_mhz=(0.0, inf),
        distance_m=(0.0, inf),
        source="Recommendation ITU-R P.526-15, section 4.5.2",
        function="lensong.propagation.diffraction.delta_bullington_loss_db",
        instead="itu_r_p1812 for the whole loss of a path",
    ),
    ModelInfo(
        name="itu_r_p526_knife_edges",
        title="Diffraction over the main edge of a profile and one more on either side",
        kind="path",
        map_engine=False,
        freq_mhz=(0.0, inf),
        distance_m=(0.0, inf),
        source="Recommendation ITU-R P.526-11, section 4.4.2",
        function="lensong.propagation.knife_edges.multiple_knife_edge_loss_db",
        instead="itu_r_p526_delta_bullington for sampled terrain",
    ),
)
"""In the order in which they are listed."""


def model(name: str) -> ModelInfo:
    """Return the entry of a model.

    Raises
    ------
    ConfigError
        For an unknown name; names the nearest known ones.
    """
    by_name = {entry.name: entry for entry in MODELS}
    if name in by_name:
        return by_name[name]
    near = get_close_matches(name, by_name, n=3, cutoff=0.4) or [n for n in by_name if name in n]
    guess = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(by_name)}"
    raise ConfigError(f"model is {name!r}, wanted a known name: {guess}")
