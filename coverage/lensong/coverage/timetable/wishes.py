"""What sellers wish for, and what a list made of it."""

from __future__ import annotations

from dataclasses import dataclass

from lensong.coverage.service import Service
from lensong.coverage.timetable.hours import Span

__all__ = ["Place", "RowTold", "Wish", "Wishes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a seller stands.

    Parameters
    ----------
    place_id : str
        Of the village, or the coordinates as text; decides the draws.
    name : str
    village : int or None
        Row of the village; None: a point.
    lat_deg, lon_deg : float
    """

    place_id: str
    name: str
    village: int | None
    lat_deg: float
    lon_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One session that a seller wishes for.

    Parameters
    ----------
    row : int
        Line of the list.
    seller : str
    place : Place
    service : Service
        What her stream needs; its ``uplink_mbps`` is her bitrate.
    spans : tuple of (datetime, datetime)
        When she can, local time, apart from each other.
    minutes : int
        How long she wants to be on the air.
    operators : tuple of str
        Whose SIM cards she has.
    profile : str
        Stream profile of the service, as the list has it; may be empty.
    """

    row: int
    seller: str
    place: Place
    service: Service
    spans: tuple[Span, ...]
    minutes: int
    operators: tuple[str, ...]
    profile: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTold:
    """A row that was refused, or something noticed in one that was taken."""

    row: int
    seller: str
    text: str

    def __str__(self) -> str:
        """Return it on one line."""
        return f"row {self.row}{f' ({self.seller})' if self.seller else ''}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """A list of sellers, every row accounted for.

    Parameters
    ----------
    rows : int
        In the list: those taken and those refused.
    taken : tuple of Wish
    refused, notes : tuple of RowTold
    columns : dict
        Our name to the list's column.
    ignored_columns : tuple of str
    file_notes : tuple of str
        On the file as a whole.
    """

    rows: int
    taken: tuple[Wish, ...]
    refused: tuple[RowTold, ...]
    notes: tuple[RowTold, ...]
    columns: dict[str, str]
    ignored_columns: tuple[str, ...]
    file_notes: tuple[str, ...] = ()
