"""What a calibration says: terms, cells, field, how well it did on ground that it had not seen."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Literal

from lensong.coverage.calibration.field import Field
from lensong.coverage.calibration.hold_out import STAGES
from lensong.coverage.calibration.spread import Spread
from lensong.coverage.calibration.terms import Priors
from lensong.propagation.errors import DataError
from lensong.propagation.types import BoolArray, FloatArray

__all__ = [
    "Basis",
    "Calibration",
    "CellRow",
    "HeldOutRow",
    "PlaceRow",
    "SpotTable",
    "Term",
]

_CLEARLY_LESS = 0.9
"""Of the field's deviation; 0.9 squared leaves 81 % of its variance."""

Fate = Literal["calibrated", "left as it was", "set aside"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A number and its standard deviation."""

    value: float
    sd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRow:
    """What became of a cell that was measured.

    Parameters
    ----------
    cell_id, mast_id : str
    height_agl_m, freq_mhz : float
        Of its antenna place.
    antenna : str
        Name of its antenna, but for the electrical tilt.
    spots : int
    fate : {"calibrated", "left as it was", "set aside"}
        ``"left as it was"``: levels of its antenna place got no better where they were held out.
        ``"set aside"``: it does not fit the plan, see ``why``.
    why : str
    bias : Term
        Added to its levels, with what all cells share; 0 where it is not calibrated [dB].
    """

    cell_id: str
    mast_id: str
    height_agl_m: float
    freq_mhz: float
    antenna: str
    spots: int
    fate: Fate
    why: str
    bias: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRow:
    """The terms of an antenna place: mast, height and carrier frequency, which share their paths.

    Parameters
    ----------
    mast_id : str
    lat_deg, lon_deg : float
        Of the mast as it was then: one that has moved is another place. WGS 84 [deg].
    height_agl_m, freq_mhz : float
    spots : int
    calibrated : bool
    terms : dict
        `lensong.coverage.calibration.terms.PLACE_TERMS` with what all share.
    rmse_before_db, rmse_after_db : float
        Of its spots on squares of 500 m that were held out [dB]; NaN where none could be.
    """

    mast_id: str
    lat_deg: float
    lon_deg: float
    height_agl_m: float
    freq_mhz: float
    spots: int
    calibrated: bool
    terms: dict[str, Term]
    rmse_before_db: float
    rmse_after_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutRow:
    """How far levels were from what was said of squares, or sites, that were held out.

    Parameters
    ----------
    block_m : float
        Side of the squares [m]; 0 for whole sites.
    blocks, spots : int
    rmse_db, mae_db : dict
        By stage, see `lensong.coverage.calibration.hold_out.STAGES` [dB].
    """

    block_m: float
    blocks: int
    spots: int
    rmse_db: dict[str, float]
    mae_db: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotTable:
    """The spots that were learnt from.

    Parameters
    ----------
    east_m, north_m : shape (n,)
        In the calibration's system [m].
    cell_id, mast_id, phone : tuple of str
    height_agl_m, freq_mhz : shape (n,)
        Of the antenna place that was heard.
    measured_dbm : shape (n,)
        Level, median of its readings [dBm].
    residual_db, left_db : shape (n,)
        Measured less predicted level, before and after; the phone's offset is taken off the
        second [dB].
    at_floor : shape (n,), bool
    distance_m, terrain_db, clutter_db, clear : shape (n,)
        Of the path as it was predicted, see `lensong.coverage.calibration.evidence.Evidence`.
    land_cover : tuple of str
        Class of land cover; empty where it is not known.
    weight : shape (n,)
        By how much each spot counted, about 1 for one that fits: with it and the rest, how sure a
        level is can be told anywhere.
    pull_per_db : shape (n,)
        Covariance of the field with a spot times this, summed, is the field [1/dB].
    """

    east_m: FloatArray
    north_m: FloatArray
    cell_id: tuple[str, ...]
    mast_id: tuple[str, ...]
    phone: tuple[str, ...]
    height_agl_m: FloatArray
    freq_mhz: FloatArray
    measured_dbm: FloatArray
    residual_db: FloatArray
    left_db: FloatArray
    at_floor: BoolArray
    distance_m: FloatArray
    terrain_db: FloatArray
    clutter_db: FloatArray
    clear: BoolArray
    land_cover: tuple[str, ...]
    weight: FloatArray
    pull_per_db: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """From when on a level counts as measured, or as calibrated where it is.

    Parameters
    ----------
    measured_within_m : float
        To the nearest spot at which a cell of the serving site was measured [m].
    field_sd_share : float
        Deviation of the residual field as it is known, by that before anything was measured: up to
        this share of it a level is calibrated here [1].
    """

    measured_within_m: float
    field_sd_share: float

    @classmethod
    def of(cls, field: Field) -> Basis:
        """Return the bounds that a field speaks for.

        A place is measured where one spot, without noise, tells half of the field's variance:
        there the squared correlation exp(-2 d / length) is 1/2. It is calibrated where all spots
        together tell a fifth of that variance.
        """
        return cls(
            measured_within_m=round(0.5 * log(2.0) * field.length_m, 1),
            field_sd_share=_CLEARLY_LESS,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was learnt of a network, as a scenario names it.

    Parameters
    ----------
    crs : str
        Of the spots.
    stage : str
        How much of it is used, one of `STAGES`; ``"none"``: nothing improved, nothing is changed.
    unseen : bool
        Whether antenna places without a measurement get what all share: only where that made levels
        of whole sites better that were held out.
    shared : dict
        Term to number, see `lensong.coverage.calibration.terms`.
    classes : dict
        Name of a class of land cover to its offset [dB].
    phones : dict
        Phone to by how much it reads above the mean phone [dB]; empty where there is one phone.
    cells, places, held_out : tuple
    priors : Priors
        With which it was learnt.
    field : Field
    basis : Basis
    spots : SpotTable
    spread : Spread or None
        None where nothing could be held out often enough.
    merged_m : float
        Side of the squares in which spots were merged to be few enough; 0: they were not [m].
    synthetic : bool
    notes : tuple of str
        English sentences.
    """

    crs: str
    stage: str
    unseen: bool
    shared: dict[str, Term]
    classes: dict[str, Term]
    phones: dict[str, Term]
    cells: tuple[CellRow, ...]
    places: tuple[PlaceRow, ...]
    held_out: tuple[HeldOutRow, ...]
    priors: Priors
    field: Field
    basis: Basis
    spots: SpotTable
    spread: Spread | None
    merged_m: float
    synthetic: bool
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.stage not in STAGES:
            raise DataError(f"stage is {self.stage!r}, wanted one of {', '.join(STAGES)}")

    @property
    def changes_levels(self) -> bool:
        """Return whether any level is changed."""
        return self.stage != "none"
