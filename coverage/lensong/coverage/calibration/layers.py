"""Layers of what a calibration knows: residual field, interval and basis, by pixel and village."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lensong.coverage.calibration.apply import CalibratedPaths
from lensong.coverage.calibration.known import BASES, KnownLevels
from lensong.coverage.calibration.paths import paths_of_sweep
from lensong.coverage.network import Network, Technology
from lensong.coverage.result import KnownLayers, TechnologyLayers
from lensong.coverage.sweeps import (
    NO_LOSS,
    PackedSweep,
    PropagationSettings,
    SweepCache,
    SweepJob,
    run_sweeps,
)
from lensong.coverage.village_weights import VillageWeights
from lensong.gis_data.land import Land
from lensong.propagation.types import FloatArray, Int16Array, IntArray, UInt8Array

__all__ = ["known_layers", "lay_known", "strongest", "village_columns"]


def lay_known(
    out: KnownLayers,
    known: KnownLevels,
    server: Int16Array,
    sweep: PackedSweep,
    job: SweepJob,
    network: Network,
    land: Land,
    *,
    origin: tuple[int, int] = (0, 0),
) -> None:
    """Write what is known of the levels of the pixels that the cells of a sweep serve.

    Parameters
    ----------
    out : KnownLayers
        Of the whole grid, or of a part of it that holds the sweep.
    known : KnownLevels
    server : shape of ``out``, int16
        Index into ``network.cells``.
    sweep, job
        Corrected or not: the loss itself is not looked at.
    network, land : Network, Land
    origin : (int, int)
        Row and column of the grid at which ``out`` begins.
    """
    row0, col0, row1, col1 = sweep.window
    top, left = origin
    window = np.s_[row0 - top : row1 - top, col0 - left : col1 - left]
    for index in job.cells:
        here = (server[window] == index) & (sweep.loss_cdb != NO_LOSS)
        if not here.any():
            continue
        ends = paths_of_sweep(sweep, here, land)
        found = known.at(network.cells[index], job.mast, ends)
        out.field_db[window][here] = found.field_db
        out.half_db[window][here] = found.half_db
        out.basis[window][here] = found.basis + 1


def known_layers(
    land: Land,
    network: Network,
    jobs: Sequence[SweepJob],
    layers: Mapping[Technology, TechnologyLayers],
    settings: PropagationSettings,
    *,
    rx_height_agl_m: float,
    building_db: float = 0.0,
    cache: SweepCache | None = None,
    workers: int = 1,
) -> dict[Technology, KnownLayers]:
    """Return what the calibration of a plan knows of its levels; nothing without one.

    Parameters
    ----------
    land, network : Land, Network
    jobs : sequence of SweepJob
    layers : mapping
        Technology to its layers, of which the serving cells are taken.
    settings : PropagationSettings
    rx_height_agl_m : float
    building_db : float
        Deviation of what a building takes off: it is added to every interval [dB].
    cache, workers
        As in `lensong.coverage.plan.plan`: sweeps of cells that serve are read again.
    """
    if not isinstance(settings.calibration, CalibratedPaths):
        return {}
    known = KnownLevels(settings.calibration, land, settings.total_sigma_db, building_db)
    found = {technology: KnownLayers.empty(land.grid.shape) for technology in layers}
    serving = {int(i) for of in layers.values() for i in np.unique(of.best_server)}
    wanted = [job for job in jobs if serving.intersection(job.cells)]
    bare = replace(settings, calibration=None)
    for job, sweep, _ in run_sweeps(
        wanted, land, bare, rx_height_agl_m=rx_height_agl_m, cache=cache, workers=workers
    ):
        for technology, of in layers.items():
            lay_known(found[technology], known, of.best_server, sweep, job, network, land)
    return found


def strongest(
    layers: Mapping[Technology, TechnologyLayers],
    known: Mapping[Technology, KnownLayers],
    pixel: IntArray,
) -> tuple[FloatArray, UInt8Array]:
    """Return half the interval [dB] and the basis of the strongest technology's level at pixels.

    NaN and 0 where no cell serves.
    """
    best = np.full(pixel.size, -np.inf, np.float32)
    half, basis = np.full(pixel.size, np.nan), np.zeros(pixel.size, np.uint8)
    for technology, of in known.items():
        level = layers[technology].rsrp_dbm.ravel()[pixel]
        better = level > best  # never where it is NaN
        half = np.where(better, of.half_db.ravel()[pixel], half)
        basis = np.where(better, of.basis.ravel()[pixel], basis)
        best = np.where(better, level, best)
    return half, basis


def village_columns(
    weights: Sequence[VillageWeights],
    layers: Mapping[Technology, TechnologyLayers],
    known: Mapping[Technology, KnownLayers],
) -> dict[str, list[float | str]]:
    """Return what is known of the levels of villages, as columns of their table.

    Parameters
    ----------
    weights : sequence of VillageWeights
    layers, known : mapping
        Technology to its layers.

    Returns
    -------
    dict
        ``evidence``: the one of `BASES` on which the levels of most people rest, of the strongest
        technology at each pixel; empty where no cell serves. Per technology
        ``rsrp_half_db_<tech>``: half of the interval that holds 90 % of levels, root mean square
        over the people [dB], NaN where no cell serves.
    """
    if not known:
        return {}
    evidence: list[float | str] = []
    halves: dict[str, list[float | str]] = {f"rsrp_half_db_{n.lower()}": [] for n in known}
    for one in weights:
        basis = strongest(layers, known, one.pixel)[1]
        people = [float(one.weight[basis == k].sum()) for k in range(len(BASES) + 1)]
        people[0] = 0.0
        evidence.append(BASES[int(np.argmax(people)) - 1] if max(people) > 0.0 else "")
        for name in known:
            half = known[name].half_db.ravel()[one.pixel]
            heard = np.isfinite(half)
            mean = np.nan
            if one.weight[heard].sum() > 0.0:
                mean = float(np.average(half[heard] ** 2, weights=one.weight[heard])) ** 0.5
            halves[f"rsrp_half_db_{name.lower()}"].append(round(mean, 2))
    return {"evidence": evidence, **halves}
