"""Between the uplink test and the store: who may test, and where the server's count goes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from lensong.monitoring.access import Action
from lensong.monitoring.errors import BusyError, StoreUnavailableError
from lensong.monitoring.records import CountedBy, Measurement, Method, Outcome
from lensong.monitoring.service import Service
from lensong.monitoring.store.tables import measurements
from lensong.monitoring.uplink.admission import AdmissionSettings
from lensong.monitoring.uplink.counting import UplinkResult
from lensong.monitoring.uplink.outcomes import FinishedTest, UplinkFailure, UplinkPermit
from lensong.monitoring.uplink.refusals import Refusal
from lensong.monitoring.uplink.service import UplinkService, UplinkSettings

__all__ = ["measurement_of", "uplink_service"]


def uplink_service(service: Service) -> UplinkService:
    """Return the uplink tests of a service, which store what they count."""
    limits = service.config.limits

    async def authorize(token: str, address: str) -> UplinkPermit | Refusal:
        try:
            return await permit(token, address)
        except StoreUnavailableError:  # data would be spent on a result that nobody keeps
            return Refusal("unavailable", 30.0)
        except BusyError as error:
            return Refusal("too_many_strangers", error.retry_after_s)

    async def permit(token: str, address: str) -> UplinkPermit | Refusal:
        principal = await service.identities.by_token(token, address)
        if principal is None or not principal.may(Action.TEST):
            return Refusal("bad_token")
        if principal.scope not in service.directory.sites:
            return Refusal("bad_token")
        now = service.clock.now()
        midnight = _midnight(now, service.config.time_zone)
        return UplinkPermit(
            site_id=principal.scope,
            daily_budget_bytes=limits.uplink_daily_bytes_per_site,
            spent_today_bytes=await _spent_bytes(service, principal.scope, midnight),
            budget_resets_s=(midnight + timedelta(days=1) - now).total_seconds(),
        )

    async def keep(finished: FinishedTest) -> None:
        await service.ingest.counted(measurement_of(finished, service.clock.now()))

    def need_bps(site_id: str, profile_code: str | None) -> float | None:
        """Return what the session needs that is asked about, or the one that comes next."""
        session = service.board.session_of(site_id)
        code = profile_code or (None if session is None else session.profile_code)
        profile = service.directory.profiles.get(code or "")
        return None if profile is None else profile.uplink_required_bps

    return UplinkService(
        authorize,
        keep,
        service.clock,
        UplinkSettings(
            max_bytes=limits.uplink_test_bytes,
            max_rate_bps=limits.uplink_test_rate_bps,
            least_rate_bps=min(limits.uplink_test_rate_bps, UplinkSettings().least_rate_bps),
            tcp_info=not service.config.behind_proxy,
            admission=AdmissionSettings(
                tests_at_once=limits.uplink_tests_at_once,
                interval_s=limits.uplink_test_interval_s,
                overhead_s=10.0,
            ),
        ),
        need_bps=need_bps,
    )


def measurement_of(finished: FinishedTest, now: datetime) -> Measurement:
    """Return a finished test as it is kept; its client may complete it later."""
    outcome = finished.outcome
    common: dict[str, Any] = {
        "site_id": finished.permit.site_id,
        "client_id": finished.client_id,
        "seq": None,
        "test_id": finished.test_id,
        "started_at": finished.started_at,
        "received_at": now,
        "method": Method(finished.method),
        "counted_by": CountedBy.SERVER,
        "sent_bytes": finished.spent_bytes,
    }
    if isinstance(outcome, UplinkFailure):
        return Measurement(
            **common,
            outcome=Outcome(outcome.kind),
            failure_reason=outcome.code,
            duration_s=outcome.duration_s,
        )
    if not isinstance(outcome, UplinkResult):  # a download: data that was spent, no evidence
        return Measurement(
            **common,
            outcome=Outcome.REFUSED,
            failure_reason="download_only",
            duration_s=outcome.duration_s,
        )
    return Measurement(
        **common,
        outcome=Outcome.SUCCESS,
        duration_s=outcome.duration_s,
        uplink_bins_bps=outcome.uplink_bins_bps,
        uplink_min_bps=outcome.uplink_min_bps,
        uplink_mean_bps=outcome.uplink_mean_bps,
        **outcome.figures(),
    )


def _midnight(now: datetime, time_zone: str) -> datetime:
    return now.astimezone(ZoneInfo(time_zone)).replace(hour=0, minute=0, second=0, microsecond=0)


async def _spent_bytes(service: Service, site_id: str, since: datetime) -> int:
    async with service.database.reading() as connection:
        spent = await connection.execute(
            select(func.sum(measurements.c.sent_bytes)).where(
                measurements.c.site_id == site_id, measurements.c.started_at >= since
            )
        )
    return int(spent.scalar() or 0)
