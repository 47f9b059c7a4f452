"""What phones of a village receive, draw by draw: shadowing over the levels of the plan.

In each draw sellers stand at places of the village, drawn by its people. The level of a site at a
phone is its median times the shadowing of that site,

    x = sigma_v (sqrt(rho) W + sqrt(1 - rho) Z_site) + sigma_p (sqrt(rho) w + sqrt(1 - rho) z_site),

with ``W`` and ``Z`` the same for all phones of the village and ``w`` and ``z`` of each phone: the
error of the model (``model_sigma_db``) is taken to be shared by the village, what varies over its
places (``location_sigma_db``, and the building indoors) to be each phone's own.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from zlib import crc32

import numpy as np

from lensong.coverage.layer_model import LayerModel
from lensong.coverage.streams.heard import PLACES, Heard, OperatorHeard
from lensong.propagation.types import FloatArray, IntArray

__all__ = ["DRAWS", "SEED", "Reception", "receptions"]

DRAWS = 128
SEED = 20_261
_LEAST_MW = 1e-30


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """What phones of a village receive of one operator on one carrier, by draw.

    Parameters
    ----------
    operator : str
    carrier : int
        Number among the operator's carriers.
    code : shape (draws, phones)
        The strongest cell (index + 1), 0 where there is none.
    level_mw, sinr : shape (draws, phones)
        Its RSRP, and the signal to interference and noise of its data.
    heard_code, heard_snr : shape (draws, phones, sites)
        Cells that hear the phone, and the signal to noise there of its whole power in one block.
    """

    operator: str
    carrier: int
    code: IntArray
    level_mw: FloatArray
    sinr: FloatArray
    heard_code: IntArray
    heard_snr: FloatArray

    def part(self, phones: slice) -> Reception:
        """Return what some of the phones receive."""
        arrays = ("code", "level_mw", "sinr", "heard_code", "heard_snr")
        kept = {f.name: getattr(self, f.name) for f in fields(self)}
        return Reception(**kept | {name: kept[name][:, phones] for name in arrays})


def receptions(
    heard: Heard,
    village: int,
    village_id: str,
    model: LayerModel,
    *,
    phones: int,
    model_sigma_db: float,
    draws: int = DRAWS,
    seed: int = SEED,
) -> list[Reception]:
    """Return what the phones of a village receive, by operator and carrier.

    Parameters
    ----------
    heard : Heard
    village : int
        Row of the village.
    village_id : str
        With the seed it decides the draws, wherever the village stands in its list.
    model : LayerModel
    phones : int
    model_sigma_db : float
        The part of the scatter that the phones of a village share [dB].
    draws, seed : int
        Other than those of the plan: to hold its answer against draws that it has not seen.
    """
    rng = np.random.default_rng([seed, crc32(village_id.encode())])
    place = rng.integers(PLACES, size=(draws, phones)) + PLACES * village
    part = slice(PLACES * village, PLACES * (village + 1))
    codes = np.unique(
        np.concatenate([np.unique(o.code[:, part]) for o in heard.operators.values()])
    )
    sites = np.unique(model.cells.site[codes[codes > 0]])
    factor = _shadowing(rng, model, sites.size, place.shape, model_sigma_db)
    column = np.zeros(model.cells.site.max() + 1, np.int64)
    column[sites] = np.arange(sites.size)
    found = []
    for name, operator in heard.operators.items():
        found += _of_operator(name, operator, model, place, factor, column)
    return found


def _shadowing(
    rng: np.random.Generator,
    model: LayerModel,
    sites: int,
    shape: tuple[int, ...],
    model_sigma_db: float,
) -> FloatArray:
    """Return factors of power, shape (draws, phones, sites + 1); the last is of sites unlisted."""
    draws, phones = shape
    shadowing = model.shadowing
    together = np.sqrt(shadowing.correlation)
    apart = np.sqrt(1.0 - shadowing.correlation)
    shared_db = min(model_sigma_db, shadowing.sigma_db)
    own_db = np.sqrt(max(shadowing.sigma_db**2 - shared_db**2, 0.0))
    of_village = together * rng.standard_normal((draws, 1, 1))
    of_phone = together * rng.standard_normal((draws, phones, 1))
    scatter_db = shared_db * of_village + own_db * of_phone
    each_db = (
        scatter_db
        + shared_db * apart * rng.standard_normal((draws, 1, sites))
        + own_db * apart * rng.standard_normal((draws, phones, sites))
    )
    return np.asarray(10.0 ** (np.concatenate([each_db, scatter_db], axis=2) / 10.0))


def _of_operator(
    name: str,
    heard: OperatorHeard,
    model: LayerModel,
    place: IntArray,
    factor: FloatArray,
    column: IntArray,
) -> list[Reception]:
    cells, operator = model.cells, model.operators[name]
    code = heard.code[:, place].astype(np.int64)  # (carriers, draws, phones, sites)
    draw, phone = np.ogrid[: place.shape[0], : place.shape[1]]
    faded = factor[draw[..., None], phone[..., None], column[np.maximum(cells.site[code], 0)]]
    level_mw = heard.level_mw[:, place] * faded * (code > 0)
    disturbing = (
        level_mw * np.nan_to_num(cells.load_weight[code]) + heard.others_mw[:, place] * faded
    )
    total = disturbing.sum(axis=-1) + heard.rest_mw[:, place] * factor[..., -1]
    across = np.einsum("ck,kdp->cdp", operator.overlap_share, total)
    found = []
    for c in range(operator.carriers):
        best = np.argmax(level_mw[c], axis=-1)[..., None]
        lead = np.take_along_axis(code[c], best, -1)[..., 0]
        strong = np.take_along_axis(level_mw[c], best, -1)[..., 0]
        own = strong * np.nan_to_num(cells.load_weight[lead])
        disturbed = (
            np.maximum(total[c] - own, 0.0) + across[c] + np.nan_to_num(cells.noise_mw[lead])
        )
        found.append(
            Reception(
                operator=name,
                carrier=c,
                code=lead,
                level_mw=strong,
                sinr=strong
                / np.nan_to_num(cells.boost[lead], nan=1.0)
                / np.maximum(disturbed, _LEAST_MW),
                heard_code=code[c],
                heard_snr=level_mw[c] * np.nan_to_num(cells.uplink_snr_offset[code[c]]),
            )
        )
    return found
