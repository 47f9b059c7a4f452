"""Times of a list in the service's zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from lensong.gis_data.moments import read_moment
from lensong.monitoring.lists.told import ListError

__all__ = ["moment"]


def moment(text: str, zone: ZoneInfo, day: str = "") -> datetime:
    """Return a time as people write it, see `lensong.gis_data.moments.read_moment`.

    Parameters
    ----------
    text : str
    zone : ZoneInfo
        Where the text names none.
    day : str
        Of a text that is a time of day only.

    Raises
    ------
    ListError
        It is no time, or there is no such day.

    Examples
    --------
    >>> moment("2:30 CH", ZoneInfo("Asia/Ho_Chi_Minh"), "28/11/26").isoformat()
    '2026-11-28T14:30:00+07:00'
    """
    found = read_moment(text, day)
    if found is None:
        given = f"{day.strip()} {' '.join(text.split())}"
        raise ListError("no_time", given=given.strip()[:40])
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)
