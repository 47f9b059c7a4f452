"""Tiles of the grid in work: what each operator's cells bring there, sweep by sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.chance_kernels import judge_services
from lensong.coverage.fold_kernels import ALIKE, fold_medians
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.result import NO_LEVEL_CDBM, REASONS
from lensong.coverage.site_heard import Aimed, SiteHeard, by_carrier, hear
from lensong.coverage.site_kernels import keep_heard
from lensong.coverage.sweeps import PackedSweep, UInt16Array, Window
from lensong.propagation.types import (
    BoolArray,
    Float32Array,
    Int16Array,
    IntArray,
    UInt8Array,
)

__all__ = [
    "MOST_LISTED",
    "Coming",
    "OperatorTile",
    "Tile",
    "TileLayers",
    "fold_levels",
    "fold_services",
    "levels_over_each_other",
    "over_each_other",
]

MOST_LISTED = 6
"""Sites kept per carrier and pixel; weaker ones disturb as one sum."""

_LEVELS = (
    "best", "second", "overlap", "rsrp_dbm", "second_dbm", "rsrq_db", "sinr_db",
    "downlink_mbps", "uplink_mbps",
)  # fmt: skip
_SERVICES = ("probability", "limiting", "reason")


@dataclass(slots=True, kw_only=True)
class OperatorTile:
    """What is kept of one operator in one tile.

    Parameters
    ----------
    code, level_mw, others_mw : shape (carriers, rows, cols, sites)
        Strongest cell of each site, its RSRP, and the power by which the site's other cells
        disturb; the strongest site first, code 0 where there is none.
    rest_mw : shape (carriers, rows, cols)
        Power of the sites that are not listed.
    second, second_mw : shape (carriers, rows, cols)
        The second strongest cell, of whatever site.
    diffraction_cdb, terrain_cdb : shape (carriers, rows, cols)
        Obstacles on the way to the strongest cell [0.01 dB].
    sites : list of frozenset
        Those that have come in, by carrier.
    sweeps : list of int
        How many have come in, by carrier.
    """

    code: UInt16Array
    level_mw: Float32Array
    others_mw: Float32Array
    rest_mw: Float32Array
    second: UInt16Array
    second_mw: Float32Array
    diffraction_cdb: UInt16Array
    terrain_cdb: UInt16Array
    sites: list[frozenset[int]]
    sweeps: list[int]

    @classmethod
    def empty(cls, carriers: int, rows: int, cols: int, sweeps: int = 1) -> OperatorTile:
        """Return a tile that no cell reaches yet, with room for as many sweeps on a carrier."""
        depth = 1
        while depth < min(sweeps, MOST_LISTED):  # as `make_room` would come to it
            depth = min(2 * depth, MOST_LISTED)
        flat, deep = (carriers, rows, cols), (carriers, rows, cols, depth)
        return cls(
            code=np.zeros(deep, np.uint16),
            level_mw=np.zeros(deep, np.float32),
            others_mw=np.zeros(deep, np.float32),
            rest_mw=np.zeros(flat, np.float32),
            second=np.zeros(flat, np.uint16),
            second_mw=np.zeros(flat, np.float32),
            diffraction_cdb=np.zeros(flat, np.uint16),
            terrain_cdb=np.zeros(flat, np.uint16),
            sites=[frozenset()] * carriers,
            sweeps=[0] * carriers,
        )

    def make_room(self, carrier: int) -> None:
        """Let one more site find a place in the lists, up to `MOST_LISTED`."""
        self.sweeps[carrier] += 1
        depth = self.code.shape[3]
        if self.sweeps[carrier] > depth and depth < MOST_LISTED:
            wide = (*self.code.shape[:3], min(2 * depth, MOST_LISTED))
            for name in ("code", "level_mw", "others_mw"):
                old = getattr(self, name)
                new = np.zeros(wide, old.dtype)
                new[..., :depth] = old
                setattr(self, name, new)

    def at(self, mask: BoolArray) -> OperatorTile:
        """Return what is kept of some pixels, in one row."""
        where = np.flatnonzero(mask)

        def at(array: NDArray[Any]) -> NDArray[Any]:
            flat = array.reshape(array.shape[0], -1, *array.shape[3:])
            return flat.take(where, axis=1)[:, np.newaxis]

        return OperatorTile(
            **{
                f.name: at(getattr(self, f.name))
                for f in fields(self)
                if f.name not in ("sites", "sweeps")
            },
            sites=self.sites,
            sweeps=self.sweeps,
        )

    def copy(self) -> OperatorTile:
        """Return a tile to which cells may be added without changing this one."""
        return OperatorTile(**{f.name: getattr(self, f.name).copy() for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class TileLayers:
    """The layers of one tile; axes as `lensong.coverage.layers.Layers` splits them.

    ``own_*`` and ``level_cdbm`` are by operator name: shape (services, rows, cols), (rows, cols).
    """

    best: Int16Array
    second: Int16Array
    overlap: UInt8Array
    rsrp_dbm: Float32Array
    second_dbm: Float32Array
    rsrq_db: Float32Array
    sinr_db: Float32Array
    downlink_mbps: Float32Array
    uplink_mbps: Float32Array
    band_cdbm: Int16Array
    probability: Float32Array
    limiting: UInt8Array
    reason: UInt8Array
    level_cdbm: dict[str, Int16Array] = field(default_factory=dict)
    own_probability: dict[str, Float32Array] = field(default_factory=dict)
    own_reason: dict[str, UInt8Array] = field(default_factory=dict)

    @classmethod
    def empty(cls, model: LayerModel, rows: int, cols: int) -> TileLayers:
        """Return layers that no operator serves yet."""
        by_technology = (len(model.technologies), rows, cols)
        by_service = (model.service_rows, len(model.services), rows, cols)

        def unknown() -> Float32Array:
            return np.full(by_technology, np.nan, np.float32)

        return cls(
            best=np.full(by_technology, -1, np.int16),
            second=np.full(by_technology, -1, np.int16),
            overlap=np.zeros(by_technology, np.uint8),
            rsrp_dbm=unknown(),
            second_dbm=unknown(),
            rsrq_db=unknown(),
            sinr_db=unknown(),
            downlink_mbps=unknown(),
            uplink_mbps=unknown(),
            band_cdbm=np.full((len(model.bands), rows, cols), NO_LEVEL_CDBM, np.int16),
            probability=np.zeros(by_service, np.float32),
            limiting=np.zeros(by_service, np.uint8),
            reason=np.full(by_service, REASONS.index("no_cell"), np.uint8),
        )


class Coming(NamedTuple):
    """One sweep, and operator and carrier number to the codes of its cells (`by_carrier`)."""

    sweep: PackedSweep
    groups: dict[tuple[str, int], IntArray]


@dataclass(slots=True, kw_only=True)
class Tile:
    """A part of the grid, and what each operator brings there.

    Parameters
    ----------
    row0, col0, rows, cols : int
        Where it lies on the grid.
    operators : dict
        Name to what is kept.
    """

    row0: int
    col0: int
    rows: int
    cols: int
    operators: dict[str, OperatorTile] = field(default_factory=dict)

    def add(self, sweep: PackedSweep, indices: Sequence[int], model: LayerModel) -> None:
        """Add the cells of these indices, which ride one sweep."""
        self.lay([Coming(sweep, by_carrier(indices, model))], model)

    def lay(self, coming: Sequence[Coming], model: LayerModel) -> None:
        """Add all that reaches the tile, in its order: each sweep with the cells that ride it."""
        aimed = Aimed()
        self.lay_heard(
            [
                (key, codes, partial(hear, one.sweep, codes, model, self.window, aimed))
                for one in coming
                for key, codes in one.groups.items()
            ],
            model,
        )

    def lay_heard(
        self,
        coming: Sequence[tuple[tuple[str, int], IntArray, Callable[[], SiteHeard]]],
        model: LayerModel,
    ) -> None:
        """Add what the cells of these codes bring on carriers, each made when its turn comes."""
        of_carrier = Counter(key for key, _, _ in coming)
        for name in {name for name, _ in of_carrier} - self.operators.keys():
            self.operators[name] = OperatorTile.empty(
                model.operators[name].carriers, self.rows, self.cols,
                max(count for key, count in of_carrier.items() if key[0] == name),
            )  # fmt: skip
        for key, codes, heard in coming:
            self.keep(key, codes, heard(), model)

    def keep(
        self, key: tuple[str, int], codes: IntArray, heard: SiteHeard, model: LayerModel
    ) -> None:
        """Add what the cells of these codes bring on one operator's carrier."""
        name, carrier = key
        kept = self.operators[name]
        kept.make_room(carrier)
        sweep, site = heard.sweep, int(model.cells.site[codes[0]])
        is_new = site not in kept.sites[carrier]
        kept.sites[carrier] |= {site}
        keep_heard(
            heard.lead, heard.lead_mw, heard.others_mw, heard.runner_up, heard.runner_up_mw,
            heard.row0 - self.row0, heard.col0 - self.col0,
            sweep.diffraction_cdb, sweep.terrain_cdb,
            sweep.row0 - self.row0, sweep.col0 - self.col0,
            codes, is_new, model.cells.site, model.cells.load_weight,
            kept.code[carrier], kept.level_mw[carrier], kept.others_mw[carrier],
            kept.rest_mw[carrier], kept.second[carrier], kept.second_mw[carrier],
            kept.diffraction_cdb[carrier], kept.terrain_cdb[carrier],
        )  # fmt: skip

    @property
    def window(self) -> Window:
        """Return the part of the grid that it is."""
        return self.row0, self.col0, self.row0 + self.rows, self.col0 + self.cols

    def own_layers(self, name: str, model: LayerModel) -> TileLayers:
        """Return what one operator offers here, by itself."""
        found = TileLayers.empty(model, self.rows, self.cols)
        fold_levels(self.operators[name], name, model, found)
        fold_services(self.operators[name], name, model, found)
        return found


def over_each_other(own: Mapping[str, TileLayers]) -> TileLayers:
    """Return at each pixel the operator that is best there; of equals the first by name.

    Parameters
    ----------
    own : dict
        Operator to its layers alone, one at least. They are not changed.
    """
    names = sorted(own)
    found = levels_over_each_other(own)
    if len(names) == 1:
        return found
    found = replace(found, **{name: getattr(found, name).copy() for name in _SERVICES})
    for name in names[1:]:
        _services_over(found, own[name])
    return replace(
        found,
        own_probability={name: own[name].own_probability[name] for name in names},
        own_reason={name: own[name].own_reason[name] for name in names},
    )


def levels_over_each_other(own: Mapping[str, TileLayers]) -> TileLayers:
    """Return the same of levels and rates alone; services are those of the first by name."""
    names = sorted(own)
    found = own[names[0]]
    if len(names) == 1:
        return found
    found = replace(
        found, **{name: getattr(found, name).copy() for name in (*_LEVELS, "band_cdbm")}
    )
    for name in names[1:]:
        _levels_over(found, own[name])
    return replace(found, level_cdbm={name: own[name].level_cdbm[name] for name in names})


def _levels_over(found: TileLayers, other: TileLayers) -> None:
    """Take levels and rates where the other operator's are better, as `fold_medians` does."""
    alike = np.float64(ALIKE)
    np.maximum(found.band_cdbm, other.band_cdbm, out=found.band_cdbm)
    here, there = found.uplink_mbps, other.uplink_mbps
    with np.errstate(invalid="ignore"):
        kept = (found.best >= 0) & (
            (there * alike < here) | ((there <= here * alike) & (other.rsrp_dbm <= found.rsrp_dbm))
        )
    better = (other.best >= 0) & ~kept
    for name in _LEVELS:
        np.copyto(getattr(found, name), getattr(other, name), where=better)


def _services_over(found: TileLayers, other: TileLayers) -> None:
    """Take services where the other operator's chance is greater, as `judge_services` does."""
    better = (other.limiting != 0) & (
        (found.limiting == 0) | (other.probability > found.probability)
    )
    for name in _SERVICES:
        np.copyto(getattr(found, name), getattr(other, name), where=better)


def fold_levels(kept: OperatorTile, name: str, model: LayerModel, into: TileLayers) -> None:
    """Put levels and rates at the median of one operator over those of others."""
    cells, operator = model.cells, model.operators[name]
    technologies, rows, cols = into.best.shape
    level = np.full((rows, cols), NO_LEVEL_CDBM, np.int16)
    fold_medians(
        kept.code, kept.level_mw, kept.others_mw, kept.rest_mw, kept.second, kept.second_mw,
        operator.technology, operator.band, operator.overlap_share,
        cells.load_weight, cells.noise_mw, cells.boost, cells.load,
        cells.downlink_hz, cells.downlink_layers,
        cells.uplink_snr_offset, cells.uplink_block_hz, cells.uplink_blocks,
        model.downlink_curve, model.uplink_curve, model.aggregate,
        np.empty((5, max(operator.carriers, technologies))), np.empty(technologies, np.int64),
        into.best, into.second, into.overlap, into.rsrp_dbm, into.second_dbm, into.rsrq_db,
        into.sinr_db, into.downlink_mbps, into.uplink_mbps, into.band_cdbm, level,
    )  # fmt: skip
    into.level_cdbm[name] = level


def fold_services(kept: OperatorTile, name: str, model: LayerModel, into: TileLayers) -> None:
    """Put the chances of one operator's services over those of others."""
    cells, operator = model.cells, model.operators[name]
    _, _, rows, cols = into.probability.shape
    own_probability = np.zeros((len(model.services), rows, cols), np.float32)
    own_reason = np.full(own_probability.shape, REASONS.index("no_cell"), np.uint8)
    shadowing = model.shadowing
    judge_services(  # type: ignore[no-untyped-call]  # as its kernel, it carries no types
        kept.code, kept.level_mw, kept.others_mw, kept.rest_mw,
        kept.diffraction_cdb, kept.terrain_cdb, operator.overlap_share,
        operator.carries, operator.in_scope, operator.scope_row, operator.also_row,
        cells.site, cells.load_weight, cells.noise_mw, model.factors, model.alike,
        model.required_sinr, model.required_level_mw, model.attach_mw,
        model.wanted, model.need_uplink_mbps, cells.uplink_snr_offset,
        cells.uplink_block_hz, cells.uplink_blocks, model.uplink_curve,
        model.aggregate, shadowing.sigma_nepers, shadowing.apart_nepers,
        shadowing.common_nepers, shadowing.rest_factor, model.draws,
        into.probability, into.limiting, into.reason, own_probability, own_reason,
    )  # fmt: skip
    into.own_probability[name] = own_probability
    into.own_reason[name] = own_reason
