"""How sure the people served are: draws of worlds in which levels differ together.

The chance of service at a pixel says how often its level is enough over all that is not known.
Much of that is common: a wrong constant of the model, a hill that the elevation misses, a mast that
stands elsewhere than the list says. So a village is not served in part, it is served or not; and
the sum over villages is less sure than if each had its own luck.

In a draw the level at a pixel differs from its median by

    model [ sqrt(1/2) (sqrt(rho) W + sqrt(1 - rho) V of the site) + sqrt(1/2) G at the place ]
    + assumed X of the site + locations E of the pixel

with ``W``, ``V``, ``X``, ``E`` and the field ``G`` standard normal: ``W`` the same everywhere,
``rho`` the correlation of two sites, ``G`` falling off with the distance by exp(-d / length). What
is enough at a pixel follows from its chance of service, whichever cells it comes from, so the mean
over draws is that chance where nothing is assumed. ``E`` needs no draws: of it, the share of draws
that hold is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pyproj import Transformer
from scipy.spatial.distance import cdist
from scipy.special import ndtri

from lensong.coverage.calibration.known import HALF_NORMAL
from lensong.coverage.calibration.layers import strongest
from lensong.coverage.interval_kernels import add_served
from lensong.coverage.layers import Layers
from lensong.coverage.network import Cell, Network, Technology
from lensong.coverage.plan_setup import PlanSetup
from lensong.coverage.result import KnownLayers
from lensong.coverage.shadowing import site_numbers
from lensong.coverage.village_weights import VillageWeights
from lensong.coverage.villages import column_suffix
from lensong.gis_data.land import Land
from lensong.propagation.types import BoolArray, FloatArray, IntArray

__all__ = ["VillageIntervals", "village_intervals"]

LENGTH_M = 503.0
"""Over which the model's error lasts: Gudmundson 1991, suburban, 900 MHz, 0.82 at 100 m [m]."""

DRAWS = 400
_SEED = 20_260
_LOW, _HIGH = 0.05, 0.95
_SURE = 5.0  # deviations beyond which a pixel is served, or not, in every draw
_MOST_NODES = 250
_NODE_M = 150.0

POSITION_M = 300.0
"""By how much an estimated position is off, an average of phones along roads [m]."""

DB_PER_DECADE = 35.0
_ASSUMED_DB = {"height_agl_m": 3.0, "azimuth_deg": 6.0, "total_power_dbm": 3.0}
"""What a level may be off where the value was not in the list of cells [dB]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VillageIntervals:
    """How sure the people served are.

    Parameters
    ----------
    columns : dict
        For the village table: ``served_share_p05_*`` and ``served_share_p95_*``, the share of
        people for whom the service holds in the worst and the best twentieth of draws, and
        ``chance_covered_*``, in how many draws it is that of a covered village.
    people_served : dict
        Service to people for whom it holds: ``p05``, ``p50``, ``p95``, ``mean``.
    assumptions : tuple of str
    """

    columns: dict[str, list[float | str]]
    people_served: dict[str, dict[str, float]]
    assumptions: tuple[str, ...]


def village_intervals(
    setup: PlanSetup, layers: Layers, known: Mapping[Technology, KnownLayers] | None = None
) -> VillageIntervals:
    """Return intervals of the people served, by village and in the sum, for every service.

    Parameters
    ----------
    setup : PlanSetup
    layers : Layers
        Their chances of service and serving cells are taken.
    known : mapping or None
        What a calibration knows of the levels, by technology.
    """
    draws = _Draws.of(setup)
    columns: dict[str, list[float | str]] = {}
    sums: dict[str, dict[str, float]] = {}
    assumed, site = _Assumed.of(setup.network, setup.land), site_numbers(setup.network)
    villages = [
        _Village.of(
            setup,
            w,
            _servers(layers, w.pixel),
            assumed,
            site,
            _model_db(setup, layers, known or {}, w.pixel),
        )
        for w in setup.weights
    ]
    chances = [layers.services[s.name].probability.ravel() for s in setup.services]
    shares_of = np.array(
        [
            [
                draws.share_served(village, chance[village.weights.pixel].astype(float), number)
                for chance in chances
            ]
            for number, village in enumerate(villages)
        ]
    )
    for index, service in enumerate(setup.services):
        shares = shares_of[:, index]
        suffix = column_suffix(service.name)
        low, high = np.quantile(shares, [_LOW, _HIGH], axis=1)
        columns[f"served_share_p05_{suffix}"] = [round(float(v), 4) for v in low]
        columns[f"served_share_p95_{suffix}"] = [round(float(v), 4) for v in high]
        covered = (shares >= setup.classes.covered_share - 1e-9).mean(axis=1)
        columns[f"chance_covered_{suffix}"] = [round(float(v), 4) for v in covered]
        people = np.array([np.nan_to_num(w.people) for w in setup.weights])
        served = people @ shares
        sums[service.name] = {
            "p05": float(np.quantile(served, _LOW)),
            "p50": float(np.quantile(served, 0.5)),
            "p95": float(np.quantile(served, _HIGH)),
            "mean": float(served.mean()),
        }
    return VillageIntervals(
        columns=columns,
        people_served=sums,
        assumptions=(_assumption(setup, draws),),
    )


@dataclass(frozen=True, slots=True)
class _Village:
    """A village's pixels: site of the server, what may be off there, and nodes of the field."""

    weights: VillageWeights
    site: IntArray
    assumed_db: FloatArray
    model_db: FloatArray
    node: IntArray
    nodes_m: FloatArray

    @classmethod
    def of(
        cls,
        setup: PlanSetup,
        weights: VillageWeights,
        code: IntArray,
        assumed: _Assumed,
        site: IntArray,
        model_db: FloatArray,
    ) -> _Village:
        grid = setup.land.grid
        row, col = np.divmod(weights.pixel, grid.cols)
        places = np.column_stack([col * grid.cell_m, -row * grid.cell_m]).astype(np.float64)
        node, nodes_m = _nodes(places)
        return cls(
            weights=weights,
            site=site[code + 1],
            assumed_db=assumed.deviation_db(code, row, col),
            model_db=model_db,
            node=node,
            nodes_m=nodes_m,
        )


@dataclass(frozen=True, slots=True)
class _Draws:
    """The normal numbers of all draws, and the deviations that they are multiplied by."""

    everywhere: FloatArray
    of_site: FloatArray
    assumed: FloatArray
    total_db: float
    location_db: float
    correlation: float
    length_m: float
    fields: dict[int, FloatArray]

    @classmethod
    def of(cls, setup: PlanSetup) -> _Draws:
        rng = np.random.default_rng(_SEED)
        sites = int(site_numbers(setup.network).max()) + 2  # the last: no site at all
        propagation, total_db = setup.propagation, setup.shadowing.sigma_db
        rest = total_db**2 - propagation.model_sigma_db**2  # locations and, indoors, the building
        length = LENGTH_M
        if propagation.calibration is not None:
            length = propagation.calibration.length_m
        return cls(
            # every quantile of what all share once: the sum over villages rests on it
            everywhere=np.asarray(ndtri((rng.permutation(DRAWS) + 0.5) / DRAWS)),
            of_site=rng.normal(size=(sites, DRAWS)),
            assumed=rng.normal(size=(sites, DRAWS)),
            total_db=total_db,
            location_db=max(float(rest), 0.01) ** 0.5,
            correlation=propagation.shadowing_correlation,
            length_m=length,
            fields={},
        )

    def share_served(self, village: _Village, chance: FloatArray, number: int) -> FloatArray:
        """Return the share of a village's people for whom a service holds, by draw."""
        weight = village.weights.weight
        with np.errstate(divide="ignore"):
            margin = ndtri(chance) * self.total_db
        spread = np.hypot(np.hypot(village.model_db, self.location_db), village.assumed_db)
        served = np.full(DRAWS, float(weight[margin >= _SURE * spread].sum()))
        open_ = np.abs(margin) < _SURE * spread
        if not open_.any():
            return np.asarray(np.minimum(served, 1.0))
        site = village.site[open_]
        add_served(
            weight[open_], margin[open_] / self.location_db,
            village.model_db[open_] / self.location_db,
            village.assumed_db[open_] / self.location_db,
            site, village.node[open_], self.everywhere, self.of_site, self.assumed,
            self.field(village, number) * np.sqrt(0.5),
            (np.sqrt(0.5 * self.correlation), np.sqrt(0.5 * (1.0 - self.correlation))), served,
        )  # fmt: skip
        return np.asarray(np.minimum(served, 1.0))

    def field(self, village: _Village, number: int) -> FloatArray:
        """Return what the nodes of a village have of the field, shape (nodes, draws)."""
        found = self.fields.get(number)
        if found is None:
            rng = np.random.default_rng([_SEED, number])
            root = np.linalg.cholesky(
                np.exp(-cdist(village.nodes_m, village.nodes_m) / self.length_m)
                + 1e-9 * np.eye(len(village.nodes_m))
            )
            found = root @ rng.normal(size=(len(village.nodes_m), DRAWS))
            self.fields.clear()  # that of one village, for all its services
            self.fields[number] = found
        return found


def _servers(layers: Layers, pixel: IntArray) -> IntArray:
    """Return the index of the strongest technology's serving cell at some pixels, -1 none."""
    found = np.full(pixel.size, -1, np.int64)
    best = np.full(pixel.size, -np.inf, np.float32)
    for layer in layers.technologies.values():
        level = layer.rsrp_dbm.ravel()[pixel]
        better = level > best  # never where it is NaN
        found = np.where(better, layer.best_server.ravel()[pixel], found)
        best = np.where(better, level, best)
    return found


def _nodes(places: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return the node of each pixel, and where the nodes are: centres of squares [m]."""
    side_m = _NODE_M
    while True:
        squares, node = np.unique(np.floor(places / side_m), axis=0, return_inverse=True)
        if len(squares) <= _MOST_NODES:
            return node.ravel().astype(np.int64), (squares + 0.5) * side_m
        side_m *= 1.5


@dataclass(frozen=True, slots=True)
class _Assumed:
    """What the list of cells does not say, by cell; the entry after the last is for no cell."""

    variance: FloatArray
    estimated: BoolArray
    row: FloatArray
    col: FloatArray
    cell_m: float

    @classmethod
    def of(cls, network: Network, land: Land) -> _Assumed:
        masts = {mast.mast_id: mast for mast in network.masts}
        of_cell = [masts[cell.mast_id] for cell in network.cells]
        to_grid = Transformer.from_crs("EPSG:4326", land.grid.crs, always_xy=True)
        east, north = to_grid.transform([m.lon_deg for m in of_cell], [m.lat_deg for m in of_cell])
        row, col = land.grid.row_col(np.asarray(east), np.asarray(north))  # type: ignore[arg-type]  # the formula holds for arrays
        return cls(
            variance=np.array([*map(_squares, network.cells), 0.0]),
            estimated=np.array(
                [c.uncertain or m.uncertain for c, m in zip(network.cells, of_cell, strict=True)]
                + [False]
            ),
            row=np.append(row, 0.0),
            col=np.append(col, 0.0),
            cell_m=land.grid.cell_m,
        )

    def deviation_db(self, code: IntArray, row: IntArray, col: IntArray) -> FloatArray:
        """Return the deviation of levels at pixels by what is assumed of their server [dB]."""
        away_m = self.cell_m * np.hypot(row - self.row[code], col - self.col[code])
        share = POSITION_M / np.maximum(away_m, POSITION_M)
        of_place = np.where(self.estimated[code], DB_PER_DECADE / np.log(10.0) * share, 0.0)
        return np.asarray(np.sqrt(self.variance[code] + of_place**2))


def _squares(cell: Cell) -> float:
    return float(sum(db**2 for name, db in _ASSUMED_DB.items() if name in cell.assumed))


def _model_db(
    setup: PlanSetup,
    layers: Layers,
    known: Mapping[Technology, KnownLayers],
    pixel: IntArray,
) -> FloatArray:
    """Return the model's deviation at some pixels; with a calibration what is left of it [dB]."""
    propagation = setup.propagation
    plain = np.full(pixel.size, propagation.model_sigma_db)
    if not known:
        return plain
    half, _ = strongest(layers.technologies, known, pixel)
    # the building and what differs from place to place have their own part in a draw
    own_db2 = setup.shadowing.sigma_db**2 - propagation.model_sigma_db**2
    rest = np.maximum((half / HALF_NORMAL) ** 2 - own_db2, 1.0) ** 0.5
    return np.where(np.isfinite(half), rest, plain)


def _assumption(setup: PlanSetup, draws: _Draws) -> str:
    model = f"{setup.propagation.model_sigma_db:g} dB"
    if setup.propagation.calibration is not None:
        model += " (where it was calibrated what is left of it, by half of each level's interval)"
    return (
        f"Intervals of people served are the middle 90 % of {DRAWS} draws in which levels differ "
        f"together: the model by {model}, half of it by site (two sites correlated by "
        f"{draws.correlation:g}) and half by place, lasting {draws.length_m:.0f} m; estimated "
        f"positions by {POSITION_M:g} m, and assumed heights, azimuths and powers by 3, 6 and "
        "3 dB. Errors of the elevation are part of the model's."
    )
