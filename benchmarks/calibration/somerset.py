"""Calibration on the Somerset set: error, intervals and where to drive next, on squares held out.

python -m benchmarks.calibration.somerset --shared ../shared [--draws 20]

The whole of a calibration is made anew without the squares that are held out: its terms, its
field, the stage that it chooses by holding out squares of what is left, and its intervals.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from pyproj import Transformer
from scipy.spatial import cKDTree

from lensong.coverage.calibration.calibrate import best_stage
from lensong.coverage.calibration.evidence import Evidence, merged
from lensong.coverage.calibration.hold_out import BLOCKS_M, folds_of_squares, hold_out
from lensong.coverage.calibration.next_spots import next_spots
from lensong.coverage.calibration.posterior import Posterior, learn
from lensong.coverage.calibration.spread import COVERAGES, path_classes, spread_of
from lensong.coverage.calibration.terms import Priors
from lensong.coverage.measured_paths import predict
from lensong.coverage.measurements import MeasurementOptions, Transmitter
from lensong.coverage.obstruction import grazing_loss_db
from lensong.coverage.scenario.drive_test import places_of, read_drive_test
from lensong.coverage.scenario.ground import read_ground
from lensong.propagation.free_space import free_space_loss_db
from lensong.propagation.types import BoolArray, FloatArray, IntArray

PIXEL_M = 30.0
PRIORS = Priors(shared=(100.0, 8.0, 0.3, 0.3, 3.0), place=(0.0,) * 4, cell_bias_db=0.0)
"""The defaults, but for the level, which the set leaves open: one constant is free."""


def somerset(folder: Path) -> Evidence:
    """Return the readings as spots, one each, with what P.1812 says of them."""
    measured = read_drive_test(
        folder / "measurements.csv",
        MeasurementOptions(
            transmitter=Transmitter(lat_deg=51.059692, lon_deg=-2.746155, height_agl_m=5.0),
            freq_mhz=415.0,
            rx_height_agl_m=1.0,
            columns={"level_dbm": "received_power"},
        ),
    )
    ground, _, _ = read_ground(
        *places_of(measured), [folder / "dem_os_terrain50.tif"], resolution_m=PIXEL_M
    )
    found = predict(measured, "itu_r_p1812", ground=ground)
    known = np.isfinite(found.path_loss_db)
    to_grid = Transformer.from_crs("EPSG:4326", ground.grid.crs, always_xy=True)
    east, north = to_grid.transform(measured.rx_lon_deg[known], measured.rx_lat_deg[known])
    distance, level = measured.distance_m[known], -measured.path_loss_db[known]
    free_db = free_space_loss_db(np.hypot(distance, measured.drop_m[known]), 415.0)
    terrain = np.maximum(found.path_loss_db[known] - free_db, 0.0)
    none = np.zeros(distance.size, dtype=np.int64)
    return Evidence(
        east_m=np.asarray(east),
        north_m=np.asarray(north),
        measured_dbm=level,
        residual_db=level + found.path_loss_db[known],
        at_floor=level <= level.min(),
        distance_m=distance,
        terrain_db=terrain,
        clutter_db=np.zeros(distance.size),
        clear=np.asarray(terrain < grazing_loss_db(distance)),
        clutter_class=none,
        cell=none,
        place=none,
        site=none,
        phone=none,
        rows=none + 1,
    )


def pixels(readings: Evidence) -> Evidence:
    """Return one spot per pixel, as a plan's drive test has them."""
    return merged(readings, most=len(readings), least_m=PIXEL_M)[0]


def by_least_squares(
    columns: FloatArray, target: FloatArray, kept: BoolArray, out: BoolArray
) -> FloatArray:
    found = np.linalg.lstsq(columns[kept], target[kept], rcond=None)[0]
    return np.asarray(columns[out] @ found)


FITS = ("P.1812 + constant", "no terrain: constant + slope", "calibrated, terms", "calibrated")


def errors(readings: Evidence, block_m: float, seed: int) -> dict[str, FloatArray]:
    """Return the error of every reading by each fit, made without its square [dB]."""
    fold, _ = folds_of_squares(readings.east_m, readings.north_m, block_m, seed)
    found = {name: np.full(len(readings), np.nan) for name in FITS}
    one, slope = np.ones(len(readings)), np.log10(readings.distance_m)
    free_db = free_space_loss_db(readings.distance_m, 415.0)
    # level + free-space loss, of which the fit without terrain knows the distance alone
    above_free = readings.residual_db - readings.terrain_db
    for number in range(int(fold.max()) + 1):
        out, kept = fold == number, fold != number
        truth = readings.residual_db[out]
        found[FITS[0]][out] = readings.residual_db[kept].mean() - truth
        flat = np.column_stack([one, slope])
        found[FITS[1]][out] = (
            by_least_squares(flat, above_free - free_db, kept, out) - (above_free - free_db)[out]
        )
        learnt = learn(pixels(readings.take(kept)), PRIORS)
        tried = readings.take(out)
        found[FITS[2]][out] = learnt.correction(tried, with_field=False)[0] - truth
        found[FITS[3]][out] = _as_chosen(learnt, tried) - truth
    return found


def _as_chosen(learnt: Posterior, tried: Evidence) -> FloatArray:
    """Return the correction of the stage that squares of what was learnt from speak for."""
    squares = [hold_out(learnt.spots, learnt.priors, side_m) for side_m in BLOCKS_M]
    stage = best_stage([found for found in squares if found is not None])
    if stage == "none":
        return np.zeros(len(tried))
    if stage == "bias":
        shifted = learn(learnt.spots, learnt.priors.bias_alone(), learnt)
        return shifted.correction(tried, with_field=False)[0]
    return learnt.correction(tried, with_field=stage == "field")[0]


def print_errors(readings: Evidence, draws: int) -> None:
    print(f"\n{len(readings)} readings in {len(pixels(readings))} pixels of 30 m, {draws} draws\n")
    print("| held out | fit | MAE | RMSE | MAE within 5 km | RMSE within 5 km |")
    print("|---|---|---|---|---|---|")
    near = readings.distance_m <= 5000.0
    for block_m in BLOCKS_M:
        tried = [errors(readings, block_m, 1000 + draw) for draw in range(draws)]
        rmse = {}
        for name in FITS:
            every = [found[name] for found in tried]
            numbers = [
                np.mean([np.abs(e[here]).mean() for e in every])
                if size == 1
                else np.mean([np.sqrt(np.mean(e[here] ** 2)) for e in every])
                for here in (np.ones(len(readings), dtype=np.bool_), near)
                for size in (1, 2)
            ]
            rmse[name] = numbers[1]
            told = " | ".join(f"{number:.2f}" for number in numbers)
            print(f"| {block_m:g} m | {name} | {told} |", flush=True)
        print(
            f"\n{block_m:g} m: RMSE {1 - rmse[FITS[3]] / rmse[FITS[0]]:.1%} below "
            f"{FITS[0]} (bar at 500 m: 15 %), {1 - rmse[FITS[3]] / rmse[FITS[1]]:.1%} below "
            f"{FITS[1]} (bar: 10 %)\n"
        )


def scatter_in_pixels(readings: Evidence) -> tuple[IntArray, FloatArray, float]:
    """Return each reading's pixel, how far it is from that one's mean, and the variance of that.

    The pixels are those of `pixels`, in its order; the variance is pooled over all of them [dB^2].
    """
    squares = np.floor(readings.places_m / PIXEL_M)
    pixel = np.unique(squares, axis=0, return_inverse=True)[1].ravel()
    count = np.bincount(pixel)
    away = readings.residual_db - (np.bincount(pixel, weights=readings.residual_db) / count)[pixel]
    return pixel, away, float((away**2).sum() / max((count - 1).sum(), 1))


def print_intervals(readings: Evidence, draws: int) -> None:
    """Print how often intervals hold on squares that neither the fit nor the intervals saw.

    Of single readings what they scatter inside their pixel is part of the stated deviation, and
    scores are theirs; both out of the squares that were learnt from.
    """
    print("\n| held out | of | 80 % | 90 % | 95 % | mean width of 95 % [dB] |")
    print("|---|---|---|---|---|---|")
    for block_m in BLOCKS_M:
        held: dict[str, dict[float, list[BoolArray]]] = {
            kind: {share: [] for share in COVERAGES} for kind in ("pixels", "readings")
        }
        width: dict[str, list[FloatArray]] = {"pixels": [], "readings": []}
        for draw in range(draws):
            fold, _ = folds_of_squares(readings.east_m, readings.north_m, block_m, 2000 + draw)
            for number in range(int(fold.max()) + 1):
                read = readings.take(fold != number)
                kept, (pixel, away, noise_db2) = pixels(read), scatter_in_pixels(read)
                squares = [hold_out(kept, PRIORS, side_m) for side_m in BLOCKS_M]
                known = [found for found in squares if found is not None]
                classes = [path_classes(kept.clear, found.nearest_m) for found in known]
                spread = {
                    "pixels": spread_of(
                        [found.error_db["field"] for found in known],
                        [found.spread_db for found in known],
                        classes,
                    ),
                    "readings": spread_of(
                        [found.error_db["field"][pixel] - away for found in known],
                        [np.sqrt(found.spread_db[pixel] ** 2 + noise_db2) for found in known],
                        [of_pixels[pixel] for of_pixels in classes],
                    ),
                }
                learnt, tree = learn(kept, PRIORS), cKDTree(kept.places_m)
                out = readings.take(fold == number)
                for kind, tried in (("pixels", pixels(out)), ("readings", out)):
                    mean, stated = learnt.correction(tried, with_field=True, with_spread=True)
                    assert stated is not None
                    if kind == "readings":
                        stated = np.sqrt(stated**2 + noise_db2)
                    near_m = np.asarray(tree.query(tried.places_m)[0])
                    of_class = path_classes(tried.clear, near_m)
                    error = np.abs(mean - tried.residual_db)
                    for share in COVERAGES:
                        half = spread[kind].half_width(of_class, share) * stated
                        held[kind][share].append(error <= half)
                        if share == COVERAGES[-1]:
                            width[kind].append(2.0 * half)
        for kind, of_kind in held.items():
            shares = " | ".join(
                f"{100 * np.concatenate(of_kind[share]).mean():.1f}" for share in COVERAGES
            )
            mean_width = np.concatenate(width[kind]).mean()
            print(f"| {block_m:g} m | {kind} | {shares} | {mean_width:.1f} |", flush=True)


STEPS = (5, 10, 20, 40)


def print_next_spots(readings: Evidence, draws: int) -> None:
    """Print the error on squares held out after spots chosen greedily and at random.

    Three of five squares of 500 m may be driven, the error is that of the pixels of the others;
    nothing of it but its places is known to the choice. It begins with three pixels.
    """
    whole = pixels(readings)
    print("\n| spots driven | greedy, RMSE [dB] | random, RMSE [dB] |")
    print("|---|---|---|")
    curves: dict[str, list[FloatArray]] = {"greedy": [], "random": []}
    for draw in range(draws):
        rng = np.random.default_rng(3000 + draw)
        fold, _ = folds_of_squares(whole.east_m, whole.north_m, 500.0, 3000 + draw)
        half = np.isin(fold, rng.permutation(5)[:2])
        open_, held = whole.take(~half), whole.take(half)
        first = rng.permutation(len(open_))[:3]
        left = np.setdiff1d(np.arange(len(open_)), first)
        begun = learn(open_.take(first), PRIORS)
        chosen = next_spots(begun, open_.take(left), held, np.ones(len(held)), STEPS[-1])
        orders = {"greedy": left[chosen.spot], "random": rng.permutation(left)}
        for name, order in orders.items():
            curves[name].append(
                np.array(
                    [
                        _rmse_after(open_.take(np.concatenate([first, order[:step]])), held)
                        for step in range(2, STEPS[-1] + 1)
                    ]
                )
            )
    mean = {name: np.mean(listed, axis=0) for name, listed in curves.items()}
    for step in STEPS:
        print(f"| {step} | {mean['greedy'][step - 2]:.2f} | {mean['random'][step - 2]:.2f} |")
    for step in STEPS[:2]:
        reached = np.flatnonzero(mean["random"] <= mean["greedy"][step - 2])
        told = f"{reached[0] + 2}" if reached.size else f"more than {STEPS[-1]}"
        print(f"\nAs good as {step} greedy spots: {told} at random.")


def _rmse_after(driven: Evidence, held: Evidence) -> float:
    error = learn(driven, PRIORS).correction(held, with_field=True)[0] - held.residual_db
    return float(np.sqrt(np.mean(error**2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--part", choices=("all", "errors", "intervals", "spots"), default="all")
    asked = parser.parse_args()
    readings = somerset(asked.shared / "data" / "cloudrf-somerset")
    for part, show in (
        ("errors", print_errors),
        ("intervals", print_intervals),
        ("spots", print_next_spots),
    ):
        if asked.part in ("all", part):
            show(readings, asked.draws)


if __name__ == "__main__":
    main()
