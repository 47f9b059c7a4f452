"""Delivering queued reports: in batches, exactly once, with patience."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx

from lensong.monitoring.clock import Clock, rfc3339
from lensong.monitoring.probe.report_queue import QueuedReport, ReportQueue

__all__ = ["BATCH", "Backoff", "Delivered", "deliver"]

BATCH = 100
_LONGEST_RETRY_S = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """How far a delivery got.

    Parameters
    ----------
    delivered, rejected, waiting : int
        Reports stored by the service, refused for good, and still to be delivered.
    retry_after_s : float, optional
        When the service wants to be asked again [s].
    problem : str
        Why something still waits; empty when nothing does.
    refused : bool
        The token does not help: nobody need try again before a person has looked.
    """

    delivered: int
    rejected: int
    waiting: int
    retry_after_s: float | None = None
    problem: str = ""
    refused: bool = False


class Backoff:
    """How long to wait after failures in a row.

    Doubling, with jitter: sites that lost the same network do not come back as one.

    Parameters
    ----------
    generator : random.Random
    first_s, longest_s : float
        Of the waits [s].
    """

    def __init__(
        self, generator: random.Random, *, first_s: float = 5.0, longest_s: float = 900.0
    ) -> None:
        self._random, self._first_s, self._longest_s = generator, first_s, longest_s
        self._failures = 0

    def succeeded(self) -> None:
        """Begin anew."""
        self._failures = 0

    def next_s(self, retry_after_s: float | None = None) -> float:
        """Return the wait after one more failure [s]; never less than the service asked for."""
        longest_s = min(self._longest_s, self._first_s * 2.0 ** min(self._failures, 30))
        self._failures += 1
        wait_s = self._random.uniform(longest_s / 2.0, longest_s)
        return wait_s if retry_after_s is None else max(wait_s, retry_after_s)


def deliver(
    queue: ReportQueue, client: httpx.Client, server: str, token: str, *, clock: Clock
) -> Delivered:
    """Deliver what waits for a server, the oldest first, until nothing does or something fails.

    Parameters
    ----------
    queue : ReportQueue
    client : httpx.Client
        Speaks to the service.
    server, token : str
    clock : Clock

    Notes
    -----
    A report leaves the queue once the service names it among those that it has stored, or says
    that it had (409). An answer that is lost on the way leads to a second sending, which the
    service knows by (``client_id``, ``seq``).
    """
    return _Delivery(queue, client, server, token, clock).run()


class _Delivery:
    def __init__(
        self, queue: ReportQueue, client: httpx.Client, server: str, token: str, clock: Clock
    ) -> None:
        self._queue, self._client, self._server, self._clock = queue, client, server, clock
        self._headers = {"Authorization": f"Bearer {token}"}
        self._delivered = self._rejected = 0

    def run(self) -> Delivered:
        if not self._queue.count(self._server):
            return self._done("")
        try:
            site, answer = self._site()
            if site is None:
                return self._stopped(answer)
            size = BATCH
            while batch := self._queue.waiting(self._server, size):
                answer = self._post(site, batch)
                fates = _fates(answer)
                if answer.status_code == 409 or fates.keys() >= {report.seq for report in batch}:
                    self._settle(batch, fates)
                    size = BATCH
                elif answer.is_success:
                    return self._done(
                        f"{self._server} answered {answer.status_code}, but is not the service: "
                        "does the network ask to sign in?"
                    )
                elif answer.status_code in (400, 413, 422) and len(batch) > 1:
                    size = max(1, len(batch) // 2)  # one bad report must not hold up the others
                elif answer.status_code in (400, 413, 422):
                    self._queue.reject(batch[0].seq, f"{answer.status_code} {_title(answer)}")
                    self._rejected += 1
                else:
                    return self._stopped(answer)
        except httpx.TransportError as error:
            return self._done(f"{self._server} cannot be reached: {_reason(error)}")
        return self._done("")

    def _site(self) -> tuple[str | None, httpx.Response]:
        answer = self._client.get(f"{self._server}/uplink/v1/limits", headers=self._headers)
        if not answer.is_success:
            return None, answer
        try:
            return str(answer.json()["site"]), answer
        except (ValueError, KeyError, TypeError):
            return None, answer  # a portal

    def _post(self, site: str, batch: Sequence[QueuedReport]) -> httpx.Response:
        body = {
            "client_id": self._queue.client_id,
            "sent_at": rfc3339(self._clock.now()),
            "queue_reports": self._queue.count(self._server) - len(batch),
            "oldest_report_at": rfc3339(batch[0].queued_at),
            "measurements": [report.body for report in batch],
        }
        return self._client.post(
            f"{self._server}/api/v1/sites/{site}/measurements", json=body, headers=self._headers
        )

    def _settle(self, batch: Sequence[QueuedReport], fates: Mapping[int, str]) -> None:
        """Forget what was stored; set aside what met another report under its number."""
        stored = [report.seq for report in batch if fates.get(report.seq) != "conflict"]
        self._queue.delivered(stored)
        for report in batch:
            if fates.get(report.seq) == "conflict":
                self._queue.reject(report.seq, "the service holds another report of this number")
        self._delivered += len(stored)
        self._rejected += len(batch) - len(stored)

    def _stopped(self, answer: httpx.Response) -> Delivered:
        return self._done(
            f"{self._server} answered {answer.status_code} {_title(answer)}",
            retry_after_s=_retry_after_s(answer, self._clock.now()),
            refused=answer.status_code in (401, 403, 404),
        )

    def _done(
        self, problem: str, *, retry_after_s: float | None = None, refused: bool = False
    ) -> Delivered:
        return Delivered(
            delivered=self._delivered,
            rejected=self._rejected,
            waiting=self._queue.count(self._server),
            retry_after_s=retry_after_s,
            problem=problem,
            refused=refused,
        )


def _fates(answer: httpx.Response) -> dict[int, str]:
    """Return what became of each report by the service's answer, empty if it is none.

    A portal that a network puts before its users answers 200 to everything.
    """
    if not answer.is_success:
        return {}
    try:
        fates = answer.json()
    except ValueError:
        return {}
    listed = fates if isinstance(fates, list) else []
    return {
        fate["seq"]: str(fate.get("fate"))
        for fate in listed
        if isinstance(fate, dict) and isinstance(fate.get("seq"), int)
    }


def _title(answer: httpx.Response) -> str:
    """Return what a problem says of itself (RFC 9457), or the standard phrase."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    told = None
    if isinstance(body, dict):
        told = body.get("detail") or body.get("title") or body.get("code")
    return str(told or answer.reason_phrase)[:300]


def _retry_after_s(answer: httpx.Response, now: datetime) -> float | None:
    """Return the wait that the service asks for, in seconds or as a date (RFC 9110, 10.2.3)."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isdigit():
        return min(float(value), _LONGEST_RETRY_S)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        return None
    return min(max(0.0, (until - now).total_seconds()), _LONGEST_RETRY_S)


def _reason(error: httpx.TransportError) -> str:
    return str(error) or type(error).__name__
