"""Calibration on an invented truth: are planted numbers found within their intervals?

python -m benchmarks.calibration.planted [--draws 100] [--cache DIR]

The network is that of `lensong demo`; a phone, and then a second one, drive from village to village
and log the three strongest cells. SYNTHETIC: levels are those of the plan with planted terms, a
field, noise, the floor of the phones, and two sectors of one mast swapped.
"""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pyproj import Transformer
from scipy.spatial.distance import cdist

from lensong.coverage.calibration.evidence import of_matched
from lensong.coverage.calibration.misfits import misfits, set_aside
from lensong.coverage.calibration.posterior import learn
from lensong.coverage.calibration.terms import TERMS, Priors, features
from lensong.coverage.drive.match import match_measurements
from lensong.coverage.drive.matched import MatchedMeasurements
from lensong.coverage.drive.places import PlanAtPlaces
from lensong.coverage.drive.suspects import find_suspects
from lensong.coverage.network import Network
from lensong.coverage.scenario.drive_test import read_drive_logs
from lensong.coverage.scenario.inputs import read_climate, read_inputs
from lensong.coverage.scenario.load import load_scenario
from lensong.gis_data.array_store import ArrayStore
from lensong.gis_data.demo import write_demo
from lensong.gis_data.land import Land
from lensong.propagation.types import FloatArray

STEP_M = 60.0
PHONES = 2
SPOTS = 600
FLOOR_DBM = -128.0
PRIORS = Priors(place=(0.0,) * 4)
"""The defaults, but that no antenna place has terms of its own: none are planted."""


@dataclass(frozen=True, slots=True)
class Drive:
    """A drive through the demo, before anything is planted."""

    land: Land
    network: Network
    matched: MatchedMeasurements
    plan: PlanAtPlaces
    east_m: FloatArray
    north_m: FloatArray


def drive(folder: Path, cache: Path) -> Drive:
    asked = load_scenario(write_demo(folder))
    land, network, _ = read_inputs(asked)
    propagation, land = read_climate(asked, land)
    store = ArrayStore(cache)
    lat, lon = _route(land)
    plan = PlanAtPlaces(land, network, asked.handset, propagation, lat, lon, cache=store)
    levels = np.stack([plan.everywhere(cell) for cell in range(len(network.cells))])
    rows: list[list[object]] = []
    for number, place in enumerate(plan.place):
        known = np.where(np.isnan(levels[:, place]), -np.inf, levels[:, place])
        for cell in np.argsort(-known, kind="stable")[:3]:
            if np.isfinite(known[cell]):
                phone = f"phone {number // 200 % PHONES + 1}"
                rows.append(
                    [lat[number], lon[number], -100.0, network.cells[int(cell)].cell_id, phone]
                )
    log_file = folder / "drive.csv"
    with log_file.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["lat", "lon", "rsrp", "cell_id", "device"], *rows])
    matched, plan = match_measurements(
        read_drive_logs([log_file]),
        land,
        network,
        handset=asked.handset,
        propagation=propagation,
        cache=store,
    )
    spots = of_matched(matched, network, land.grid)
    return Drive(land, network, matched, plan, spots.east_m, spots.north_m)


def _route(land: Land) -> tuple[FloatArray, FloatArray]:
    """Return a winding way from each village to the nearest that was not yet visited [deg]."""
    stops = land.villages[["centre_easting_m", "centre_northing_m"]].to_numpy(np.float64)
    at, left, pieces = 0, set(range(1, len(stops))), []
    for _ in range(30):
        nearest = min(left, key=lambda k: float(np.hypot(*(stops[k] - stops[at]))))
        left.remove(nearest)
        way = stops[nearest] - stops[at]
        share = np.linspace(0.0, 1.0, int(np.hypot(*way) / STEP_M) + 2)[:, None]
        aside = np.array([-way[1], way[0]]) / np.hypot(*way)
        pieces.append(stops[at] + share * way + 150.0 * np.sin(2.0 * np.pi * share) * aside)
        at = nearest
    route = np.concatenate(pieces)
    to_degrees = Transformer.from_crs(land.grid.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(route[:, 0], route[:, 1])
    return np.asarray(lat), np.asarray(lon)


def most_heard_sectors(trip: Drive) -> tuple[int, int]:
    """Return the two sectors of one mast and carrier that were heard most."""
    count = np.bincount(trip.matched.cell, minlength=len(trip.network.cells))
    pairs = [
        (min(count[i], count[k]), i, k)
        for i, one in enumerate(trip.network.cells)
        for k, other in enumerate(trip.network.cells)
        if i < k and one.mast_id == other.mast_id and one.carrier == other.carrier
    ]
    _, first, second = max(pairs)
    return first, second


def one_draw(trip: Drive, seed: int) -> tuple[dict[str, list[bool]], bool]:
    """Return, by kind of number, whether each is within its interval; and if the swap is named."""
    rng = np.random.default_rng(seed)
    plain = of_matched(trip.matched, trip.network, trip.land.grid)
    cells = len(trip.network.cells)
    shared = np.array([-3.0, -4.0, 0.2, -0.2, 1.5]) * rng.choice([-1.0, 1.0], 5)
    bias = rng.normal(0.0, 5.0, cells)
    classes = np.concatenate([[0.0], rng.normal(0.0, 2.5, 255)])
    phones = np.array([-1.5, 1.5]) * rng.choice([-1.0, 1.0])
    field = _field(trip, plain.site, rng)
    swapped = most_heard_sectors(trip)
    predicted = trip.matched.predicted_dbm.copy()
    place = trip.land.grid.cols * trip.matched.grid_row + trip.matched.grid_col
    order = trip.land.grid.cols * trip.plan.row + trip.plan.col
    for own, other in (swapped, swapped[::-1]):
        here = trip.matched.cell == own
        sorted_places = np.argsort(order)
        at = sorted_places[np.searchsorted(order[sorted_places], place[here])]
        predicted[here] = trip.plan.everywhere(other)[at]
    measured = (
        predicted
        + features(plain) @ shared
        + bias[plain.cell]
        + classes[plain.clutter_class]
        + phones[plain.phone]
        + field
        + rng.normal(0.0, 3.0, predicted.size)
    )
    heard = np.isfinite(measured)
    measured = np.where(heard, measured, FLOOR_DBM)
    found = replace(
        trip.matched,
        measured_dbm=np.maximum(measured, FLOOR_DBM),
        at_floor=measured <= FLOOR_DBM,
    )
    suspects = find_suspects(found, trip.plan)
    names = {trip.network.cells[cell].cell_id for cell in swapped}
    named = any(suspect.kind == "swapped" and set(suspect.cells) == names for suspect in suspects)
    whole = of_matched(found, trip.network, trip.land.grid)
    aside = {**misfits(whole, PRIORS), **set_aside(suspects, trip.network)}
    kept = np.flatnonzero(heard & ~np.isin(whole.cell, list(aside)))
    spots = whole.take(np.sort(rng.permutation(kept)[:SPOTS]))
    learnt = learn(spots, PRIORS)
    numbers = {
        "slope, weights, sight": [
            (learnt.term(name), shared[TERMS.index(name)]) for name in TERMS[1:]
        ],
        "bias of a cell": [
            (learnt.cell_bias(int(cell)), shared[0] + bias[cell]) for cell in np.unique(spots.cell)
        ],
        "class of land cover": [
            (learnt.class_offset(int(code)), classes[code])
            for code in np.unique(spots.clutter_class)
            if code > 0
        ],
        "phone": [(learnt.phone_offset(phone), phones[phone]) for phone in range(PHONES)],
    }
    held = {
        kind: [abs(mean - planted) <= 1.96 * sd for (mean, sd), planted in listed]
        for kind, listed in numbers.items()
    }
    return held, named


def _field(trip: Drive, site: np.ndarray, rng: np.random.Generator) -> FloatArray:
    """Return a field of 4 dB over 300 m, half of it shared by all sites [dB]."""
    places = np.column_stack([trip.east_m, trip.north_m])
    spots, back = np.unique(places, axis=0, return_inverse=True)
    root = np.linalg.cholesky(np.exp(-cdist(spots, spots) / 300.0) + 1e-9 * np.eye(len(spots)))
    sites, number = np.unique(site, return_inverse=True)
    own = root @ rng.normal(size=(len(spots), sites.size))
    common = root @ rng.normal(size=len(spots))
    both = np.sqrt(0.5) * (common[back.ravel()] + own[back.ravel(), number.ravel()])
    return np.asarray(4.0 * both)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--cache", type=Path)
    asked = parser.parse_args()
    with TemporaryDirectory() as scratch:
        trip = drive(Path(scratch) / "demo", asked.cache or Path(scratch) / "cache")
        held: dict[str, list[bool]] = {}
        named = 0
        for draw in range(asked.draws):
            found, is_named = one_draw(trip, draw)
            named += is_named
            for kind, listed in found.items():
                held.setdefault(kind, []).extend(listed)
            shares = {kind: f"{100 * np.mean(listed):.1f} %" for kind, listed in held.items()}
            print(f"{draw + 1} draws, swap named in {named}: {shares}", file=sys.stderr, flush=True)
    spots = len(trip.matched)
    cells = np.unique(trip.matched.cell).size
    print(f"\nSYNTHETIC: {cells} cells, {asked.draws} draws of {SPOTS} of {spots} spots\n")
    print("| planted | numbers | within their 95 % interval |")
    print("|---|---|---|")
    for kind, listed in held.items():
        print(f"| {kind} | {len(listed)} | {100 * np.mean(listed):.1f} % |")
    every = [one for listed in held.values() for one in listed]
    print(f"| all | {len(every)} | {100 * np.mean(every):.1f} % |")
    print(f"\nThe swap was named in {named} of {asked.draws} draws.")


if __name__ == "__main__":
    main()
