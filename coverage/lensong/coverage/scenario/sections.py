"""The scenario file's sections, keys, types and defaults; nothing else is accepted in one.

Every key is explained in docs/how-to/scenario.md.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from lensong.coverage.service import DEFAULT_SERVICES
from lensong.propagation.models import model_name
from lensong.propagation.terminal import LONGEST_CLEARING_M, TERMINAL_CLEARING_M

__all__ = ["FILE_KEYS", "ScenarioFile"]

_Share = Annotated[float, Field(ge=0.0, le=1.0)]
_Azimuth = Annotated[float, Field(ge=0.0, le=360.0)]
_Downtilt = Annotated[float, Field(ge=-30.0, le=90.0)]
_Height = Annotated[float, Field(ge=1.0, le=3000.0)]
_Technology = Literal["4G", "5G"]
_LengthUnit = Literal["m", "ft"]

FILE_KEYS = (
    "area.boundary",
    "elevation.path",
    "land_cover.path",
    "land_cover.table",
    "clutter_heights.path",
    "population.path",
    "population.census",
    "villages.path",
    "communes.path",
    "network.cells",
    "network.atoll.sites",
    "network.atoll.transmitters",
    "network.atoll.cells",
    "network.antennas",
    "siting.proposals",
    "calibration.file",
    "map.lines",
    "siting.fibre.path",
    "siting.grid.path",
    "siting.microwave.rain_map",
    "map.measurements",
)
"""Keys whose value is a file or folder beside the scenario."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class AreaSection(_Section):
    """[area]."""

    boundary: str = ""
    bbox_deg: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None
    crs: str = "auto"
    resolution_m: Annotated[float, Field(ge=1.0, le=1000.0)] = 30.0


class ElevationSection(_Section):
    """[elevation]."""

    path: str | list[str]
    kind: Literal["auto", "terrain", "surface"] = "auto"
    unit: Literal["auto", "m", "ft"] = "auto"
    fill_voids: bool = False
    max_void_share: _Share = 0.001
    sea_where_missing: bool = False


class LandCoverSection(_Section):
    """[land_cover]."""

    path: str
    table: str = ""
    with_surface_model: bool = False


class ClutterHeightsSection(_Section):
    """[clutter_heights]."""

    path: str | list[str]
    kind: Literal["above_ground", "surface"] = "above_ground"


class PopulationSection(_Section):
    """[population]."""

    path: str
    unit: Literal["auto", "people", "per_km2", "per_ha"] = "auto"
    census: str = ""


class VillagesSection(_Section):
    """[villages]."""

    path: str
    layer: str = ""
    radius_m: Annotated[float, Field(gt=0.0, le=20_000.0)] = 500.0
    columns: dict[str, str] = {}


class CommunesSection(_Section):
    """[communes]."""

    path: str
    layer: str = ""
    columns: dict[str, str] = {}


class AtollSection(_Section):
    """[network.atoll]: the three tables."""

    sites: str
    transmitters: str
    cells: str


class AssumeSection(_Section):
    """[network.assume]."""

    height_agl_m: _Height = 30.0
    azimuths_deg: list[_Azimuth] = [0.0, 120.0, 240.0]
    antenna: str = "3gpp"
    antenna_gain_dbi: Annotated[float, Field(ge=-20.0, le=60.0)] | None = None
    horizontal_beamwidth_deg: Annotated[float, Field(ge=1.0, le=360.0)] = 65.0
    vertical_beamwidth_deg: Annotated[float, Field(gt=0.0, le=180.0)] | None = None
    mechanical_downtilt_deg: _Downtilt = 3.0
    electrical_downtilt_deg: _Downtilt = 0.0
    total_power_dbm: Annotated[float, Field(ge=-30.0, le=80.0)] = 46.0
    carriers: Annotated[list[str], Field(min_length=1)] = ["4G B3 20 MHz"]
    downlink_load: _Share = 0.5
    uplink_noise_rise_db: Annotated[float, Field(ge=0.0, le=40.0)] = 2.0
    noise_figure_db: Annotated[float, Field(ge=0.0, le=30.0)] = 3.0
    feeder_loss_db: Annotated[float, Field(ge=0.0, le=30.0)] = 0.0
    tdd_uplink_share: _Share = 0.25
    granted_uplink_resource_blocks: Annotated[int, Field(ge=1, le=275)] | None = None


class NetworkSection(_Section):
    """[network]."""

    cells: str = ""
    atoll: AtollSection | None = None
    layer: str = ""
    format: Literal["auto", "plain", "atoll", "planet", "opencellid", "sites"] = "auto"
    columns: dict[str, str] = {}
    power: Literal["auto", "total", "per_re"] = "auto"
    height_unit: _LengthUnit = "m"
    crs: str = ""
    antennas: str = ""
    operators: list[str] = []
    technologies: list[_Technology] = []
    radius_m: Annotated[float, Field(ge=250.0, le=100_000.0)] = 15_000.0
    doubtful_masts: Literal["refuse", "accept"] = "refuse"
    assume: AssumeSection = AssumeSection()


class ServiceSection(_Section):
    """[[service]]; ranges are checked by the service itself."""

    name: str
    technologies: list[_Technology] = ["4G", "5G"]
    downlink_mbps: float
    uplink_mbps: float
    probability: float = 0.9
    min_rsrp_dbm: Annotated[float, Field(ge=-160.0, le=-30.0)] = -124.0


_DEFAULT_SERVICES = [
    ServiceSection(**{**asdict(service), "technologies": list(service.technologies)})
    for service in DEFAULT_SERVICES
]


class HandsetSection(_Section):
    """[handset]."""

    height_agl_m: _Height = 1.5
    tx_power_dbm: Annotated[float, Field(ge=-10.0, le=40.0)] = 23.0
    gain_dbi: Annotated[float, Field(ge=-20.0, le=30.0)] = 0.0
    noise_figure_db: Annotated[float, Field(ge=0.0, le=30.0)] = 7.0
    body_loss_db: Annotated[float, Field(ge=0.0, le=40.0)] = 0.0
    penetration_loss_db: Annotated[float, Field(ge=0.0, le=60.0)] = 0.0
    indoor: Literal["none", "traditional", "efficient"] = "none"
    downlink_modulation: Literal["64QAM", "256QAM"] = "256QAM"
    uplink_modulation: Literal["16QAM", "64QAM"] = "64QAM"
    uplink_carrier_aggregation: bool = False


class PropagationSection(_Section):
    """[propagation]."""

    model: Annotated[str, AfterValidator(model_name)] = "itu_r_p1812"
    delta_n_per_km: Annotated[float, Field(gt=0.0, le=200.0)] = 44.0
    n0: Annotated[float, Field(ge=200.0, le=500.0)] = 365.5
    time_percent: Annotated[float, Field(ge=1.0, le=50.0)] = 50.0
    polarization: Literal["vertical", "horizontal"] = "vertical"
    terminal_clearing_m: Annotated[float, Field(ge=0.0, le=LONGEST_CLEARING_M)] = (
        TERMINAL_CLEARING_M
    )
    location_sigma_db: Annotated[float, Field(ge=0.0, le=30.0)] = 4.0
    model_sigma_db: Annotated[float, Field(ge=0.0, le=30.0)] = 7.0
    shadowing_correlation: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5


class CalibrationSection(_Section):
    """[calibration]."""

    file: str


class ItuMapsSection(_Section):
    """[itu_maps]."""

    path: str


class ClassesSection(_Section):
    """[classes]."""

    service: str = "voice-data"
    covered_share: _Share = 0.95
    no_signal_share: _Share = 0.05


class StreamsSection(_Section):
    """[streams]; what its lists name is checked with the services and the cell list."""

    services: list[str] = []
    most: Annotated[int, Field(ge=0, le=60)] = 20
    sims: list[str] = []
    control_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.04
    other_uplink_load: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0


class CausesSection(_Section):
    """[causes]; ranges are checked by the settings themselves."""

    villages: bool = True
    counterfactuals: int = 5


class ChangesSection(_Section):
    """[siting.changes]; ranges are checked by the settings themselves."""

    tilt_cost: float | None = None
    azimuth_cost: float | None = None
    power_cost: float | None = None
    carrier_cost: float | None = None
    tilts_deg: Annotated[list[float], Field(min_length=1)] = [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    azimuth_turns_deg: Annotated[list[float], Field(min_length=1)] = [-40.0, -20.0, 20.0, 40.0]
    power_steps_db: Annotated[list[float], Field(min_length=1)] = [-6.0, -3.0, 3.0]
    most_power_dbm: float | None = None
    carriers: list[str] = []
    assumed: bool = False
    most_cost_per_person: float | None = None


class SitingLineSection(_Section):
    """[siting.grid]; ranges of all that follows are checked by the settings themselves."""

    path: str
    layer: str = ""
    reach_m: float = 3000.0
    cost: float | None = None
    cost_per_km: float | None = None


class SitingFibreSection(SitingLineSection):
    """[siting.fibre]."""

    uplink_mbps: float | None = None


class SitingMicrowaveSection(_Section):
    """[siting.microwave]."""

    freq_mhz: float = 18_000.0
    reach_m: float = 30_000.0
    rain_rate_mm_per_h: float | None = None
    rain_map: str = ""
    availability_percent: float = 99.99
    from_backhaul: list[str] = []
    cost: float | None = None
    uplink_mbps: float | None = None
    power_dbm: float = 20.0
    gain_dbi: float = 38.0
    feeder_loss_db: float = 0.0
    threshold_dbm: float = -70.0
    geoclimatic_factor: float = 1e-4
    dn75: float = 20.0
    polarization: Literal["vertical", "horizontal"] = "vertical"
    climate: Literal["tropical", "temperate"] = "tropical"
    k_low: float = 2.0 / 3.0


class SitingSatelliteSection(_Section):
    """[siting.satellite]."""

    altitude_m: float = 550_000.0
    inclination_deg: float = 53.0
    planes: int = 72
    per_plane: int = 22
    phasing: int | None = None
    mask_deg: float = 25.0
    least_sky_share: float = 0.5
    least_visible_percent: float = 99.0
    terminal_agl_m: float = 5.0
    cost: float | None = None
    uplink_mbps: float | None = None


class SitingSolarSection(_Section):
    """[siting.solar]."""

    load_w: float
    level_kwh_per_m2_day: list[float]
    tilt_deg: float | None = None
    azimuth_deg: float | None = None
    panel_agl_m: float = 3.0
    performance_ratio: float = 0.7
    array_to_load: float = 1.2
    autonomy_days: float = 3.0
    depth_of_discharge: float = 0.8
    most_panel_w: float | None = None
    cost: float | None = None
    panel_cost_per_w: float | None = None
    battery_cost_per_wh: float | None = None


class SitingSection(_Section):
    """[siting]."""

    standing_mast_cost: float | None = None
    new_mast_cost: float | None = None
    money: str = ""
    proposals: str = ""
    changes: ChangesSection = ChangesSection()
    mast_uplink_mbps: float | None = None
    standing_is_fed: bool = True
    fibre: SitingFibreSection | None = None
    microwave: SitingMicrowaveSection | None = None
    satellite: SitingSatelliteSection | None = None
    grid: SitingLineSection | None = None
    solar: SitingSolarSection | None = None


class ReportSection(_Section):
    """[report]."""

    rsrp_dbm: Annotated[list[float], Field(min_length=2, max_length=12)] = [
        -124.0,
        -115.0,
        -105.0,
        -95.0,
        -85.0,
        -75.0,
    ]


class LinesSection(_Section):
    """[[map.lines]]."""

    path: str
    layer: str = ""
    kind: Literal["auto", "road", "river", "other"] = "auto"
    name: str = ""


def _by_path(value: Any) -> Any:  # Any: whatever the file has there
    return {"path": value} if isinstance(value, str) else value


class MapSection(_Section):
    """[map]; an entry of ``lines`` may be its path alone."""

    lines: list[Annotated[LinesSection, BeforeValidator(_by_path)]] = []
    measurements: list[str] = []


class ScenarioFile(_Section):
    """The whole file."""

    title: str = ""
    synthetic: bool = False
    attribution: list[str] = []
    area: AreaSection = AreaSection()
    elevation: ElevationSection
    land_cover: LandCoverSection | None = None
    clutter_heights: ClutterHeightsSection | None = None
    population: PopulationSection | None = None
    villages: VillagesSection
    communes: CommunesSection | None = None
    network: NetworkSection
    service: Annotated[list[ServiceSection], Field(min_length=1)] = _DEFAULT_SERVICES
    handset: HandsetSection = HandsetSection()
    propagation: PropagationSection = PropagationSection()
    calibration: CalibrationSection | None = None
    itu_maps: ItuMapsSection | None = None
    classes: ClassesSection = ClassesSection()
    streams: StreamsSection = StreamsSection()
    causes: CausesSection = CausesSection()
    siting: SitingSection = SitingSection()
    report: ReportSection = ReportSection()
    map: MapSection = MapSection()
