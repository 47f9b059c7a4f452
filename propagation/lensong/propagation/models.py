"""Every model and correction by name: what it needs, where it holds and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from math import inf, isnan, nan
from typing import Literal

from lensong.propagation.errors import ConfigError, InvalidInputError
from lensong.propagation.tr38901 import SCENARIOS

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


def _hata(
    name: str,
    title: str,
    *,
    freq_mhz: tuple[float, float],
    distance_m: tuple[float, float],
    heights_m: tuple[tuple[float, float], tuple[float, float]],
    source: str,
    function: str,
    instead: str,
) -> ModelInfo:
    return ModelInfo(
        name=name,
        title=title,
        kind="statistical",
        map_engine=True,
        freq_mhz=freq_mhz,
        distance_m=distance_m,
        tx_height_m=heights_m[0],
        rx_height_m=heights_m[1],
        source=source,
        function=f"lensong.propagation.hata.{function}",
        instead=instead,
    )


def _okumura_hata(name: str, where: str) -> ModelInfo:
    return _hata(
        name,
        f"Okumura-Hata, {where}",
        freq_mhz=(150.0, 1500.0),
        distance_m=(1000.0, 20_000.0),
        heights_m=((30.0, 200.0), (1.0, 10.0)),
        source="M. Hata, IEEE Trans. Veh. Technol. 29(3), 1980",
        function="okumura_hata_loss_db",
        instead="extended_hata to 3000 MHz and 100 km; itu_r_p1812 in relief",
    )


def _extended_hata(name: str, where: str) -> ModelInfo:
    return _hata(
        name,
        f"Modified Hata of CEPT (SEAMCAT), {where}",
        freq_mhz=(30.0, 3000.0),
        distance_m=(0.0, 100_000.0),
        heights_m=((1.0, 200.0), (1.0, 200.0)),
        source="ERC Report 68 (2002); Report ITU-R SM.2028",
        function="extended_hata_loss_db",
        instead="tr38901_rma above 3000 MHz; itu_r_p1812 in relief",
    )


def _tr38901(scenario: str, title: str) -> ModelInfo:
    limits = SCENARIOS[scenario]
    return ModelInfo(
        name=f"tr38901_{scenario}",
        title=title,
        kind="statistical",
        map_engine=True,
        freq_mhz=limits.freq_mhz,
        distance_m=limits.distance_m,
        tx_height_m=limits.tx_height_m,
        rx_height_m=limits.rx_height_m,
        source="3GPP TR 38.901 v17.0.0, tables 7.4.1-1 and 7.4.2-1",
        function="lensong.propagation.tr38901.path_loss_db",
        instead=limits.instead.removeprefix("use "),
    )


def _add_on(
    name: str,
    title: str,
    freq_mhz: tuple[float, float],
    function: str,
    source: str,
    instead: str,
    *,
    distance_m: tuple[float, float] = ANY,
) -> ModelInfo:
    return ModelInfo(
        name=name,
        title=title,
        kind="add_on",
        map_engine=False,
        freq_mhz=freq_mhz,
        distance_m=distance_m,
        source=source,
        function=f"lensong.propagation.{function}",
        instead=instead,
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
        map_engine=True,
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
    _okumura_hata("okumura_hata", "town"),
    _okumura_hata("okumura_hata_suburban", "suburb"),
    _okumura_hata("okumura_hata_open", "open land"),
    _hata(
        "cost231_hata",
        "COST-231-Hata, medium town",
        freq_mhz=(1500.0, 2000.0),
        distance_m=(1000.0, 20_000.0),
        heights_m=((30.0, 200.0), (1.0, 10.0)),
        source="COST 231 final report (1999), section 4.4.1",
        function="cost231_hata_loss_db",
        instead="okumura_hata to 1500 MHz; extended_hata to 3000 MHz; itu_r_p1812 in relief",
    ),
    _extended_hata("extended_hata", "town"),
    _extended_hata("extended_hata_suburban", "suburb"),
    _extended_hata("extended_hata_open", "open land"),
    _tr38901("rma", "3GPP rural macro, line of sight by its probability"),
    _tr38901("uma", "3GPP urban macro, line of sight by its probability"),
    _tr38901("umi", "3GPP urban micro in a street canyon, line of sight by its probability"),
    _add_on(
        "itu_r_p2108_height_gain",
        "Clutter around an antenna below its top",
        (30.0, 3000.0),
        "p2108.height_gain_loss_db",
        "Recommendation ITU-R P.2108-1, section 3.1",
        "itu_r_p2108_terrestrial above 3 GHz",
    ),
    _add_on(
        "itu_r_p2108_terrestrial",
        "Clutter at the end of a terrestrial path, by share of places, in towns",
        (500.0, 67_000.0),
        "p2108.terrestrial_clutter_loss_db",
        "Recommendation ITU-R P.2108-1, section 3.2",
        "itu_r_p2108_height_gain below 500 MHz and nearer than 250 m",
        distance_m=(250.0, inf),
    ),
    _add_on(
        "itu_r_p2108_slant",
        "Clutter toward an aircraft or satellite, by elevation and share of places",
        (10_000.0, 100_000.0),
        "p2108.slant_clutter_loss_db",
        "Recommendation ITU-R P.2108-1, section 3.3",
        "itu_r_p2108_terrestrial below 10 GHz",
    ),
    _add_on(
        "itu_r_p2109",
        "Entry into a building, by share of places",
        (80.0, 100_000.0),
        "p2109.building_entry_loss_db",
        "Recommendation ITU-R P.2109-2",
        "a measured entry loss",
    ),
    _add_on(
        "itu_r_p833_woodland",
        "One end inside a wood",
        (105.9, 2200.0),
        "p833.woodland_loss_db",
        "Recommendation ITU-R P.833-10, section 2.1",
        "clutter heights in itu_r_p1812",
    ),
    _add_on(
        "itu_r_p833_slant",
        "Slanting path through pine wood",
        (1000.0, 30_000.0),
        "p833.slant_woodland_loss_db",
        "Recommendation ITU-R P.833-10, section 2.2",
        "itu_r_p833_woodland below 1 GHz and for level paths",
    ),
    _add_on(
        "itu_r_p833_single",
        "Path through one stand of trees",
        (105.9, 1000.0),
        "p833.single_vegetation_loss_db",
        "Recommendation ITU-R P.833-10, section 3.1",
        "diffraction over the trees (clutter heights in itu_r_p1812) above 1 GHz",
    ),
    _add_on(
        "itu_r_p676",
        "Oxygen and water vapour, line by line",
        (1000.0, 1_000_000.0),
        "p676.gas_attenuation_db",
        "Recommendation ITU-R P.676-12, Annex 1",
        "0 dB below 1 GHz",
    ),
    _add_on(
        "itu_r_p838",
        "Rain per kilometre",
        (1000.0, 1_000_000.0),
        "p838.rain_specific_attenuation_db_per_km",
        "Recommendation ITU-R P.838-3",
        "0 dB below 1 GHz",
    ),
    _add_on(
        "itu_r_p530",
        "Rain and multipath of a microwave hop, and its availability",
        (1000.0, 100_000.0),
        "p530.hop_availability",
        "Recommendation ITU-R P.530-18, sections 2.3 and 2.4.1",
        "itu_r_p452 for paths beyond the horizon",
        distance_m=(0.0, 60_000.0),
    ),
    ModelInfo(
        name="itu_r_p452",
        title="Point-to-point in clear air, for interference and microwave links",
        kind="path",
        map_engine=False,
        freq_mhz=(100.0, 50_000.0),
        distance_m=(250.0, 10_000_000.0),
        tx_height_m=(1.0, 20_000.0),
        rx_height_m=(1.0, 20_000.0),
        source="Recommendation ITU-R P.452-18, Annex 1, sections 3 and 4",
        function="lensong.propagation.p452.basic_transmission_loss_db",
        instead="itu_r_p1812 below 100 MHz and for shares of places; free_space below 250 m",
    ),
    _add_on(
        "itu_r_p2108_down_looking",
        "Clutter at a phone under a mast on a slope, by elevation, in towns",
        (500.0, 67_000.0),
        "slant_clutter.down_looking_clutter_loss_db",
        "Recommendation ITU-R P.2108-1, lesser of sections 3.2 and 3.3 (carried below 10 GHz)",
        "itu_r_p2108_height_gain below 500 MHz and nearer than 250 m",
        distance_m=(250.0, inf),
    ),
    ModelInfo(
        name="itm",
        title="Longley-Rice over a terrain profile or an area, without clutter",
        kind="path",
        map_engine=True,
        freq_mhz=(20.0, 20_000.0),
        distance_m=(1000.0, 2_000_000.0),
        tx_height_m=(0.5, 3000.0),
        rx_height_m=(0.5, 3000.0),
        source="NTIA Irregular Terrain Model 1.4",
        function="lensong.propagation.itm.point_to_point",
        instead="itu_r_p1812 where clutter counts and nearer than 1 km; itu_r_p452 above 20 GHz",
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
