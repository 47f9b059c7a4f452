"""Errors of the live side."""

from __future__ import annotations

from datetime import datetime

from lensong.propagation.errors import ConfigError, InvalidInputError, LensongError

__all__ = [
    "ArchivedError",
    "BusyError",
    "ClockFaultError",
    "ConflictError",
    "DatabaseInUseError",
    "FieldError",
    "NotAllowedError",
    "NotFoundError",
    "NotSignedInError",
    "StoreBrokenError",
    "StoreUnavailableError",
    "TooLargeError",
]


class NotFoundError(LensongError):
    """There is nothing of that name, or nothing that the asker may see."""


class ArchivedError(NotFoundError):
    """A site is archived, and whoever asks may know it.

    Parameters
    ----------
    site_id, name : str
    commune : str
        Name of its commune.
    archived_at : datetime
    """

    code = "archived"

    def __init__(self, site_id: str, name: str, commune: str, archived_at: datetime) -> None:
        self.site_id, self.name, self.commune = site_id, name, commune
        self.archived_at = archived_at
        super().__init__(
            f"the site {site_id!r} is archived since {archived_at:%Y-%m-%d}: its measurements are "
            "kept, and whoever manages places restores it"
        )


class ConflictError(LensongError):
    """What was asked does not fit what is there.

    Parameters
    ----------
    message : str
        What was given, what is there, what to do.
    code : str
        Stable word for programs, e.g. ``"exists"``.
    """

    def __init__(self, message: str, code: str = "conflict") -> None:
        self.code = code
        super().__init__(message)


class DatabaseInUseError(ConfigError):
    """Another process is at work on the database."""


class FieldError(InvalidInputError):
    """One field of what was sent is not what is wanted.

    Parameters
    ----------
    message : str
        What was given, what was wanted, what to do.
    field : str
        Its name in the body.
    reason : str
        Of the text for people: ``field.<reason>`` in the catalogue of messages.
    values : str
        For the places in that text.
    """

    def __init__(self, message: str, *, field: str, reason: str, **values: str) -> None:
        self.field, self.reason, self.values = field, reason, values
        super().__init__(message)


class NotSignedInError(LensongError):
    """No token or session came with the request, or none that is valid."""


class NotAllowedError(LensongError):
    """Whoever asks may not do that.

    Parameters
    ----------
    message : str
        What was wanted and who may do it.
    code : str
        Stable word for programs.
    """

    def __init__(self, message: str, code: str = "forbidden") -> None:
        self.code = code
        super().__init__(message)


class BusyError(LensongError):
    """Too much was asked at once; it can be asked again later.

    Parameters
    ----------
    message : str
        What limit was met.
    retry_after_s : float
        When to ask again [s].
    """

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class TooLargeError(LensongError):
    """A body is larger than the service takes."""


class StoreUnavailableError(LensongError):
    """The database does not answer, is locked, or its disk is full: nothing was stored."""


class StoreBrokenError(StoreUnavailableError):
    """The file of the database is damaged: whoever tries again meets the same."""


class ClockFaultError(StoreUnavailableError):
    """The clock of this machine was set while we ran: what is stored by it might be wrong.

    Whoever can wait for the store waits for the clock in the same way.
    """

    code = "clock_fault"
