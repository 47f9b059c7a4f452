"""Drive tests as one table of paths with a measured loss, whatever their columns are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from pyproj import Geod

from lensong.coverage.measurement_columns import (
    PLAUSIBLE,
    ROLES,
    column_factor,
    find_columns,
    measured_quantity,
)
from lensong.gis_data.tables import Table, parse_number
from lensong.propagation.errors import ConfigError, DataError, OutOfRangeError
from lensong.propagation.types import BoolArray, FloatArray

__all__ = ["MeasurementOptions", "Measurements", "Transmitter", "read_measurements"]

_FIELD_TO_LEVEL_DB = 77.21  # level of an isotropic antenna: E - 20 log f - 77.21, ITU-R P.525-4
_DISAGREE_SHARE = 0.02
_WGS84 = Geod(ellps="WGS84")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transmitter:
    """Where the measured signal came from.

    Parameters
    ----------
    lat_deg, lon_deg : float
        WGS 84 [deg].
    height_agl_m : float
        Of the antenna above ground [m].
    """

    lat_deg: float
    lon_deg: float
    height_agl_m: float

    def __post_init__(self) -> None:
        for name, low, high in (
            ("lat_deg", -90.0, 90.0),
            ("lon_deg", -180.0, 180.0),
            ("height_agl_m", 0.0, 3000.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise OutOfRangeError(f"transmitter {name}", value, low, high)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementOptions:
    """What the file does not say, or says wrongly: each of these goes before a column.

    Parameters
    ----------
    transmitter : Transmitter or None
    receiver : (lat_deg, lon_deg) or None
        Of a receiver that stands still.
    tx_ground_amsl_m, rx_ground_amsl_m : float or None
        Ground at the transmitter and at the receiver above sea level [m].
    freq_mhz, rx_height_agl_m : float or None
        [MHz], [m].
    eirp_dbm : float or None
        Of what was measured toward the receiver; for RSRP, of one resource element [dBm].
    rx_gain_dbi : float
        Of the receiving antenna less its cable [dBi].
    columns : mapping
        Role (one of `lensong.coverage.measurement_columns.ROLES`) to column of the file, where
        its name alone does not tell.
    where : mapping
        Column to the text that a row must have in it, e.g. ``{"CellID": "21"}``.
    """

    transmitter: Transmitter | None = None
    receiver: tuple[float, float] | None = None
    tx_ground_amsl_m: float | None = None
    rx_ground_amsl_m: float | None = None
    freq_mhz: float | None = None
    rx_height_agl_m: float | None = None
    eirp_dbm: float | None = None
    rx_gain_dbi: float = 0.0
    columns: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.receiver is not None:
            for name, value, high in zip(
                ("lat_deg", "lon_deg"), self.receiver, (90.0, 180.0), strict=True
            ):
                if not -high <= value <= high:
                    raise OutOfRangeError(f"receiver {name}", value, -high, high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """Measured paths, one per entry; NaN is "not known".

    Parameters
    ----------
    rx_lat_deg, rx_lon_deg, tx_lat_deg, tx_lon_deg : shape (n,)
        WGS 84 [deg].
    distance_m : shape (n,)
        Over the ground [m].
    freq_mhz, tx_height_agl_m, rx_height_agl_m : shape (n,)
        [MHz], [m].
    drop_m : shape (n,)
        How much higher the transmitting antenna is than the receiving one, above sea level [m].
    path_loss_db : shape (n,)
        Measured loss between isotropic antennas [dB]; where ``absolute`` is False, but for one
        unknown constant.
    absolute : bool
        False where a level is known and the power that made it is not.
    quantity, column : str
        What was measured, and the column that has it.
    columns : dict
        Role to column, as taken.
    row : shape (n,), int
        Number of each entry among the rows of the file, from 0.
    rows : int
        Rows of the file.
    left_out : dict
        Reason to number of rows.
    assumptions, warnings : tuple of str
    """

    rx_lat_deg: FloatArray
    rx_lon_deg: FloatArray
    tx_lat_deg: FloatArray
    tx_lon_deg: FloatArray
    distance_m: FloatArray
    freq_mhz: FloatArray
    tx_height_agl_m: FloatArray
    rx_height_agl_m: FloatArray
    drop_m: FloatArray
    path_loss_db: FloatArray
    absolute: bool
    quantity: str
    column: str
    columns: dict[str, str]
    row: np.ndarray[tuple[int], np.dtype[np.int64]]
    rows: int
    left_out: dict[str, int]
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def elevation_deg(self) -> FloatArray:
        """Return the elevation of the transmitter seen from the receiver [deg]."""
        return np.asarray(np.degrees(np.arctan2(self.drop_m, self.distance_m)))


def read_measurements(table: Table, options: MeasurementOptions | None = None) -> Measurements:
    """Return the measured paths of a table.

    Parameters
    ----------
    table : Table
        As `lensong.gis_data.tables.read_table` gives it; ``-`` and empty fields are missing.
    options : MeasurementOptions, optional

    Raises
    ------
    DataError
        No column or option tells the level, the transmitter, its height, the frequency or the
        receiver's height; or no row has them all.
    ConfigError
        An option names a role or column that does not exist.
    """
    options = options or MeasurementOptions()
    found = find_columns(table, options.columns)
    quantity = measured_quantity(table, found, options.columns)
    rows = _chosen_rows(table, options.where)
    values = {
        role: _numbers(table, name, rows) * column_factor(role, name)
        for role, name in found.items()
    }
    _apply_options(values, options, rows.size)
    reader = _Reader(values, rows.size)
    distance_m = reader.distances()
    drop_m = reader.drops(distance_m)
    loss, absolute = reader.losses(quantity, options)
    needed = {
        "no position or distance": ~np.isfinite(distance_m),
        "receiver where the transmitter is": distance_m <= 0.0,
        "no frequency": ~np.isfinite(reader.get("freq_mhz")),
        "no transmitter height": ~np.isfinite(reader.get("tx_height_agl_m")),
        "no receiver height": ~np.isfinite(reader.get("rx_height_agl_m")),
        f"no {quantity}": ~np.isfinite(reader.get(quantity)),
        f"{quantity} not plausible": reader.implausible(quantity),
        "no EIRP": ~np.isfinite(loss),
    }
    keep, left_out = _kept(needed, len(table.rows) - rows.size)
    if not keep.any():
        raise DataError(_nothing_left(table, needed, quantity))
    kept = {role: reader.get(role)[keep] for role in ROLES}
    return Measurements(
        rx_lat_deg=kept["rx_lat_deg"],
        rx_lon_deg=kept["rx_lon_deg"],
        tx_lat_deg=kept["tx_lat_deg"],
        tx_lon_deg=kept["tx_lon_deg"],
        distance_m=distance_m[keep],
        freq_mhz=kept["freq_mhz"],
        tx_height_agl_m=kept["tx_height_agl_m"],
        rx_height_agl_m=kept["rx_height_agl_m"],
        drop_m=drop_m[keep],
        path_loss_db=loss[keep],
        absolute=absolute,
        quantity=quantity,
        column=found[quantity],
        columns=found,
        row=rows[keep],
        rows=len(table.rows),
        left_out=left_out,
        assumptions=tuple(reader.assumptions),
        warnings=tuple(reader.warnings),
    )


class _Reader:
    """Columns in our units, and what follows from them."""

    def __init__(self, values: dict[str, FloatArray], size: int) -> None:
        self._values, self._size = values, size
        self.assumptions: list[str] = []
        self.warnings: list[str] = []

    def get(self, role: str) -> FloatArray:
        return self._values.get(role, np.full(self._size, np.nan))

    def distances(self) -> FloatArray:
        """Return distances from the positions where both are known, else from the file."""
        ends = [self.get(f"{end}_{axis}_deg") for end in ("tx", "rx") for axis in ("lon", "lat")]
        given = self.get("distance_m")
        # a receiver without a fix logs 0, 0
        known = np.all(np.isfinite(ends), axis=0) & ((ends[2] != 0.0) | (ends[3] != 0.0))
        out = given.copy()
        if known.any():
            out[known] = _WGS84.inv(*(end[known] for end in ends))[2]
            both = known & np.isfinite(given) & (out > 0.0)
            off = np.abs(given[both] / out[both] - 1.0)
            if both.any() and float(np.median(off)) > _DISAGREE_SHARE:
                self.warnings.append(
                    f"distances in the file differ from those of the positions by "
                    f"{float(np.median(off)):.0%} (median); the positions were taken: check both"
                )
        return out

    def drops(self, distance_m: FloatArray) -> FloatArray:
        tx_m, rx_m = self.get("tx_height_agl_m"), self.get("rx_height_agl_m")
        ground = self.get("tx_ground_amsl_m") - self.get("rx_ground_amsl_m")
        given, slant = self.get("distance_m"), self.get("slant_distance_m")
        level = np.where(np.isfinite(given), given, distance_m)
        with np.errstate(invalid="ignore"):
            from_slant = np.sqrt(np.maximum(slant * slant - level * level, 0.0))
        drop = ground + tx_m - rx_m
        by_slant = ~np.isfinite(drop) & np.isfinite(from_slant)
        drop = np.where(by_slant, from_slant, drop)
        flat = ~np.isfinite(drop)
        if by_slant.any():
            self.assumptions.append(
                "The height of the transmitter over the receiver follows from the slant distance; "
                "the transmitter is taken to be the higher one."
            )
        if flat.any():
            self.assumptions.append(
                f"No ground heights are given for {int(flat.sum())} rows: the ground between the "
                "antennas is taken to be level."
            )
        return np.where(flat, tx_m - rx_m, drop)

    def losses(self, quantity: str, options: MeasurementOptions) -> tuple[FloatArray, bool]:
        """Return measured losses, and whether they are absolute."""
        measured = self.get(quantity)
        if quantity == "path_loss_db":
            return measured, True
        if quantity == "field_strength_dbuv_m":
            with np.errstate(invalid="ignore", divide="ignore"):
                measured = measured - 20.0 * np.log10(self.get("freq_mhz")) - _FIELD_TO_LEVEL_DB
        else:
            measured = measured - options.rx_gain_dbi
        if "eirp_dbm" in self._values:
            return self.get("eirp_dbm") - measured, True
        self.assumptions.append(
            "The EIRP is not known: one constant is fitted to the whole file. The bias is 0 by "
            "construction and says nothing; spread and shape do."
        )
        return -measured, False

    def implausible(self, quantity: str) -> BoolArray:
        low, high = PLAUSIBLE[quantity]
        values = self.get(quantity)
        return np.asarray(np.isfinite(values) & ((values < low) | (values > high)))


def _chosen_rows(
    table: Table, where: Mapping[str, str]
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    for name in where:
        if name not in table.columns:
            raise ConfigError(
                f"there is no column {name!r} to choose rows by: "
                f"the file has {', '.join(table.columns)}"
            )
    chosen = [
        i for i, row in enumerate(table.rows) if all(row[n] == text for n, text in where.items())
    ]
    if not chosen:
        wanted = " and ".join(f"{name} {text!r}" for name, text in where.items())
        raise DataError(
            f"no row has {wanted or 'any value'}: check the file and the choice of rows"
        )
    return np.array(chosen, dtype=np.int64)


def _numbers(
    table: Table, name: str, rows: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> FloatArray:
    out = np.empty(rows.size)
    for i, row in enumerate(rows):
        try:
            out[i] = parse_number(table.rows[row][name], table.decimal_comma)
        except DataError as error:
            raise DataError(f"line {table.line_numbers[row]}, column {name}: {error}") from error
    return out


def _apply_options(values: dict[str, FloatArray], options: MeasurementOptions, size: int) -> None:
    fixed: dict[str, float | None] = {
        "tx_ground_amsl_m": options.tx_ground_amsl_m,
        "rx_ground_amsl_m": options.rx_ground_amsl_m,
        "freq_mhz": options.freq_mhz,
        "rx_height_agl_m": options.rx_height_agl_m,
        "eirp_dbm": options.eirp_dbm,
    }
    if (mast := options.transmitter) is not None:
        fixed |= {
            "tx_lat_deg": mast.lat_deg,
            "tx_lon_deg": mast.lon_deg,
            "tx_height_agl_m": mast.height_agl_m,
        }
    if options.receiver is not None:
        fixed |= {"rx_lat_deg": options.receiver[0], "rx_lon_deg": options.receiver[1]}
    for role, value in fixed.items():
        if value is not None:
            values[role] = np.full(size, float(value))


def _kept(needed: Mapping[str, BoolArray], not_chosen: int) -> tuple[BoolArray, dict[str, int]]:
    """Return which rows to keep, and the first reason against each other one."""
    size = next(iter(needed.values())).size
    keep, left_out = np.ones(size, dtype=np.bool_), {}
    if not_chosen:
        left_out["not chosen"] = not_chosen
    for reason, missing in needed.items():
        count = int((keep & missing).sum())
        if count:
            left_out[reason] = count
        keep &= ~missing
    return keep, left_out


_WHAT_TO_DO = {
    "no position or distance": (
        "neither the transmitter's position nor a distance is known, so path loss cannot be "
        "validated with this file: give --transmitter lat,lon,height or a column of distances"
    ),
    "no frequency": "the frequency is not known: give --freq-mhz or a column",
    "no transmitter height": (
        "the transmitter's height is not known: give --transmitter lat,lon,height or a column"
    ),
    "no receiver height": (
        "the receiver's height above ground is not known: give --rx-height-m or a column"
    ),
}


def _nothing_left(table: Table, needed: Mapping[str, BoolArray], quantity: str) -> str:
    for reason, missing in needed.items():
        if missing.all():
            told = _WHAT_TO_DO.get(reason, f"{reason} in any row: check column and unit")
            return f"{told}; the file has {', '.join(table.columns)}"
    return (
        f"no row has position, frequency, heights and {quantity} together: check the file for gaps"
    )
