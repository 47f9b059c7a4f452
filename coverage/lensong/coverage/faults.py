"""Mistakes of a scenario, collected: one does not hide the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from lensong.propagation.errors import ConfigError, LensongError

__all__ = ["Faults", "FaultsError"]

Made = TypeVar("Made")


class FaultsError(ConfigError):
    """More than one mistake, each on a line."""

    def __init__(self, errors: list[LensongError]) -> None:
        self.errors = errors
        lines = "\n".join(f"  {error}" for error in errors)
        super().__init__(f"{len(errors)} mistakes:\n{lines}")


class Faults:
    """What was wrong so far."""

    def __init__(self) -> None:
        self._errors: list[LensongError] = []

    def add(self, error: LensongError) -> None:
        """Keep an error, or each of several."""
        self._errors += error.errors if isinstance(error, FaultsError) else [error]

    def of(self, make: Callable[[], Made]) -> Made:
        """Return what is made; where it cannot be, keep why: `end` comes before it is used."""
        try:
            return make()
        except LensongError as error:
            self.add(error)
            return cast(Made, None)

    def end(self) -> None:
        """Raise what was kept: the one error itself, or all of them as one."""
        if self._errors:
            raise self._errors[0] if len(self._errors) == 1 else FaultsError(self._errors)
