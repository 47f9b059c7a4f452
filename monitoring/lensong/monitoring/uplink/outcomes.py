"""What a test of the uplink ends with, and what the service hands on to be stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lensong.monitoring.uplink.counting import UplinkResult
from lensong.propagation.errors import InvalidInputError

__all__ = ["DownloadResult", "FailureKind", "FinishedTest", "UplinkFailure", "UplinkPermit"]

FailureKind = Literal["failure", "refused", "aborted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkPermit:
    """What the owner of a token may do.

    Parameters
    ----------
    site_id : str
        The only site that the token may test for.
    client_id : str, optional
        Who measures, where the token says so; else the client's own word is taken.
    daily_budget_bytes, spent_today_bytes : int
        Data that the site may spend on tests in a day, and has spent [B].
    budget_resets_s : float, optional
        Until the next day begins [s].
    interval_s : float, optional
        From one test to the next, in place of the service's setting [s].
    """

    site_id: str
    client_id: str | None = None
    daily_budget_bytes: int
    spent_today_bytes: int = 0
    budget_resets_s: float | None = None
    interval_s: float | None = None

    def __post_init__(self) -> None:
        if self.daily_budget_bytes < 0 or self.spent_today_bytes < 0:
            raise InvalidInputError(
                f"daily_budget_bytes is {self.daily_budget_bytes} and spent_today_bytes "
                f"{self.spent_today_bytes}, wanted 0 or more"
            )

    @property
    def budget_left_bytes(self) -> int:
        """Return what may still be spent today [B]."""
        return max(0, self.daily_budget_bytes - self.spent_today_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkFailure:
    """A test that began and gave no figure: a result as well.

    Parameters
    ----------
    kind : {"failure", "refused", "aborted"}
        The link failed; a rule was broken; the client left.
    code : str
        Of `refusals.CLOSE_CODES`, or ``aborted`` or ``connection_lost``.
    received_bytes, duration_s
        What was spent on it [B, s].
    """

    kind: FailureKind
    code: str
    received_bytes: int
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadResult:
    """A download of ndt7: no evidence for a stream, but data that was spent.

    Parameters
    ----------
    sent_bytes : int
        Acknowledged by the client where the kernel says so, else handed to it [B].
    duration_s : float
    mean_bps : float
        [bit/s].
    """

    sent_bytes: int
    duration_s: float
    mean_bps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedTest:
    """A test that is over, as it is stored.

    Parameters
    ----------
    test_id : str
        The server's name of the test, unique.
    client_id : str
        Who measured; the test's own identifier where nobody said.
    started_at : datetime
        Of the first byte, by the server's clock.
    clock_offset_s : float, optional
        How far the client's clock is ahead of the server's, the way there included [s].
    """

    test_id: str
    permit: UplinkPermit
    method: Literal["page", "cli", "ndt7"]
    client_id: str
    started_at: datetime
    clock_offset_s: float | None = None
    outcome: UplinkResult | UplinkFailure | DownloadResult

    @property
    def spent_bytes(self) -> int:
        """Return what the test cost the site [B]."""
        if isinstance(self.outcome, DownloadResult):
            return self.outcome.sent_bytes
        return self.outcome.received_bytes
