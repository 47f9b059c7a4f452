"""Taking measurements in: corrected in time, stored once, shown, and left to be judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lensong.monitoring.clock import Clock
from lensong.monitoring.errors import BusyError, StoreUnavailableError
from lensong.monitoring.live.board import Board
from lensong.monitoring.rate_limit import RateLimit
from lensong.monitoring.records import Measurement
from lensong.monitoring.store.measurements import Fate, Taken, hour_of
from lensong.monitoring.store.submissions import ClientSeen, Submission
from lensong.monitoring.store.writer import Writer
from lensong.propagation.errors import InvalidInputError

__all__ = ["ClientState", "Ingest"]

_CLOCK_TOLERANCE_S = 2.0
"""Offsets below this are the way of the message, not the clock [s]."""

_OLDEST = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientState:
    """What a client says of itself along with its reports.

    Parameters
    ----------
    sent_at : datetime, optional
        Its clock when it sent them: with ours, the offset of its clock.
    queue_reports, oldest_report_at : optional
        What it still holds back.
    """

    client_id: str
    sent_at: datetime | None = None
    queue_reports: int | None = None
    oldest_report_at: datetime | None = None


@dataclass(slots=True)
class Ingest:
    """The way of a measurement into the store."""

    writer: Writer
    board: Board
    clock: Clock
    limit: RateLimit
    count: Callable[[str, int], None]
    _dirty: defaultdict[str, set[datetime]] = field(
        init=False, default_factory=lambda: defaultdict(set)
    )

    @property
    def has_dirty(self) -> bool:
        """Return whether some site waits to be judged."""
        return bool(self._dirty)

    def take_dirty(self) -> dict[str, set[datetime]]:
        """Return the sites of which something arrived, with the hours that it fell in."""
        taken, self._dirty = dict(self._dirty), defaultdict(set)
        return taken

    def put_back(self, site_id: str, hours: set[datetime]) -> None:
        """Leave a site to be judged later."""
        self._dirty[site_id] |= hours

    async def take(
        self, reports: Sequence[Measurement], client: ClientState | None = None
    ) -> Sequence[Taken]:
        """Store reports of one site; return when they are safe.

        Raises
        ------
        BusyError
            The site sends too many, or the writer is behind.
        StoreUnavailableError
            The database does not take them; nothing was stored.
        InvalidInputError
            A report lies in the future or is older than raw data are kept.
        """
        if not reports:
            return []
        site_id = reports[0].site_id
        try:
            self.limit.take(site_id, f"reports of {site_id} in a minute", len(reports))
            now = self.clock.now()
            offset_s = _offset_s(client, now)
            corrected = [_corrected(report, offset_s, now) for report in reports]
            taken: Sequence[Taken] = await self.writer.ingest(
                Submission(
                    measurements=corrected,
                    client=None if client is None else _seen(site_id, client, now),
                )
            )
        except BusyError:
            self.count("refused", len(reports))
            raise
        except InvalidInputError:
            self.count("invalid", len(reports))
            raise
        except StoreUnavailableError:
            self.count("failed", len(reports))
            raise
        if client is not None:
            self.board.backlog(site_id, client.queue_reports, client.oldest_report_at)
        self._show(taken)
        created = sum(item.fate is Fate.CREATED for item in taken)
        if created:
            self.count("accepted", created)
        if len(taken) > created:
            self.count("duplicate", len(taken) - created)
        return taken

    async def counted(self, measurement: Measurement) -> None:
        """Store what the server counted itself; return when it is safe.

        Raises
        ------
        BusyError, StoreUnavailableError
            The writer is behind; the database does not take it.
        """
        self._show(await self.writer.ingest(Submission(measurements=[measurement])))
        self.count("accepted", 1)

    def _show(self, taken: Sequence[Taken]) -> None:
        for item in taken:
            if item.fate is not Fate.CREATED:
                continue
            # the client's word on a test that the server counted: no second test
            if item.completes:
                self.board.completed(item.measurement)
            else:
                self.board.measured(item.measurement)
            self._dirty[item.measurement.site_id].add(hour_of(item.measurement.started_at))


def _offset_s(client: ClientState | None, now: datetime) -> float:
    """Return how far a client's clock is behind ours [s]."""
    if client is None or client.sent_at is None:
        return 0.0
    offset_s = (now - client.sent_at).total_seconds()
    return offset_s if abs(offset_s) > _CLOCK_TOLERANCE_S else 0.0


def _corrected(report: Measurement, offset_s: float, now: datetime) -> Measurement:
    if not offset_s and now - _OLDEST <= report.started_at <= now:
        return report  # nearly all
    started_at = report.started_at + timedelta(seconds=offset_s)
    if started_at > now + timedelta(minutes=5):
        raise InvalidInputError(
            f"started_at is {report.started_at.isoformat()}, which lies in the future: send "
            "sent_at, the time of the client's clock, along with the reports"
        )
    if started_at < now - _OLDEST:
        raise InvalidInputError(
            f"started_at is {report.started_at.isoformat()}, wanted one of the last "
            f"{_OLDEST.days} days"
        )
    return replace(report, started_at=min(started_at, now), received_at=now)


def _seen(site_id: str, client: ClientState, now: datetime) -> ClientSeen:
    return ClientSeen(
        site_id=site_id,
        client_id=client.client_id,
        last_seen_at=now,
        clock_offset_s=None if client.sent_at is None else (now - client.sent_at).total_seconds(),
        queue_reports=client.queue_reports,
        oldest_report_at=client.oldest_report_at,
    )
