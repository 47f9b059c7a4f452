"""Errors of the whole of lensong, from the lowest layer so that every other may raise them.

A message says what was given, what was wanted and what to do.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "CrsMismatchError",
    "DataError",
    "InvalidInputError",
    "LensongError",
    "MissingTileError",
    "OutOfRangeError",
    "ProbeError",
    "StoppedError",
]


class LensongError(Exception):
    """Base of every error that lensong raises on purpose."""


class InvalidInputError(LensongError, ValueError):
    """An argument has a value that the function cannot work with."""


class OutOfRangeError(InvalidInputError):
    """A number lies outside the range in which its formula holds.

    Parameters
    ----------
    name : str
        Name of the argument, with its unit suffix.
    value : float
        What was given.
    low, high : float
        The closed range that was wanted.
    source : str
        Where the range comes from, e.g. ``"ITU-R P.1812-7 §1"``.
    hint : str
        What to do about it; may be empty.
    """

    def __init__(
        self,
        name: str,
        value: float,
        low: float,
        high: float,
        *,
        source: str = "",
        hint: str = "",
    ) -> None:
        self.name, self.value, self.low, self.high = name, value, low, high
        where = f" ({source})" if source else ""
        what_to_do = f": {hint}" if hint else ""
        super().__init__(f"{name} is {value!r}, wanted {low} to {high}{where}{what_to_do}")


class DataError(LensongError):
    """A file or table was read but does not hold what is needed."""


class MissingTileError(DataError):
    """A part of the area has no elevation tile."""


class CrsMismatchError(DataError):
    """A raster or vector has no coordinate reference system, or one that cannot be right."""


class ConfigError(LensongError):
    """A scenario or setting is wrong."""


class ProbeError(LensongError):
    """A measurement could not be made."""


class StoppedError(LensongError):
    """Work was given up on its way, because nobody wants its result any more."""
