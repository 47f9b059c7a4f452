"""The shortfall of every village below its service, split into what causes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import atan2, degrees, nan

import numpy as np
import pandas as pd
from pyproj import Transformer

from lensong.coverage.antenna import gain_dbi
from lensong.coverage.causes.links import PlaceLinks
from lensong.coverage.causes.needs import Needs, empty_cell_sinr_db
from lensong.coverage.causes.paths import End, PathStates, path_states
from lensong.coverage.causes.split import ASSUMED_FIELDS, TERMS, Budgets, parts_db
from lensong.coverage.decibel import mw_to_dbm
from lensong.coverage.indoor import entry_loss_db, level_sigma_db
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.network import Cell
from lensong.coverage.probability import fade_margin_db
from lensong.coverage.result import ServiceLayers
from lensong.coverage.service import Handset, Service
from lensong.coverage.sweeps import PropagationSettings, SweepJob
from lensong.coverage.village_weights import VillageWeights
from lensong.gis_data.land import Land
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import FloatArray, Grid, IntArray

__all__ = ["REFERENCE_PHONE_DBM", "Explained", "Link", "explain", "no_causes", "short_places"]

REFERENCE_PHONE_DBM = 26.0
"""Power of the phone that the uplink's part is told against: power class 2, 3GPP TS 36.101
table 6.2.2-1."""

ORDINARY_PHONE_DBM = 23.0
"""Power class 3, which nearly all phones have: no cause by itself."""

NOTES = ("", "nearest_cell", "capacity", "no_elevation", "no_cell")
"""What a row says of itself: nothing; no cell reaches the place, the causes are those of the
nearest cell; no level is enough there; elevation is missing on the way; nobody sends the
technology."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What was planned, and what is asked of it."""

    land: Land
    model: LayerModel
    jobs: Sequence[SweepJob]
    links: PlaceLinks
    service: Service
    handset: Handset
    propagation: PropagationSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The link that a place is explained by.

    Parameters
    ----------
    pixel : int
        Flat index into the grid.
    code : int
        Index of the cell plus 1.
    heard : bool
        False for the nearest cell of a place that none reaches.
    states : PathStates
    azimuth_deg : float
        From the mast, clockwise from true north.
    gain_dbi : shape (2,)
        Over smooth ground and over the terrain.
    difference_db : float
        Level of the plan less that of the path's own profile.
    """

    pixel: int
    code: int
    heard: bool
    states: PathStates
    azimuth_deg: float
    gain_dbi: FloatArray
    difference_db: float


def short_places(
    of_class: Sequence[str],
    judged: ServiceLayers,
    links: PlaceLinks,
    weights: Sequence[VillageWeights],
) -> dict[int, tuple[int, float]]:
    """Return the representative place of every village that is not covered.

    Returns
    -------
    dict
        Number of the village to the place's flat index, and the share of people without.

    Notes
    -----
    The pixel at which half of the people without the service lack as much or more: their pixels
    stand in the order of the margin of the nearest link, the worst first, and of equal ones the
    northern and western first.
    """
    reason = judged.reason.ravel()
    places = {}
    for number, (name, village) in enumerate(zip(of_class, weights, strict=True)):
        without = reason[village.pixel] != 0
        if name == "covered" or not without.any():
            continue
        pixel, weight = village.pixel[without], village.weight[without]
        margin = links.margin_db[np.searchsorted(links.pixel, pixel)]
        order = np.lexsort((pixel, margin))
        climbing = np.cumsum(weight[order])
        at = int(np.searchsorted(climbing, 0.5 * climbing[-1] * (1.0 - 1e-9)))
        places[number] = (int(pixel[order][min(at, pixel.size - 1)]), float(climbing[-1]))
    return places


def explain(asked: Explained, places: Mapping[int, tuple[int, float]]) -> pd.DataFrame:
    """Return one row per village below its service, see docs/reference/outputs.md."""
    land, model = asked.land, asked.model
    needs = Needs.of(model, asked.service.name)
    terrain = Terrain(ground_m=land.ground_m, clutter_m=land.clutter_m, cell_m=land.grid.cell_m)
    by_cell = {index: job for job in asked.jobs for index in job.cells}
    pixels = np.array([pixel for pixel, _ in places.values()], dtype=np.int64)
    lat, lon = _lat_lon_deg(land.grid, pixels)
    links: list[Link | None] = []
    notes: list[str] = []
    for pixel, place_lat, place_lon in zip(pixels.tolist(), lat, lon, strict=True):
        row, col = divmod(pixel, land.grid.cols)
        end = End(
            row=float(row),
            col=float(col),
            lat_deg=float(place_lat),
            lon_deg=float(place_lon),
            height_agl_m=asked.handset.height_agl_m,
        )
        link, note = _link_at(pixel, end, asked, needs, terrain, by_cell)
        links.append(link)
        notes.append(note)
    found = [link for link in links if link is not None]
    budgets = _budgets(found, asked, needs)
    parts = iter(parts_db(budgets)) if found else iter(())
    reference = iter(budgets.reference_loss_db) if found else iter(())
    villages = land.villages
    rows = []
    for (number, (_, share)), link, note, place_lat, place_lon in zip(
        places.items(), links, notes, lat, lon, strict=True
    ):
        village = villages.iloc[number]
        row = {name: village[name] for name in ("village_id", "name", "commune")}
        row |= {"service": asked.service.name, "share_without": round(share, 6)}
        row |= {"lat_deg": round(float(place_lat), 6), "lon_deg": round(float(place_lon), 6)}
        row |= (
            _unexplained("capacity" if note == "capacity" else "")
            if link is None
            else _row(link, next(parts), float(next(reference)), asked, needs)
        )
        rows.append(row | {"note": note, "village": number, "pixel": places[number][0]})
    return pd.DataFrame(rows) if rows else no_causes()


def no_causes() -> pd.DataFrame:
    """Return the table of a plan in which no village lacks its service."""
    names = ["village_id", "name", "commune", "service", "share_without", "lat_deg", "lon_deg"]
    return pd.DataFrame(columns=[*names, *_unexplained(), "note", "village", "pixel"])


def _lat_lon_deg(grid: Grid, pixel: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the centres of pixels in WGS 84 [deg]."""
    row, col = np.divmod(pixel, grid.cols)
    east = grid.west_m + (col + 0.5) * grid.cell_m
    north = grid.north_m - (row + 0.5) * grid.cell_m
    lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(east, north)
    return np.asarray(lat), np.asarray(lon)


def _link_at(
    pixel: int,
    end: End,
    asked: Explained,
    needs: Needs,
    terrain: Terrain,
    by_cell: Mapping[int, SweepJob],
) -> tuple[Link | None, str]:
    """Return the link of a place, and what is to be said of it."""
    links = asked.links
    at = links.index_of(pixel)
    if links.code[at]:
        code = int(links.code[at])
        states = path_states(
            terrain,
            _mast_end(by_cell[code - 1]),
            end,
            by_cell[code - 1].freq_mhz,
            asked.propagation,
            diffraction_db=float(links.diffraction_db[at]),
            bare_db=float(links.terrain_db[at]),
        )
        if states is None:
            return None, "no_elevation"
        azimuth, gain = _direction(code, end, states, asked, by_cell)
        by_profile_dbm = float(
            asked.model.cells.level_offset_db[code] + gain[1] - states.loss_db[1, 1]
        )
        difference = float(links.level_dbm[at]) - by_profile_dbm
        return Link(
            pixel=pixel,
            code=code,
            heard=True,
            states=states,
            azimuth_deg=azimuth,
            gain_dbi=gain,
            difference_db=difference,
        ), ""
    return _nearest_link(pixel, end, asked, needs, terrain, by_cell)


def _nearest_link(
    pixel: int,
    end: End,
    asked: Explained,
    needs: Needs,
    terrain: Terrain,
    by_cell: Mapping[int, SweepJob],
) -> tuple[Link | None, str]:
    """Return the best link to the nearest mast that could carry the service."""
    cells = asked.model.network.cells
    may = [
        i for i, cell in enumerate(cells) if cell.carrier.technology in asked.service.technologies
    ]
    able = [i for i in may if needs.possible[i + 1]]
    if not able:
        return None, "capacity" if may else "no_cell"
    heard_unable = any(
        _away(by_cell[i], end, asked) <= cells[i].radius_m for i in may if i not in set(able)
    )
    nearest = min(able, key=lambda i: (_away(by_cell[i], end, asked), cells[i].mast_id))
    if heard_unable and _away(by_cell[nearest], end, asked) > cells[nearest].radius_m:
        return None, "capacity"
    best: tuple[float, Link] | None = None
    for i in sorted(able, key=lambda i: cells[i].cell_id):
        if cells[i].mast_id != cells[nearest].mast_id:
            continue
        states = path_states(
            terrain, _mast_end(by_cell[i]), end, by_cell[i].freq_mhz, asked.propagation
        )
        if states is None:
            continue
        azimuth, gain = _direction(i + 1, end, states, asked, by_cell)
        level = asked.model.cells.level_offset_db[i + 1] + gain[1] - states.loss_db[1, 1]
        margin = float(needs.margin_db(np.array([i + 1]), np.array([level]), np.zeros(1))[0])
        if best is None or margin > best[0]:
            link = Link(
                pixel=pixel,
                code=i + 1,
                heard=False,
                states=states,
                azimuth_deg=azimuth,
                gain_dbi=gain,
                difference_db=0.0,
            )
            best = (margin, link)
    return (None, "no_elevation") if best is None else (best[1], "nearest_cell")


def _away(job: SweepJob, end: End, asked: Explained) -> float:
    return float(np.hypot(job.row - end.row, job.col - end.col)) * asked.land.grid.cell_m


def _mast_end(job: SweepJob) -> End:
    return End(
        row=job.row,
        col=job.col,
        lat_deg=job.mast.lat_deg,
        lon_deg=job.mast.lon_deg,
        height_agl_m=job.height_agl_m,
    )


def _direction(
    code: int, end: End, states: PathStates, asked: Explained, by_cell: Mapping[int, SweepJob]
) -> tuple[float, FloatArray]:
    """Return the true azimuth of a place, and the gain toward it on both grounds [deg, dBi]."""
    cell, job = asked.model.network.cells[code - 1], by_cell[code - 1]
    turn = asked.model.turn_deg[cell.mast_id]
    azimuth = (degrees(atan2(end.col - job.col, job.row - end.row)) + turn) % 360.0
    return azimuth, gain_dbi(
        cell.antenna,
        azimuth_deg=azimuth,
        elevation_deg=states.elevation_deg,
        boresight_azimuth_deg=cell.azimuth_deg,
        mechanical_downtilt_deg=cell.mechanical_downtilt_deg,
    )


def _budgets(links: Sequence[Link], asked: Explained, needs: Needs) -> Budgets:
    model, handset = asked.model, asked.handset
    code: IntArray = np.array([link.code for link in links], dtype=np.int64)
    cells = [model.network.cells[c - 1] for c in code]
    wall = np.array(
        [
            handset.penetration_loss_db + entry_loss_db(handset, cell.carrier.downlink_freq_mhz)
            for cell in cells
        ]
    )
    loss = np.array([link.states.loss_db for link in links]).reshape(-1, 2, 2)
    # The sweep's own reading of the terrain, some tenths of a decibel, goes with the terrain.
    loss[:, 1, :] -= np.array([link.difference_db for link in links])[:, np.newaxis]
    at = [asked.links.index_of(link.pixel) for link in links]
    heard = np.array([link.heard for link in links], dtype=np.bool_)
    probability, network = asked.service.probability, model.network
    outdoors = replace(handset, indoor="none")
    return Budgets(
        offset_db=model.cells.level_offset_db[code] + wall,
        loss_db=loss,
        gain_dbi=np.array([link.gain_dbi for link in links]).reshape(-1, 2),
        greatest_gain_dbi=np.array([cell.antenna.gain_dbi for cell in cells], dtype=np.float64),
        wall_db=wall,
        boost_db=needs.boost_db[code],
        noise_dbm=mw_to_dbm(needs.noise_mw[code]),
        disturbing_mw=np.where(heard, asked.links.disturbing_mw[at], 0.0),
        attach_dbm=np.full(code.size, needs.attach_dbm),
        sinr_db=needs.sinr_db[code],
        useful_sinr_db=needs.useful_sinr_db[code],
        empty_sinr_db=np.array(
            [
                empty_cell_sinr_db(cell, model.cells.budgets[c - 1], asked.service)
                for c, cell in zip(code, cells, strict=True)
            ],
            dtype=np.float64,
        ),
        uplink_dbm=needs.uplink_dbm[code],
        noise_rise_db=np.array([cell.uplink_noise_rise_db for cell in cells], dtype=np.float64),
        stronger_phone_db=max(0.0, REFERENCE_PHONE_DBM - handset.tx_power_dbm),
        fade_db=fade_margin_db(
            probability, sigma_db=level_sigma_db(asked.propagation, handset, network)
        ),
        outdoor_fade_db=fade_margin_db(
            probability, sigma_db=level_sigma_db(asked.propagation, outdoors, network)
        ),
    )


def _row(
    link: Link, parts: FloatArray, reference_loss_db: float, asked: Explained, needs: Needs
) -> dict[str, object]:
    cells = asked.model.network.cells
    cell, code = cells[link.code - 1], link.code
    at = asked.links.index_of(link.pixel)
    disturbing = float(asked.links.disturbing_mw[at]) if link.heard else 0.0
    level = float(
        asked.model.cells.level_offset_db[code]
        + link.gain_dbi[1]
        - link.states.loss_db[1, 1]
        + link.difference_db
    )
    sinr = (
        level
        - float(needs.boost_db[code])
        - float(mw_to_dbm(float(needs.noise_mw[code]) + disturbing))
    )
    margins = {
        "level": level - needs.attach_dbm,
        "downlink": min(sinr, float(needs.useful_sinr_db[code])) - float(needs.sinr_db[code]),
        "uplink": level - float(needs.uplink_dbm[code]),
    }
    rounded = [round(float(part), 3) + 0.0 for part in parts]  # no -0.0
    return {
        "shortfall_db": round(float(parts.sum()), 3),
        "main_cause": _main_cause(rounded, asked.handset),
        **{f"cause_{term}_db": part for term, part in zip(TERMS, rounded, strict=True)},
        "assumed": _assumed(cell),
        "direction": min(margins, key=lambda name: margins[name]),
        "cell_id": cell.cell_id,
        "mast_id": cell.mast_id,
        "operator": cell.operator,
        "technology": cell.carrier.technology,
        "carrier": cell.carrier.name,
        "distance_m": round(link.states.distance_m, 1),
        "azimuth_deg": round(link.azimuth_deg, 2),
        "elevation_deg": round(float(link.states.elevation_deg[1]), 2),
        "level_dbm": round(level, 2),
        "sinr_db": round(sinr, 2),
        "reference_loss_db": round(reference_loss_db, 2),
        "flat_loss_db": round(float(link.states.loss_db[0, 0]), 2),
        "profile_difference_db": round(link.difference_db, 2) + 0.0,
    }


def _assumed(cell: Cell) -> str:
    """Return the terms whose parts rest on what the cell list does not say."""
    return ", ".join(
        term for term, names in ASSUMED_FIELDS.items() if not set(names).isdisjoint(cell.assumed)
    )


def _main_cause(parts: Sequence[float], handset: Handset) -> str:
    """Return the term with the largest part, where distance counts from an ordinary phone's range.

    What an ordinary phone sends less than the reference is no cause that a planner could name: it
    is why the range of its cells is shorter, and that share of the uplink's part counts as
    distance.
    """
    weaker = REFERENCE_PHONE_DBM - min(handset.tx_power_dbm, REFERENCE_PHONE_DBM)
    unusual = max(0.0, ORDINARY_PHONE_DBM - handset.tx_power_dbm)
    counted = np.array(parts, dtype=np.float64)
    uplink = TERMS.index("uplink")
    ordinary = counted[uplink] * (1.0 - unusual / weaker) if weaker > 0.0 else 0.0
    counted[TERMS.index("distance")] += ordinary
    counted[uplink] -= ordinary
    return TERMS[int(np.argmax(counted))]


def _unexplained(main_cause: str = "") -> dict[str, object]:
    """Return the columns of `_row` where there is no number."""
    return {
        "shortfall_db": nan,
        "main_cause": main_cause,
        **{f"cause_{term}_db": nan for term in TERMS},
        "assumed": "",
        "direction": "",
        "cell_id": "",
        "mast_id": "",
        "operator": "",
        "technology": "",
        "carrier": "",
        "distance_m": nan,
        "azimuth_deg": nan,
        "elevation_deg": nan,
        "level_dbm": nan,
        "sinr_db": nan,
        "reference_loss_db": nan,
        "flat_loss_db": nan,
        "profile_difference_db": nan,
    }
