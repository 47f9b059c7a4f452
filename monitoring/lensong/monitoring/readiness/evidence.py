"""What a verdict is asked, and all that it may rest on: plain values, gathered by others.

Nothing here is read from a store or a clock; whoever asks puts the evidence together. Rates are
bits per second, times are aware datetimes, None is "not known" and never zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

from lensong.monitoring.readiness.beside import SessionBeside, StreamsAtOnce
from lensong.monitoring.readiness.checks import check_amount, check_aware, check_technology
from lensong.monitoring.readiness.outages import OutagePrior
from lensong.monitoring.readiness.past import FinishedSession, Watch
from lensong.monitoring.records import CountedBy, Motion, Transport
from lensong.monitoring.tolerance import Tolerance
from lensong.monitoring.uplink_figures import UplinkFigures
from lensong.propagation.errors import InvalidInputError, OutOfRangeError

__all__ = [
    "Evidence",
    "FinishedSession",
    "HourSample",
    "Need",
    "PredictedUplink",
    "Question",
    "SessionBeside",
    "SiteOption",
    "StreamsAtOnce",
    "UplinkTest",
    "Watch",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one stream profile asks of the uplink.

    Parameters
    ----------
    profile_code : str
        Code of the stream profile.
    transport : Transport
        How the stream travels; it decides which limits besides the rate hold.
    uplink_required_bps : float
        Video, audio and overhead together, above 0.
    srt_latency_ms : float or None
        Receive buffer that an SRT stream is set to; None when it is not SRT or not known.
    platform : str or None
        Where the stream goes: only profiles of the same platform are advised.
    tolerance : Tolerance
        What counts as held.
    """

    profile_code: str
    transport: Transport
    uplink_required_bps: float
    srt_latency_ms: float | None = None
    platform: str | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)

    def __post_init__(self) -> None:
        if self.transport not in tuple(Transport):
            raise InvalidInputError(
                f"transport is {self.transport!r}, wanted one of {', '.join(Transport)}"
            )
        if not (math.isfinite(self.uplink_required_bps) and self.uplink_required_bps > 0.0):
            raise InvalidInputError(
                f"uplink_required_bps is {self.uplink_required_bps}, wanted a rate above 0"
            )
        check_amount("srt_latency_ms", self.srt_latency_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The question whether a site will hold a stream from ``starts_at`` to ``ends_at``.

    Parameters
    ----------
    site_id : str
    technology : {"3G", "4G", "5G"} or None
        What the phone will use; None when it may be either.
    operator : str or None
        Whose SIM will be used; None when that is open.
    need : Need
        The profile that is asked about.
    ladder : tuple of Need
        All profiles, out of which the best one that would be READY is named; may be empty.
    starts_at, ends_at : datetime
        The session, both aware, the end after the start.
    motion : Motion
        Whether the phone will stand still, as told; a site is a place, so unknown is at rest
        unless motion was sensed there within the last day.
    operators, technologies : tuple of str
        Used at the site: plans and neighbours of others say nothing of it. Empty is not known, and
        any may speak.
    synthetic : bool
        The site is an invented one.
    """

    site_id: str
    technology: str | None = None
    operator: str | None = None
    need: Need
    ladder: tuple[Need, ...] = ()
    starts_at: datetime
    ends_at: datetime
    motion: Motion = Motion.UNKNOWN
    operators: tuple[str, ...] = ()
    technologies: tuple[str, ...] = ()
    synthetic: bool = False

    def __post_init__(self) -> None:
        check_technology(self.technology)
        check_aware("starts_at", self.starts_at)
        check_aware("ends_at", self.ends_at)
        if self.ends_at <= self.starts_at:
            raise InvalidInputError(
                f"ends_at {self.ends_at.isoformat()} is not after starts_at "
                f"{self.starts_at.isoformat()}, wanted a session that lasts"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedUplink:
    """What a coverage plan says about the site.

    Parameters
    ----------
    uplink_p50_bps : float or None
        Median uplink that the plan computed; None where the plan has none.
    rsrp_dbm : float or None
        Median level, used where there is no planned uplink.
    sigma_db : float
        Standard deviation of the plan's level: location variability and model error, of a
        calibrated plan that of the site's own level, 0 or more.
    technology : {"3G", "4G", "5G"} or None
    operator : str or None
    computed_at : datetime
        When the plan was computed.
    synthetic : bool
        Out of invented data: it says nothing of a real site.
    basis : str or None
        On what the level rests, of a calibrated plan; said, not counted: ``sigma_db`` is.
    """

    uplink_p50_bps: float | None = None
    rsrp_dbm: float | None = None
    sigma_db: float
    technology: str | None = None
    operator: str | None = None
    computed_at: datetime
    synthetic: bool = False
    basis: str | None = None

    def __post_init__(self) -> None:
        check_amount("uplink_p50_bps", self.uplink_p50_bps)
        if self.rsrp_dbm is not None and not -160.0 <= self.rsrp_dbm <= 0.0:
            raise OutOfRangeError(
                "rsrp_dbm", self.rsrp_dbm, -160.0, 0.0, hint="give None where the plan has no level"
            )
        check_amount("sigma_db", self.sigma_db)
        check_technology(self.technology)
        check_aware("computed_at", self.computed_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class HourSample:
    """Uplink tests of one hour, rolled up: only tests that the server counted belong in it.

    Parameters
    ----------
    hour_starts_at : datetime
        Full hour, aware.
    technology : {"3G", "4G", "5G"} or None
    operator : str or None
    uplink_p10_bps : float
        10th percentile of the uplink over 1 s bins, the median of the hour's tests; 0 or more.
    uplink_p50_bps : float or None
        Median over 1 s bins, the median of the hour's tests: with the other it tells the spread
        of the seconds, which is taken for small where it is not known.
    tests : int
        How many tests, 1 or more.
    """

    hour_starts_at: datetime
    technology: str | None = None
    operator: str | None = None
    uplink_p10_bps: float
    uplink_p50_bps: float | None = None
    tests: int

    def __post_init__(self) -> None:
        check_aware("hour_starts_at", self.hour_starts_at)
        check_technology(self.technology)
        check_amount("uplink_p10_bps", self.uplink_p10_bps)
        check_amount("uplink_p50_bps", self.uplink_p50_bps)
        if self.tests < 1:
            raise InvalidInputError(f"tests is {self.tests}, wanted 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkTest(UplinkFigures):
    """One active uplink test at the site.

    Parameters
    ----------
    measured_at : datetime
        End of the test, on the server's clock.
    succeeded : bool
        False for a test that could not be made or was broken off; its rates are not used.
    technology : {"3G", "4G", "5G"} or None
    operator : str or None
    bins : int
        Number of 1 s bins behind the percentiles.
    counted_by : CountedBy
        Who counted the bytes; browsers count too much on slow links.
    spot : str or None
        Place within the village, as the person called it.
    motion : Motion
        Sensed or told while it ran.
    outages_s : tuple of float
        Times within it that nothing came through [s].
    """

    measured_at: datetime
    succeeded: bool
    technology: str | None = None
    operator: str | None = None
    bins: int = 0
    counted_by: CountedBy = CountedBy.SERVER
    spot: str | None = None
    motion: Motion = Motion.UNKNOWN
    outages_s: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_aware("measured_at", self.measured_at)
        check_technology(self.technology)
        for name in (
            "uplink_p10_bps",
            "uplink_p50_bps",
            "rtt_idle_ms",
            "rtt_loaded_ms",
            "jitter_ms",
        ):
            check_amount(name, getattr(self, name))
        if self.loss_ratio is not None and not 0.0 <= self.loss_ratio <= 1.0:
            raise OutOfRangeError("loss_ratio", self.loss_ratio, 0.0, 1.0)
        if self.bins < 0:
            raise InvalidInputError(f"bins is {self.bins}, wanted 0 or more")
        if self.counted_by not in tuple(CountedBy):
            raise InvalidInputError(
                f"counted_by is {self.counted_by!r}, wanted one of {', '.join(CountedBy)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteOption:
    """A neighbouring site and what it is known to carry.

    Parameters
    ----------
    site_id, name : str
    distance_m : float
        From the site that is asked about, 0 or more.
    uplink_safe_bps : float or None
        Of its newest verdict; None when it has none.
    """

    site_id: str
    name: str
    distance_m: float
    uplink_safe_bps: float | None

    def __post_init__(self) -> None:
        check_amount("distance_m", self.distance_m)
        check_amount("uplink_safe_bps", self.uplink_safe_bps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known when a verdict is made; the order within each tuple does not matter.

    Parameters
    ----------
    predictions : tuple of PredictedUplink
        From coverage plans.
    site_history, commune_history : tuple of HourSample
        Of this site, and of the other sites of its commune.
    tests : tuple of UplinkTest
        Single tests at the site; those of the last days are enough.
    sessions : tuple of FinishedSession
        Sessions that are over, of this site and of others.
    watches, commune_watches : tuple of Watch
        Of this site, and of the other sites of its commune.
    outage_prior : OutagePrior or None
        Estimated from the province's own watches, see `readiness.outage_prior`; None for the one
        of the settings.
    neighbours : tuple of SiteOption
    beside : tuple of SessionBeside
        Sessions that share the uplink, of the asked time and around it, without the asked one.
    streams : tuple of StreamsAtOnce
        How many streams coverage plans let hold at once here.
    clock_fault : bool
        The clock of the server or of the reporting device cannot be trusted.
    auth_fault : bool
        Reports of the site were refused (revoked or wrong token), so evidence is missing.
    """

    predictions: tuple[PredictedUplink, ...] = ()
    site_history: tuple[HourSample, ...] = ()
    commune_history: tuple[HourSample, ...] = ()
    tests: tuple[UplinkTest, ...] = ()
    sessions: tuple[FinishedSession, ...] = ()
    watches: tuple[Watch, ...] = ()
    commune_watches: tuple[Watch, ...] = ()
    outage_prior: OutagePrior | None = None
    neighbours: tuple[SiteOption, ...] = ()
    beside: tuple[SessionBeside, ...] = ()
    streams: tuple[StreamsAtOnce, ...] = ()
    clock_fault: bool = False
    auth_fault: bool = False
