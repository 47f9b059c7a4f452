"""A small, believable plan result made by hand: a valley, twelve villages, three masts.

The radio numbers come from a plain log-distance law with a line-of-sight check, good enough to
look right on a map; nothing here claims to be a model.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import MultiLineString, Point, Polygon, box

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.causes.split import TERMS
from lensong.coverage.network import Carrier, Cell, Mast, Network, Technology
from lensong.coverage.result import REASONS, PlanResult, ServiceLayers, TechnologyLayers
from lensong.coverage.service import DEFAULT_SERVICES, Handset, Service
from lensong.coverage.village_weights import village_weights
from lensong.coverage.villages import ClassThresholds, operator_columns
from lensong.gis_data.land import Land, Source
from lensong.propagation.types import Float32Array, FloatArray, Grid
from tests.layer_sets import layers_of

CRS = "EPSG:32648"
GRID = Grid(crs=CRS, west_m=355_000.0, north_m=2_476_000.0, cell_m=60.0, rows=200, cols=200)
TECHNOLOGIES: tuple[Technology, ...] = ("4G", "5G")
# name, commune, row, col, people
PLACES = (
    ("Bình Lư", "Xã Bình Lư", 104, 88, 1840),
    ("Nà Đon", "Xã Bình Lư", 96, 70, 612),
    ("Thèn Thầu", "Xã Bình Lư", 118, 112, 433),
    ("Hoa Lư", "Xã Bình Lư", 86, 104, 288),
    ("Bản Hon", "Xã Bình Lư", 146, 60, 377),
    ("Sin Câu", "Xã Khun Há", 168, 96, 254),
    ("Lao Chải", "Xã Khun Há", 182, 142, 198),
    ("Ngài Thầu Cao", "Xã Khun Há", 150, 166, 163),
    ("Sùng Phài", "Xã Tả Lèng", 40, 48, 521),
    ("Tả Lèng", "Xã Tả Lèng", 26, 92, 344),
    ("Giang Ma", "Xã Tả Lèng", 52, 128, 290),
    ("Hồ Thầu", "Xã Tả Lèng", 30, 168, 231),
)
# mast, name, operator, row, col, technologies
MASTS: tuple[tuple[str, str, str, int, int, tuple[Technology, ...]], ...] = (
    ("LC-BL-01", "Bình Lư trung tâm", "Viettel", 102, 92, TECHNOLOGIES),
    ("LC-TL-02", "Tả Lèng", "VNPT", 44, 60, ("4G",)),
    ("LC-KH-03", "Khun Há", "Viettel", 158, 76, ("4G",)),
)


def _ground_m() -> Float32Array:
    rows, cols = np.mgrid[0:200, 0:200].astype(float)
    across = (cols - 90) * 0.8 - (rows - 100) * 0.45
    along = (cols - 90) * 0.45 + (rows - 100) * 0.8
    valley = 620 + 1450 * (1 - np.exp(-((across / 62) ** 2)))
    spurs = 190 * np.sin(along / 11) * np.cos(across / 17) * (1 - np.exp(-((across / 30) ** 2)))
    grain = 45 * np.sin(rows / 3.1 + cols / 4.7) * np.sin(cols / 2.9 - rows / 6.1)
    pass_ = 260 * np.exp(-(((rows - 74) / 12) ** 2))
    return np.asarray(valley + spurs + grain * 0.5 + pass_, dtype=np.float32)


def _distance_and_blocking(ground: Float32Array, row: int, col: int) -> tuple[FloatArray, ...]:
    rows, cols = np.mgrid[0:200, 0:200].astype(float)
    distance = np.hypot(rows - row, cols - col) * GRID.cell_m
    top = ground[row, col] + 42.0
    worst = np.full(ground.shape, -np.inf)
    for share in np.linspace(0.03, 0.97, 48):
        r = np.rint(row + share * (rows - row)).astype(int)
        c = np.rint(col + share * (cols - col)).astype(int)
        ray = top + share * (ground + 1.5 - top)
        worst = np.maximum(worst, ground[r, c] - ray)
    bearing = np.degrees(np.arctan2(cols - col, row - rows)) % 360.0
    return distance, np.maximum(worst, 0.0), bearing


def _pattern() -> AntennaPattern:
    angle = np.arange(360.0)
    off = np.minimum(angle, 360.0 - angle)
    return AntennaPattern(
        name="3gpp-65",
        gain_dbi=17.0,
        horizontal_loss_db=np.minimum(12 * (off / 65) ** 2, 30.0),
        vertical_loss_db=np.minimum(12 * (off / 8) ** 2, 30.0),
        max_loss_db=30.0,
    )


def _carrier(technology: Technology) -> Carrier:
    lte = technology == "4G"
    duplex: Literal["FDD", "TDD"] = "FDD" if lte else "TDD"
    return Carrier(
        name="B3 1800" if lte else "n41 2500",
        technology=technology,
        downlink_freq_mhz=1842.5 if lte else 2550.0,
        uplink_freq_mhz=1747.5 if lte else 2550.0,
        bandwidth_mhz=20.0 if lte else 60.0,
        subcarrier_spacing_khz=15.0 if lte else 30.0,
        resource_blocks=100 if lte else 162,
        duplex=duplex,
        uplink_share=1.0 if lte else 0.25,
        downlink_share=1.0 if lte else 0.75,
    )


def _network() -> Network:
    lon_lat = gpd.GeoSeries([_point(m[3], m[4]) for m in MASTS], crs=CRS).to_crs(4326)
    masts, cells = [], []
    for (mast_id, name, operator, _, _, technologies), place in zip(MASTS, lon_lat, strict=True):
        masts.append(
            Mast(
                mast_id=mast_id,
                name=name,
                operator=operator,
                lat_deg=place.y,
                lon_deg=place.x,
                height_agl_m=42.0,
                backhaul="microwave",
                uncertain=mast_id == "LC-KH-03",
            )
        )
        for technology in technologies:
            for sector, azimuth in enumerate((20.0, 140.0, 260.0), start=1):
                cells.append(
                    Cell(
                        cell_id=f"{mast_id}-{technology}-{sector}",
                        mast_id=mast_id,
                        operator=operator,
                        carrier=_carrier(technology),
                        antenna=_pattern(),
                        azimuth_deg=azimuth,
                        mechanical_downtilt_deg=3.0,
                        height_agl_m=42.0,
                        total_power_dbm=46.0,
                        granted_uplink_resource_blocks=50,
                        radius_m=15_000.0,
                        assumed=("total_power_dbm",) if mast_id == "LC-KH-03" else (),
                    )
                )
    return Network(
        masts=tuple(masts),
        cells=tuple(cells),
        assumptions=("total_power_dbm of 3 of 12 cells was open and set to 46 dBm",),
        warnings=("mast LC-KH-03 is an estimated position, not a surveyed mast",),
    )


def _point(row: float, col: float) -> Point:
    return Point(*GRID.easting_northing(row, col))


def _technology_layers(
    technology: Technology, network: Network, ground: Float32Array
) -> TechnologyLayers:
    places = {m[0]: (m[3], m[4]) for m in MASTS}
    levels, blocked = [], []
    offset = 30.8 if technology == "4G" else 34.5
    for cell in network.cells:
        if cell.carrier.technology != technology:
            levels.append(np.full(GRID.shape, -np.inf))
            blocked.append(np.zeros(GRID.shape))
            continue
        distance, over, bearing = _distance_and_blocking(ground, *places[cell.mast_id])
        off = np.abs((bearing - cell.azimuth_deg + 180) % 360 - 180)
        gain = 17.0 - np.minimum(12 * (off / 65) ** 2, 30.0)
        shadow = np.where(over > 0, 6 + 7.5 * np.log2(1 + over / 6), 0.0)
        loss = 40 + 30 * np.log10(np.maximum(distance, 60.0)) - 15
        levels.append(cell.total_power_dbm - offset + gain - loss - shadow)
        blocked.append(over)
    stack = np.array(levels)
    order = np.argsort(-stack, axis=0, kind="stable")
    rsrp = np.take_along_axis(stack, order[:1], axis=0)[0]
    second = np.take_along_axis(stack, order[1:2], axis=0)[0]
    over = np.take_along_axis(np.array(blocked), order[:1], axis=0)[0]
    none = rsrp < -140.0
    noise = -125.0
    sinr = rsrp - 10 * np.log10(10 ** (noise / 10) + 0.5 * 10 ** (second / 10))
    wide = 1.0 if technology == "4G" else 2.4
    downlink = 18 * 0.6 * wide * np.log2(1 + 10 ** (np.clip(sinr, -10, 30) / 10))
    uplink = 9 * 0.4 * wide * np.log2(1 + 10 ** ((rsrp + 112) / 10))
    services = {
        s.name: _service_layers(s, rsrp, sinr, uplink, over)
        for s in DEFAULT_SERVICES
        if technology in s.technologies
    }

    def layer(values: FloatArray) -> Float32Array:
        return np.where(none, np.nan, values).astype(np.float32)

    return TechnologyLayers(
        technology=technology,
        rsrp_dbm=layer(rsrp),
        rsrq_db=layer(-10.8 - 0.2 * np.abs(second - rsrp).clip(0, 40)),
        sinr_db=layer(sinr),
        downlink_mbps=layer(downlink),
        uplink_mbps=layer(uplink),
        best_server=np.where(none, -1, order[0]).astype(np.int16),
        second_server=np.where(none, -1, order[1]).astype(np.int16),
        second_rsrp_dbm=layer(second),
        services=services,
    )


def _service_layers(
    service: Service, rsrp: FloatArray, sinr: FloatArray, uplink: FloatArray, over: FloatArray
) -> ServiceLayers:
    down_margin = np.minimum(rsrp + 113.0, sinr + 7.0)
    up_margin = 10 * np.log10(np.maximum(uplink, 1e-6) / service.uplink_mbps)
    margin = np.minimum(down_margin, up_margin)
    probability = 1 / (1 + np.exp(-margin / 2.2))
    served = probability >= service.probability
    reason = np.select(
        [rsrp < -140.0, served, over > 6.0, sinr < 0.0, over > 0.0, up_margin < down_margin],
        [6, 0, 1, 3, 2, 4],
        default=5,
    )
    limiting = np.where(rsrp < -140.0, 0, np.where(up_margin < down_margin, 2, 1))
    return ServiceLayers(
        probability=np.where(rsrp < -140.0, 0.0, probability).astype(np.float32),
        limiting=limiting.astype(np.uint8),
        reason=reason.astype(np.uint8),
    )


def _land(ground: Float32Array, *, synthetic: bool) -> Land:
    rows, cols = [p[2] for p in PLACES], [p[3] for p in PLACES]
    centres = gpd.GeoSeries([_point(r, c) for r, c in zip(rows, cols, strict=True)], crs=CRS)
    lon_lat = centres.to_crs(4326)
    villages = gpd.GeoDataFrame(
        {
            "village_id": [f"V{i:02d}" for i in range(1, 13)],
            "name": [p[0] for p in PLACES],
            "commune": [p[1] for p in PLACES],
            "commune_code": [
                {"Bình": "03", "Khun": "04", "Tả": "05"}[p[1].split()[1]] for p in PLACES
            ],
            "province": "Lai Châu",
            "population": [float(p[4]) for p in PLACES],
            "centre_easting_m": centres.x,
            "centre_northing_m": centres.y,
            "lat_deg": lon_lat.y,
            "lon_deg": lon_lat.x,
            "footprint": "disc",
        },
        geometry=centres.buffer(500.0),
        crs=CRS,
    )
    west, south, east, north = GRID.bounds_m
    north_edge, south_edge = north - 66 * 60.0, south + 64 * 60.0
    communes = gpd.GeoDataFrame(
        {
            "commune_code": ["03", "04", "05"],
            "commune": ["Xã Bình Lư", "Xã Khun Há", "Xã Tả Lèng"],
            "province": "Lai Châu",
        },
        geometry=[
            Polygon(
                [
                    (west + 600, south_edge - 600),
                    (east - 600, south_edge + 1200),
                    (east - 600, north_edge - 900),
                    (west + 600, north_edge + 600),
                ]
            ),
            Polygon(
                [
                    (west + 600, south + 600),
                    (east - 600, south + 600),
                    (east - 600, south_edge + 1200),
                    (west + 600, south_edge - 600),
                ]
            ),
            Polygon(
                [
                    (west + 600, north_edge + 600),
                    (east - 600, north_edge - 900),
                    (east - 600, north - 600),
                    (west + 600, north - 600),
                ]
            ),
        ],
        crs=CRS,
    )
    aoi = np.zeros(GRID.shape, np.uint8)
    aoi[10:190, 10:190] = 1
    population = np.zeros(GRID.shape, np.float32)
    for _, _, row, col, people in PLACES:
        population[row - 4 : row + 5, col - 4 : col + 5] += people / 81.0
    return Land(
        grid=GRID,
        ground_m=ground,
        clutter_m=None,
        clutter_class=None,
        population=population,
        aoi=aoi,
        villages=villages,
        communes=communes,
        sources=(
            Source(role="elevation", path="dem/", sha256="a1" * 32, note="terrain, 60 m"),
            Source(role="villages", path="villages.gpkg", sha256="b2" * 32, note="12 points"),
            Source(role="population", path="pop.tif", sha256="c3" * 32),
        ),
        assumptions=("no land cover was given: clutter height is 0 m everywhere",),
        warnings=("0.4 % of the elevation was missing and was left empty",),
        void_share=0.004,
        synthetic=synthetic,
    )


def with_lines(result: PlanResult) -> PlanResult:
    """Return the plan with a road, a river and a line of a name of its own on its map."""
    ends = {"road": (0, 150, 199, 60), "river": (60, 0, 140, 199), "other": (10, 10, 10, 190)}
    lines = gpd.GeoDataFrame(
        {
            "kind": list(ends),
            "label": ["", "", "Đường dây 110 kV"],
            "name": ["QL.4D", "Nậm Mu", ""],
        },
        geometry=[
            MultiLineString([[_point(row, col).coords[0], _point(to_row, to_col).coords[0]]])
            for col, row, to_col, to_row in ends.values()
        ],
        crs=CRS,
    )
    return replace(result, land=replace(result.land, map_lines=lines))


def _village_table(land: Land, layers: dict[Technology, TechnologyLayers]) -> gpd.GeoDataFrame:
    table = land.villages.copy()
    table["people"] = table["population"]
    table["weighting"] = "population"
    cells = _network().cells
    rows: list[dict[str, Any]] = []
    for _, _, row, col, _ in PLACES:
        window = (slice(row - 5, row + 6), slice(col - 5, col + 6))
        found: dict[str, Any] = {}
        for technology, layer in layers.items():
            tag = technology.lower()
            for name, unit in (("rsrp", "dbm"), ("downlink", "mbps"), ("uplink", "mbps")):
                values = getattr(layer, f"{name}_{unit}")[window]
                heard = values[np.isfinite(values)]
                for q in (50, 10):
                    value = float(np.percentile(heard, q)) if heard.size else np.nan
                    found[f"{name}_p{q}_{unit}_{tag}"] = value
            server = int(layer.best_server[row, col])
            found[f"best_server_{tag}"] = cells[server].cell_id if server >= 0 else ""
            found[f"distance_m_{tag}"] = np.nan
            if server >= 0:
                mast = next(m for m in MASTS if m[0] == cells[server].mast_id)
                found[f"distance_m_{tag}"] = float(np.hypot(row - mast[3], col - mast[4]) * 60.0)
        for service in DEFAULT_SERVICES:
            key = service.name.replace("-", "_")
            best = np.zeros((11, 11), bool)
            for technology in service.technologies:
                layers_s = layers[technology].services[service.name]
                served = layers_s.probability[window] >= service.probability
                best |= served
                tag = technology.lower()
                found[f"served_share_{key}_{tag}"] = float(served.mean())
                word = ("none", "downlink", "uplink")[int(layers_s.limiting[row, col])]
                found[f"limiting_{key}_{tag}"] = word
            found[f"served_share_{key}"] = float(best.mean())
        share = found["served_share_voice_data"]
        found["class"] = "covered" if share >= 0.95 else "no_signal" if share < 0.05 else "patchy"
        reasons = layers["4G"].services["voice-data"].reason[window]
        counts = np.bincount(reasons.ravel(), minlength=len(REASONS))
        counts[0] = 0
        found["reason"] = "" if found["class"] == "covered" else REASONS[int(counts.argmax())]
        rows.append(found)
    return gpd.GeoDataFrame(pd.concat([table, pd.DataFrame(rows)], axis=1), crs=CRS)


def _commune_table(land: Land, villages: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    assert land.communes is not None
    table = land.communes.copy()
    grouped = villages.groupby("commune_code")
    table["villages"] = grouped.size().reindex(table["commune_code"]).to_numpy()
    for name in ("no_signal", "patchy", "covered"):
        counts = villages[villages["class"] == name].groupby("commune_code").size()
        table[f"villages_{name}"] = (
            counts.reindex(table["commune_code"], fill_value=0).to_numpy().astype(int)
        )
    table["people"] = grouped["people"].sum().reindex(table["commune_code"]).to_numpy()
    for service in DEFAULT_SERVICES:
        key = service.name.replace("-", "_")
        people = (villages["people"] * villages[f"served_share_{key}"]).groupby(
            villages["commune_code"]
        )
        table[f"people_served_{key}"] = people.sum().reindex(table["commune_code"]).to_numpy()
    return table


def _gaps(villages: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    bad = villages[villages["class"] != "covered"]
    shapes = [geometry.intersection(box(*GRID.bounds_m)) for geometry in bad.geometry]
    return gpd.GeoDataFrame(
        {
            "gap_id": [f"G{i:03d}" for i in range(1, len(bad) + 1)],
            "reason": bad["reason"].to_numpy(),
            "people": (bad["people"] * (1 - bad["served_share_voice_data"])).to_numpy(),
            "area_km2": [s.area / 1e6 for s in shapes],
            "villages": bad["name"].to_numpy(),
            "service": "voice-data",
        },
        geometry=shapes,
        crs=CRS,
    )


def _summary(villages: gpd.GeoDataFrame) -> dict[str, Any]:
    people = villages["people"]
    classes = ("no_signal", "patchy", "covered")

    def served(column: str) -> float:
        return float((people * villages[column]).sum())

    def key(service: Service) -> str:
        return service.name.replace("-", "_")

    return {
        "villages": len(villages),
        "people": float(people.sum()),
        "villages_by_class": {c: int((villages["class"] == c).sum()) for c in classes},
        "people_by_class": {c: float(people[villages["class"] == c].sum()) for c in classes},
        "villages_by_reason": {
            str(r): int((villages["reason"] == r).sum())
            for r in sorted(set(villages["reason"]) - {""})
        },
        "people_served": {s.name: served(f"served_share_{key(s)}") for s in DEFAULT_SERVICES},
        "people_served_by_technology": {
            s.name: {t: served(f"served_share_{key(s)}_{t.lower()}") for t in s.technologies}
            for s in DEFAULT_SERVICES
        },
    }


@lru_cache(maxsize=2)
def make_small_plan_result(*, synthetic: bool = True) -> PlanResult:
    """Return the plan of the small valley; treat it as read-only."""
    ground = _ground_m()
    land = _land(ground, synthetic=synthetic)
    network = _network()
    layers = {t: _technology_layers(t, network, ground) for t in TECHNOLOGIES}
    villages = _village_table(land, layers)
    return PlanResult(
        title="Thung lũng Bình Lư",
        land=land,
        network=network,
        handset=Handset(),
        services=DEFAULT_SERVICES,
        class_service="voice-data",
        layers=layers,
        level_sigma_db=9.0,
        service_layers=layers_of(GRID.shape, DEFAULT_SERVICES, list(layers.values())).services,
        villages=villages,
        communes=_commune_table(land, villages),
        gaps=_gaps(villages),
        summary=_summary(villages),
        settings={
            "title": "Thung lũng Bình Lư",
            "synthetic": synthetic,
            "area": {"crs": "auto", "resolution_m": 60},
            "propagation": {"model": "itu_r_p1812", "time_percent": 50},
            "classes": {
                "service": "voice-data",
                "covered_share": 0.95,
                "no_signal_share": 0.05,
            },
        },
        assumptions=(*land.assumptions, *network.assumptions),
        warnings=(*land.warnings, *network.warnings),
        synthetic=synthetic,
        timings_s={"sweeps": 12.3, "layers": 1.2},
        sweeps_total=4,
        sweeps_reused=3,
    )


def with_why(result: PlanResult, *, by_db: float = 0.0) -> PlanResult:
    """Return a result with causes, changes that were tried, and streams at once; invented.

    Parameters
    ----------
    by_db : float
        How much more each village lacks, all of it by terrain.
    """
    villages = result.villages.copy()
    bad = (villages["class"] != "covered").to_numpy()
    cell = result.network.cells[0]
    mast = result.network.mast(cell.mast_id)
    parts = {"distance": -20.0, "terrain": 24.0 + by_db, "antenna": 4.0, "uplink": 3.0}
    columns: dict[str, Any] = {"shortfall_db": np.where(bad, sum(parts.values()), np.nan)}
    columns["main_cause"] = np.where(bad, "terrain", "")
    for term in TERMS:
        columns[f"cause_{term}_db"] = np.where(bad, parts.get(term, 0.0), np.nan)
    columns |= {"cause_cell": np.where(bad, cell.cell_id, ""), "cause_note": ""}
    columns["streams_at_once_livestream_720p"] = np.where(bad, 3 - round(by_db / 3.0), 20)
    villages = villages.assign(**columns)
    short = villages[bad]
    causes = pd.DataFrame(short[["village_id", "name", "commune", *columns]]).assign(
        cell_id=cell.cell_id,
        mast_id=cell.mast_id,
        lat_deg=short["lat_deg"],
        lon_deg=short["lon_deg"],
    )
    first = short.iloc[0]
    tried = pd.DataFrame(
        {
            "village_id": first["village_id"],
            "name": first["name"],
            "commune": first["commune"],
            "change": ["higher_mast", "other_tilt", "new_mast"],
            "mast_id": [mast.mast_id, mast.mast_id, "NEW-1"],
            "cell_id": [cell.cell_id, cell.cell_id, "NEW-1/1"],
            "lat_deg": [mast.lat_deg, mast.lat_deg, first["lat_deg"]],
            "lon_deg": [mast.lon_deg, mast.lon_deg, first["lon_deg"]],
            "before": ["30 m", "2 deg down", ""],
            "after": ["40 m", "5 deg down", f"{first['lat_deg']:.5f} {first['lon_deg']:.5f}"],
            "shortfall_db": sum(parts.values()),
            "shortfall_after_db": [6.0, 9.5, -5.0],
            "gained_db": [5.0 - by_db, 1.5, 16.0],
            "gained_village_people": [40.0, 10.0, 90.0],
            "gained_people": [42.0, 8.0, 95.0],
        }
    )
    return replace(result, villages=villages, causes=causes, counterfactuals=tried)


def two_operators() -> PlanResult:
    """Return the plan with two operators, of which the second serves nothing east of the middle."""
    result = make_small_plan_result()
    layers = layers_of(GRID.shape, DEFAULT_SERVICES, list(result.layers.values()))
    first = replace(layers.operators[""], name="Viettel")
    worse = {}
    for name, judged in first.services.items():
        reason = judged.reason.copy()
        east = reason[:, GRID.cols // 2 :]
        east[east == 0] = REASONS.index("terrain")
        worse[name] = replace(judged, reason=reason)
    second = replace(first, name="Vina Phone", services=worse)
    operators = {"Viettel": first, "Vina Phone": second}
    weights = village_weights(result.land)
    columns = operator_columns(operators, DEFAULT_SERVICES, weights, ClassThresholds())
    villages = result.villages.assign(**{name: list(v) for name, v in columns.items()})
    return replace(result, operators=operators, villages=villages)
