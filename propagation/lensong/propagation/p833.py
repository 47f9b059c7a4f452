"""ITU-R P.833: loss in woodland and behind trees."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.model import Model
from lensong.propagation.types import FloatArray
from lensong.propagation.validity import one_of, within

__all__ = [
    "MODELS",
    "WOODS",
    "single_vegetation_loss_db",
    "slant_woodland_loss_db",
    "woodland_loss_db",
    "woodland_specific_attenuation_db_per_m",
]

SOURCE = "ITU-R P.833-10"

WOODS: dict[str, tuple[float, float, tuple[float, float]]] = {
    "tropical_park": (0.18, 0.752, (900.0, 1800.0)),
    "temperate_forest": (1.15, 0.43, (900.0, 2200.0)),
    "mixed_forest": (1.37, 0.42, (105.9, 2200.0)),
}
"""A1 [dB], alpha and the measured range [MHz] of the largest loss A1 f^alpha, P.833 §2.1: tropical
trees (Rio de Janeiro), forest (Mulhouse), conifers and broadleaves (St Petersburg)."""

_TABLE_FREQ_MHZ = (105.9, 466.475, 949.0, 1852.2, 2117.5)
_TABLE_DB_PER_M = (0.04, 0.12, 0.17, 0.30, 0.34)


def woodland_specific_attenuation_db_per_m(freq_mhz: ArrayLike) -> FloatArray:
    """Return the loss of a metre of mixed forest on a short path.

    Parameters
    ----------
    freq_mhz : shape (...)
        105.9..2117.5 [MHz]. NaN passes through.

    Returns
    -------
    shape (...)
        Attenuation [dB/m].

    Raises
    ------
    OutOfRangeError
        When a frequency is outside the measurements.

    Notes
    -----
    Between the five measured frequencies both logarithms are interpolated; the Recommendation
    prints the numbers only.

    References
    ----------
    .. [1] Recommendation ITU-R P.833-10, "Attenuation in vegetation", 2021, §2.1, measurements near
       St Petersburg.
    """
    freq = within(
        "freq_mhz",
        freq_mhz,
        _TABLE_FREQ_MHZ[0],
        _TABLE_FREQ_MHZ[-1],
        source=f"{SOURCE} §2.1",
        hint="give specific_attenuation_db_per_m from measurements or P.833 figure 2",
    )
    return np.asarray(
        np.exp(np.interp(np.log(freq), np.log(_TABLE_FREQ_MHZ), np.log(_TABLE_DB_PER_M)))
    )


def woodland_loss_db(
    depth_m: ArrayLike,
    *,
    freq_mhz: float,
    woods: str = "mixed_forest",
    specific_attenuation_db_per_m: float | None = None,
) -> FloatArray:
    """Return the extra loss of a path whose one end lies in a wood.

    Parameters
    ----------
    depth_m : shape (...)
        Length of the path inside the wood, 0 or more [m]. NaN passes through.
    freq_mhz : float
        As in `WOODS`: 105.9..2200 for "mixed_forest" [MHz].
    woods : {"tropical_park", "temperate_forest", "mixed_forest"}
        Which measurements give the largest loss.
    specific_attenuation_db_per_m : float, optional
        Loss of a metre on a short path, above 0 [dB/m]; default:
        `woodland_specific_attenuation_db_per_m`.

    Returns
    -------
    shape (...)
        Loss [dB], which grows to a largest value: beyond it the signal comes over the tops.

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.
    InvalidInputError
        For unknown woods.

    Notes
    -----
    Not to be added to a model that diffracts over the same trees as clutter heights.

    References
    ----------
    .. [1] Recommendation ITU-R P.833-10, 2021, §2.1, eqs (1), (2).
    """
    one_of("woods", woods, WOODS)
    a1_db, alpha, measured = WOODS[woods]
    source = f"{SOURCE} §2.1"
    hint = "no woodland loss is known there; give clutter heights to itu_r_p1812"
    within("freq_mhz", freq_mhz, *measured, source=source, hint=hint)
    depth = within("depth_m", depth_m, 0.0, np.inf, source=source, hint="0 or more")
    if specific_attenuation_db_per_m is None:
        per_metre = float(woodland_specific_attenuation_db_per_m(freq_mhz))
    else:
        per_metre = specific_attenuation_db_per_m
        within(
            "specific_attenuation_db_per_m",
            per_metre,
            np.nextafter(0.0, 1.0),
            np.inf,
            source=source,
            hint="above 0",
        )
    largest = a1_db * freq_mhz**alpha
    return np.asarray(-largest * np.expm1(-depth * per_metre / largest))


def slant_woodland_loss_db(
    depth_m: ArrayLike, *, freq_mhz: ArrayLike, elevation_deg: ArrayLike
) -> FloatArray:
    """Return the extra loss of a slanting path through pine wood.

    Parameters
    ----------
    depth_m : shape (...)
        Length of the path inside the wood, 0 or more [m]. NaN passes through.
    freq_mhz : shape (...)
        1000..30 000 [MHz].
    elevation_deg : shape (...)
        Elevation of the path, above 0 up to 90 [deg].

    Returns
    -------
    shape (...)
        Loss [dB].

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.

    Notes
    -----
    The Recommendation names no frequency range for the fit (pine wood in Austria); the range here
    keeps it to microwaves.

    References
    ----------
    .. [1] Recommendation ITU-R P.833-10, 2021, §2.2, eqs (3), (4).
    """
    source = f"{SOURCE} §2.2"
    depth = within("depth_m", depth_m, 0.0, np.inf, source=source, hint="0 or more")
    freq = within(
        "freq_mhz", freq_mhz, 1000.0, 30_000.0, source=source, hint="use woodland_loss_db"
    )
    elevation = within(
        "elevation_deg",
        elevation_deg,
        np.nextafter(0.0, 1.0),
        90.0,
        source=source,
        hint="use woodland_loss_db for a level path",
    )
    return np.asarray(0.25 * freq**0.39 * depth**0.25 * elevation**0.05)


def single_vegetation_loss_db(
    depth_m: ArrayLike, *, freq_mhz: float, specific_attenuation_db_per_m: float | None = None
) -> FloatArray:
    """Return the extra loss of a path through one stand of trees with both ends outside it.

    Parameters
    ----------
    depth_m : shape (...)
        Length of the path inside the leaves, 0 or more [m]. NaN passes through.
    freq_mhz : float
        105.9..1000 [MHz].
    specific_attenuation_db_per_m : float, optional
        Loss of a metre, 0 or more [dB/m]; default: `woodland_specific_attenuation_db_per_m`.

    Returns
    -------
    shape (...)
        Loss [dB].

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.

    Notes
    -----
    The way over or around the trees bounds the loss: take the lesser of this and the diffraction
    loss (`lensong.propagation.diffraction.knife_edge_loss_db`).

    References
    ----------
    .. [1] Recommendation ITU-R P.833-10, 2021, §3.1.
    """
    source = f"{SOURCE} §3.1"
    depth = within("depth_m", depth_m, 0.0, np.inf, source=source, hint="0 or more")
    hint = "above 1 GHz take the diffraction loss over the trees"
    within("freq_mhz", freq_mhz, _TABLE_FREQ_MHZ[0], 1000.0, source=source, hint=hint)
    if specific_attenuation_db_per_m is None:
        return np.asarray(depth * woodland_specific_attenuation_db_per_m(freq_mhz))
    per_metre = within(
        "specific_attenuation_db_per_m",
        specific_attenuation_db_per_m,
        0.0,
        np.inf,
        source=source,
        hint="0 or more",
    )
    return np.asarray(depth * per_metre)


MODELS = (
    Model(
        name="itu_r_p833_woodland",
        title="One end inside a wood",
        kind="add_on",
        freq_mhz=(105.9, 2200.0),
        source="Recommendation ITU-R P.833-10, section 2.1",
        function=woodland_loss_db,
        instead="clutter heights in itu_r_p1812",
    ),
    Model(
        name="itu_r_p833_slant",
        title="Slanting path through pine wood",
        kind="add_on",
        freq_mhz=(1000.0, 30_000.0),
        source="Recommendation ITU-R P.833-10, section 2.2",
        function=slant_woodland_loss_db,
        instead="itu_r_p833_woodland below 1 GHz and for level paths",
    ),
    Model(
        name="itu_r_p833_single",
        title="Path through one stand of trees",
        kind="add_on",
        freq_mhz=(105.9, 1000.0),
        source="Recommendation ITU-R P.833-10, section 3.1",
        function=single_vegetation_loss_db,
        instead="diffraction over the trees (clutter heights in itu_r_p1812) above 1 GHz",
    ),
)
