"""Reading a calibration that a scenario names."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import numpy as np
import pyogrio
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pyogrio.errors import DataLayerError, DataSourceError

from lensong.coverage.calibration import calibration as learnt
from lensong.coverage.calibration.field import Field as ResidualField
from lensong.coverage.calibration.spread import COVERAGES, PATH_CLASSES, Spread, SpreadRow
from lensong.coverage.calibration.terms import PLACE_TERMS, TERMS, Priors
from lensong.coverage.results.calibration import SPOT_LAYER, VERSION
from lensong.gis_data.provenance import content_sha256
from lensong.propagation.errors import ConfigError, DataError

__all__ = ["calibration_files", "read_calibration"]

_MOST_BYTES = 2**24


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Term(_Section):
    value: float = Field(allow_inf_nan=False)
    sd: float = Field(ge=0.0)


class _FieldSection(_Section):
    sd_db: float = Field(ge=0.0, le=100.0)
    length_m: float = Field(gt=0.0, le=1e6)
    noise_db: float = Field(ge=0.0, le=100.0)
    correlation: float = Field(ge=0.0, le=1.0)


class _Basis(_Section):
    measured_within_m: float = Field(ge=0.0, le=1e6)
    field_sd_share: float = Field(gt=0.0, le=1.0)


class _Priors(_Section):
    shared: list[float] = Field(min_length=len(TERMS), max_length=len(TERMS))
    place: list[float] = Field(min_length=len(PLACE_TERMS), max_length=len(PLACE_TERMS))
    cell_bias_db: float
    class_db: float
    phone_db: float


class _Cell(_Section):
    cell_id: str
    mast_id: str
    height_agl_m: float
    freq_mhz: float
    antenna: str
    spots: int
    fate: Literal["calibrated", "left as it was", "set aside"]
    why: str
    bias: _Term


class _Place(_Section):
    mast_id: str
    lat_deg: float
    lon_deg: float
    height_agl_m: float
    freq_mhz: float
    spots: int
    calibrated: bool
    rmse_before_db: float
    rmse_after_db: float
    terms: dict[str, _Term]


class _HeldOut(_Section):
    block_m: float
    blocks: int
    spots: int
    rmse_db: dict[str, float]
    mae_db: dict[str, float]


class _Spread(_Section):
    sight: str
    nearest_from_m: float
    nearest_to_m: float
    spots: int
    rmse_db: float
    half_width: list[float] = Field(min_length=len(COVERAGES), max_length=len(COVERAGES))


class _File(_Section):
    version: int
    lensong: str
    title: str
    measured: str
    crs: str
    stage: Literal["none", "bias", "terms", "field"]
    unseen_cells: bool
    merged_m: float
    synthetic: bool
    spots: str
    spots_sha256: str
    notes: list[str]
    field: _FieldSection
    basis: _Basis
    priors: _Priors
    shared: dict[str, _Term]
    classes: dict[str, _Term]
    phones: dict[str, _Term]
    cell: list[_Cell] = []
    place: list[_Place] = []
    held_out: list[_HeldOut] = []
    spread: list[_Spread] = []


def read_calibration(path: Path) -> learnt.Calibration:
    """Return the calibration in a file that `lensong calibrate` wrote.

    Raises
    ------
    ConfigError
        It cannot be read, or is none.
    DataError
        Its spots are not beside it, or are those of another one.
    """
    content = _content(path)
    return learnt.Calibration(
        crs=content.crs,
        stage=content.stage,
        unseen=content.unseen_cells,
        shared=_terms(content.shared),
        classes=_terms(content.classes),
        phones=_terms(content.phones),
        cells=tuple(
            learnt.CellRow(**{**cell.model_dump(), "bias": _term(cell.bias)})
            for cell in content.cell
        ),
        places=tuple(
            learnt.PlaceRow(**{**p.model_dump(), "terms": _terms(p.terms)}) for p in content.place
        ),
        held_out=tuple(learnt.HeldOutRow(**row.model_dump()) for row in content.held_out),
        field=ResidualField(**content.field.model_dump()),
        basis=learnt.Basis(**content.basis.model_dump()),
        priors=Priors(
            shared=tuple(content.priors.shared),
            place=tuple(content.priors.place),
            cell_bias_db=content.priors.cell_bias_db,
            class_db=content.priors.class_db,
            phone_db=content.priors.phone_db,
        ),
        spots=_spots(path, content),
        spread=_spread(path, content),
        merged_m=content.merged_m,
        synthetic=content.synthetic,
        notes=tuple(content.notes),
    )


def calibration_files(path: Path) -> list[Path]:
    """Return the files of a calibration."""
    return [path, path.parent / _content(path).spots]


def _content(path: Path) -> _File:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path} has more than {_MOST_BYTES >> 20} MiB: it is no calibration")
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read the calibration {path} ({error.strerror}): make it with "
            "`lensong calibrate`, or take calibration.file out of the scenario"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is no TOML file: {error}: make it again") from None
    if content.get("version") != VERSION:
        raise ConfigError(
            f"{path} has version {content.get('version')!r}, wanted {VERSION}: make it with this "
            "version of `lensong calibrate`"
        )
    try:
        return _File.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"{path} is no calibration: {where}: {first['msg'].lower()}: make it again with "
            "`lensong calibrate`"
        ) from None


def _term(term: _Term) -> learnt.Term:
    return learnt.Term(value=term.value, sd=term.sd)


def _terms(terms: dict[str, _Term]) -> dict[str, learnt.Term]:
    return {name: _term(term) for name, term in terms.items()}


def _spots(path: Path, content: _File) -> learnt.SpotTable:
    spots = path.parent / content.spots
    if not spots.is_file():
        raise DataError(f"{spots} is missing: it belongs beside {path}; copy both, or neither")
    if content_sha256([spots]) != content.spots_sha256:
        raise DataError(
            f"{spots} is not the one that {path} was made with: make both again with "
            "`lensong calibrate`"
        )
    try:
        table = pyogrio.read_dataframe(spots, layer=SPOT_LAYER, read_geometry=False)
    except (DataSourceError, DataLayerError) as error:
        raise DataError(f"{spots} cannot be read: {error}") from error
    return learnt.SpotTable(
        east_m=table["east_m"].to_numpy(np.float64),
        north_m=table["north_m"].to_numpy(np.float64),
        cell_id=tuple(table["cell_id"].astype(str)),
        mast_id=tuple(table["mast_id"].astype(str)),
        phone=tuple(table["phone"].astype(str)),
        height_agl_m=table["height_agl_m"].to_numpy(np.float64),
        freq_mhz=table["freq_mhz"].to_numpy(np.float64),
        measured_dbm=table["measured_dbm"].to_numpy(np.float64),
        residual_db=table["residual_db"].to_numpy(np.float64),
        left_db=table["left_db"].to_numpy(np.float64),
        at_floor=table["at_floor"].to_numpy(np.bool_),
        distance_m=table["distance_m"].to_numpy(np.float64),
        terrain_db=table["terrain_db"].to_numpy(np.float64),
        clutter_db=table["clutter_db"].to_numpy(np.float64),
        clear=table["clear"].to_numpy(np.bool_),
        land_cover=tuple(table["land_cover"].fillna("").astype(str)),
        weight=table["weight"].to_numpy(np.float64),
        pull_per_db=table["pull_per_db"].to_numpy(np.float64),
    )


def _spread(path: Path, content: _File) -> Spread | None:
    if not content.spread:
        return None
    kinds = [(row.sight, row.nearest_from_m, row.nearest_to_m) for row in content.spread]
    if kinds != list(PATH_CLASSES):
        raise ConfigError(
            f"{path} has other classes of path than this version: make it again with "
            "`lensong calibrate`"
        )
    return Spread(
        rows=tuple(
            SpreadRow(spots=row.spots, rmse_db=row.rmse_db, half_width=tuple(row.half_width))
            for row in content.spread
        )
    )
