"""Names for what is kept between runs: hashes of all that decides it, the code included."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass

import numpy as np

from lensong.coverage.cluster.fingerprint import fingerprint
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.plan_setup import PlanSetup

__all__ = ["cell_digests", "digest_of", "first_seen", "frame_digest", "operator_digest"]


def cell_digests(model: LayerModel) -> list[bytes]:
    """Return of each code a hash of its cell's constants: all but the number of its site."""
    cells, codes = model.cells, len(model.network.cells) + 1
    patterns = [
        digest_of(cells.cuts_db[p], cells.gain_dbi[p], cells.max_loss_db[p])
        for p in range(cells.gain_dbi.size)
    ]
    apart = {"budgets", "site", "pattern", "cuts_db", "gain_dbi", "max_loss_db"}
    each = [getattr(cells, f.name) for f in fields(cells) if f.name not in apart]
    table = np.stack(
        [np.asarray(of_code, np.float64) for of_code in each]
        + [row for of in (model.required_sinr, model.required_level_mw) for row in of]
    )
    return [digest_of(table[:, code], patterns[cells.pattern[code]]) for code in range(codes)]


def frame_digest(setup: PlanSetup) -> bytes:
    """Return a hash of what all tiles of a plan rest on, whichever operator is laid."""
    model, shadowing = setup.model, setup.model.shadowing
    return digest_of(
        sorted(fingerprint().items()),
        setup.land.grid,
        setup.services,
        setup.handset,
        model.technologies,
        model.bands,
        model.service_rows,
        (model.attach_mw, model.wanted, model.need_uplink_mbps, model.aggregate),
        (shadowing.sigma_db, shadowing.correlation),
        (model.downlink_curve, model.uplink_curve),
        _learnt(setup),
    )


def _learnt(setup: PlanSetup) -> object:
    """Return what corrects path loss beside what names a sweep; None without a calibration."""
    calibration, land = setup.propagation.calibration, setup.land
    if calibration is None:
        return None
    return calibration.learnt, land.clutter_class, dict(land.clutter_names)


def operator_digest(model: LayerModel, name: str) -> bytes:
    """Return a hash of an operator's carriers: all but which cells they have."""
    operator = model.operators[name]
    return digest_of(
        [getattr(operator, f.name) for f in fields(operator) if f.name != "carrier_of"]
    )


def first_seen(numbers: Sequence[int]) -> list[int]:
    """Return numbers counted by their first appearance, so that only who shares one matters."""
    place: dict[int, int] = {}
    return [place.setdefault(int(number), len(place)) for number in numbers]


def digest_of(*values: object) -> bytes:
    """Return a hash of values: arrays by type, shape and bytes, all else by its parts."""
    digest = hashlib.blake2b(digest_size=20)
    _feed(digest.update, values)
    return digest.digest()


def _feed(update: Callable[[bytes], object], value: object) -> None:
    if isinstance(value, np.ndarray):
        update(f"{value.dtype.str}{value.shape}".encode())
        update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, bytes):
        update(b"b%d:" % len(value) + value)
    elif is_dataclass(value) and not isinstance(value, type):
        _feed(
            update,
            (type(value).__name__, [(f.name, getattr(value, f.name)) for f in fields(value)]),
        )
    elif isinstance(value, dict):
        _feed(update, sorted(value.items()))
    elif isinstance(value, list | tuple):
        update(b"(%d:" % len(value))
        for part in value:
            _feed(update, part)
    else:
        update(f"{value!r};".encode())
