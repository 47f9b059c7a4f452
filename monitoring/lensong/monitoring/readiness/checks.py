"""Checks that the records of evidence share."""

from __future__ import annotations

import math
from datetime import datetime

from lensong.monitoring.records import TECHNOLOGIES
from lensong.propagation.errors import InvalidInputError

__all__ = ["check_amount", "check_aware", "check_technology"]


def check_aware(name: str, time: datetime) -> None:
    """Refuse a time without a zone."""
    if time.utcoffset() is None:
        raise InvalidInputError(
            f"{name} is {time.isoformat()} without a zone, wanted an aware time"
        )


def check_technology(technology: str | None) -> None:
    """Refuse what is no radio technology."""
    if technology is not None and technology not in TECHNOLOGIES:
        raise InvalidInputError(
            f"technology is {technology!r}, wanted None or one of {', '.join(TECHNOLOGIES)}"
        )


def check_amount(name: str, value: float | None) -> None:
    """Refuse a number below 0 or without bounds."""
    if value is not None and not (math.isfinite(value) and value >= 0.0):
        raise InvalidInputError(f"{name} is {value}, wanted None or a number of 0 or more")
