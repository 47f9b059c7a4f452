"""Which villages to drive to next, so that the levels of most people become surer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from pyproj import Transformer

from lensong.coverage.calibration.calibrate import usable_spots
from lensong.coverage.calibration.evidence import of_matched
from lensong.coverage.calibration.next_spots import next_spots
from lensong.coverage.calibration.posterior import learn
from lensong.coverage.calibration.terms import Priors
from lensong.coverage.drive.log import DriveLog
from lensong.coverage.drive.match import match_measurements
from lensong.coverage.drive.matched import MatchedMeasurements
from lensong.coverage.network import Network
from lensong.coverage.service import Handset
from lensong.coverage.sweeps import PropagationSettings, SweepCache
from lensong.coverage.village_weights import VillageWeights, village_weights
from lensong.gis_data.land import Land
from lensong.propagation.errors import DataError
from lensong.propagation.types import FloatArray, IntArray

__all__ = ["NextVillage", "WhereNext", "where_next"]

_MOST = 2_000
"""Villages between which covariances are computed: those with most people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextVillage:
    """A village to measure.

    Parameters
    ----------
    village_id, name : str
    lat_deg, lon_deg : float
        The pixel in which most of its people live, WGS 84 [deg].
    people : float
        Of it, with those of villages in the same pixel.
    left_share : float
        Share of the uncertainty that is left once it and those before it are measured, 0..1.
    """

    village_id: str
    name: str
    lat_deg: float
    lon_deg: float
    people: float
    left_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereNext:
    """Villages in the order in which to measure them.

    Parameters
    ----------
    villages : tuple of NextVillage
    of_best : float
        At least this share of what the best choice of as many villages takes off, 0..1.
    sd_db : float
        Deviation of a level before, people-weighted root mean square [dB].
    notes : tuple of str
        English sentences.
    """

    villages: tuple[NextVillage, ...]
    of_best: float
    sd_db: float
    notes: tuple[str, ...]


def where_next(
    matched: MatchedMeasurements,
    land: Land,
    network: Network,
    *,
    count: int,
    suspects: Mapping[int, str] | None = None,
    priors: Priors | None = None,
    handset: Handset | None = None,
    propagation: PropagationSettings | None = None,
    cache: SweepCache | None = None,
    workers: int = 1,
    on_done: Callable[[int, int], None] | None = None,
) -> WhereNext:
    """Return the villages whose measurement takes most off the uncertainty of people's levels.

    The level of a village is that of its strongest cell, in the pixel in which most of its people
    live; what counts is people times variance, as `next_spots` has it.

    Parameters
    ----------
    matched, land, network, suspects, priors
        As in `lensong.coverage.calibration.calibrate.calibrate`.
    count : int
        Villages wanted, 1 or more.
    handset, propagation, cache, workers, on_done
        As in `lensong.coverage.drive.match.match_measurements`.

    Raises
    ------
    DataError
        No cell reaches any village.
    """
    priors = priors or Priors()
    spots = usable_spots(matched, network, land.grid, priors, suspects or {}).spots
    weights = village_weights(land)
    pixel = np.array([w.pixel[int(np.argmax(w.weight))] for w in weights], dtype=np.int64)
    people = _people(weights, pixel)
    which = np.unique(pixel, return_index=True)[1]
    which = which[np.argsort(-people[which], kind="stable")]
    notes = []
    if which.size > _MOST:
        notes.append(
            f"Of {which.size} places the {_MOST} with most people are looked at: the others hold "
            f"{people[which[_MOST:]].sum():,.0f} people."
        )
        which = which[:_MOST]
    if any(np.isnan(w.people) for w in weights):
        notes.append("Villages of which the people are not known count as one person each.")
    log = _log_of(pixel[which], land)
    try:
        heard, _ = match_measurements(
            log,
            land,
            network,
            handset=handset,
            propagation=propagation,
            cache=cache,
            workers=workers,
            on_done=on_done,
        )
    except DataError as error:
        raise DataError(f"no village can be driven to: no cell reaches any ({error})") from error
    at = which[heard.first_row]
    unheard = which.size - at.size
    if unheard:
        notes.append(
            f"{unheard} places of villages are reached by no cell: there is no level to measure."
        )
    places = of_matched(heard, network, land.grid)
    places = replace(places, phone=np.full(len(places), -1, dtype=np.int64))  # nobody's yet
    learnt = learn(spots, priors)
    found = next_spots(learnt, places, places, people[at], count)
    before = np.maximum(learnt.known_variance(places), 0.0)
    lat_deg, lon_deg = log.lat_deg[heard.first_row], log.lon_deg[heard.first_row]
    table = land.villages.iloc[at]
    return WhereNext(
        villages=tuple(
            NextVillage(
                village_id=str(table["village_id"].iloc[k]),
                name=str(table["name"].iloc[k] or ""),
                lat_deg=float(lat_deg[k]),
                lon_deg=float(lon_deg[k]),
                people=float(people[at[k]]),
                left_share=float(left),
            )
            for k, left in zip(found.spot, found.left_share, strict=True)
        ),
        of_best=found.of_best,
        sd_db=float(np.sqrt(np.average(before, weights=people[at]))),
        notes=tuple(notes),
    )


def _people(weights: list[VillageWeights], pixel: IntArray) -> FloatArray:
    """Return the people of all villages that have a pixel in common, one where nobody knows."""
    own = np.nan_to_num(np.array([w.people for w in weights], dtype=np.float64), nan=1.0)
    _, group = np.unique(pixel, return_inverse=True)
    summed = np.bincount(group, weights=np.maximum(own, 0.0))[group]
    return np.asarray(np.maximum(summed, 1e-9), dtype=np.float64)


def _log_of(pixel: IntArray, land: Land) -> DriveLog:
    """Return a log that has been to pixels and names no cell: the strongest of each is meant."""
    grid, count = land.grid, pixel.size
    row, col = np.divmod(pixel, grid.cols)
    east_m, north_m = grid.easting_northing(row, col)  # type: ignore[arg-type]  # the formula holds for arrays
    to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lon_deg, lat_deg = to_degrees.transform(east_m, north_m)
    unknown, empty = np.full(count, np.nan), np.full(count, "", dtype=object).astype(str)
    return DriveLog(
        lat_deg=np.asarray(lat_deg, dtype=np.float64),
        lon_deg=np.asarray(lon_deg, dtype=np.float64),
        level_dbm=np.full(count, -100.0),  # not looked at
        quantity="rsrp",
        technology=empty,
        cell_id=empty,
        station=unknown,
        pci=unknown,
        earfcn=unknown,
        nr_arfcn=unknown,
        freq_mhz=unknown,
        operator=empty,
        serving=np.ones(count, dtype=np.bool_),
        phone=np.zeros(count, dtype=np.int64),
        phones=("",),
        moment=np.full(count, np.datetime64("NaT", "s")),
        row=np.arange(count, dtype=np.int64),
        rows=count,
        level_columns=(),
        left_out={},
    )
