"""Text, numbers and times as one reader reads them: by language and time zone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from lensong.coverage.report.messages import number_text
from lensong.monitoring.live.snapshot import SiteSnapshot, WatchSnapshot
from lensong.monitoring.live.standing import seen_of
from lensong.monitoring.messages import say
from lensong.monitoring.profiles import ANY_PLATFORM
from lensong.monitoring.readiness.plan import WATCH_MB_AN_HOUR
from lensong.monitoring.readiness.sharing import MOST_MORE
from lensong.monitoring.readiness.verdict import State, Step, Value, Verdict, shown_percent
from lensong.monitoring.records import Session, SessionStatus

__all__ = ["Words"]

_UNIT = re.compile(r"(?<=[\d–]) (%|Mbit/s|ms|s|dB|dBm|km|MB)(?![\w/])")


@dataclass(frozen=True, slots=True)
class Words:
    """Says things in one language and one time zone.

    Parameters
    ----------
    now : datetime, optional
        What "today" refers to; without it every day is told by its date.
    root : str
        What stands before the path of every link: where the service is served under a path.
    """

    language: str
    zone: ZoneInfo
    now: datetime | None = None
    root: str = ""

    def t(self, key: str, /, **values: Any) -> str:
        """Return a message; no line ends between a number and its unit."""
        return _UNIT.sub("\u00a0\\1", say(key, self.language, **values))

    def n(self, value: float | None, digits: int = 0) -> str:
        """Return a number."""
        return number_text(value, digits, language=self.language)

    def mbps(self, value_bps: float | None) -> str:
        """Return a rate in Mbit/s."""
        if value_bps is None:
            return "–"
        mbps = value_bps / 1e6
        if mbps < 0.01:
            return self.t("rate.none")
        return f"{self.n(mbps, 0 if mbps >= 9.95 else 1 if mbps >= 0.95 else 2)}\u00a0Mbit/s"

    def percent(self, ratio: float | None) -> str:
        """Return a share in percent; nothing that is only likely is certain."""
        return "–" if ratio is None else f"{self.n(_likely_percent(shown_percent(ratio)))}\u00a0%"

    def platform(self, name: str) -> str:
        """Return the platform of a profile; of one for any of them in the reader's language."""
        return self.t("profile.any_platform") if name == ANY_PLATFORM else name

    def share(self, ratio: float | None) -> str:
        """Return a share in percent."""
        return "–" if ratio is None else f"{self.n(100.0 * ratio)}\u00a0%"

    def moment(self, text: str) -> datetime:
        """Return a moment that was kept as RFC 3339."""
        return datetime.fromisoformat(text)

    def time(self, moment: datetime | None) -> str:
        """Return the time of day."""
        return "–" if moment is None else moment.astimezone(self.zone).strftime("%H:%M")

    def local(self, moment: datetime) -> datetime:
        """Return a moment in the reader's time zone."""
        return moment.astimezone(self.zone)

    def clock(self, moment: datetime) -> str:
        """Return the time of day to the second."""
        return moment.astimezone(self.zone).strftime("%H:%M:%S")

    def day(self, moment: datetime | None) -> str:
        """Return the day: today and its neighbours by name, others by weekday and date."""
        if moment is None:
            return "–"
        local = moment.astimezone(self.zone)
        today = None if self.now is None else self.now.astimezone(self.zone)
        if today is not None and abs(away := (local.date() - today.date()).days) <= 1:
            return self.t(f"day.{away}")
        date = f"{self.t(f'weekday.{local.weekday()}')} {local.day}/{local.month}"
        return date if today is not None and today.year == local.year else f"{date}/{local.year}"

    def when(self, moment: datetime | None) -> str:
        """Return day and time of day."""
        return "–" if moment is None else f"{self.time(moment)} {self.day(moment)}"

    def soon(self, moment: datetime | None) -> str:
        """Return the time of day alone where it is today, and the day with it where it is not."""
        if moment is None or self.now is None:
            return self.when(moment)
        local, today = moment.astimezone(self.zone), self.now.astimezone(self.zone)
        return self.time(moment) if local.date() == today.date() else self.when(moment)

    def network(self, watch: WatchSnapshot | None) -> str:
        """Return what light watches say of the network during a session."""
        if watch is None or watch.state == "not_watched":
            return self.t("watch.nobody")
        return self.t(f"watch.{watch.state}", seconds=round(watch.gone_s or 0.0))

    def on_air(self, site: SiteSnapshot) -> str:
        """Return what is seen of the session whose time it is: LIVE only where a stream is."""
        seen = seen_of(site)
        if seen == "stream":
            return self.t("status.live")
        return self.t("status.no_stream") if seen == "no_stream" else self.network(site.watch)

    def status(self, session: Session, site: SiteSnapshot) -> str:
        """Return how a session stands.

        Parameters
        ----------
        site : SiteSnapshot
            Its site as of now.
        """
        if session.status is not SessionStatus.LIVE:
            return self.t(f"status.{session.status.value}")
        shown = (lane for lane in site.by_lane if lane.session_id == session.session_id)
        if (lane := next(shown, None)) is None:  # the board does not show it: nothing is seen
            return self.network(None)
        return self.on_air(lane)

    def span(self, starts_at: datetime, ends_at: datetime) -> str:
        """Return from when to when."""
        if starts_at.astimezone(self.zone).date() == ends_at.astimezone(self.zone).date():
            return f"{self.time(starts_at)}–{self.time(ends_at)} {self.day(starts_at)}"
        return f"{self.when(starts_at)} – {self.when(ends_at)}"

    def age(self, seconds: float | None) -> str:
        """Return how long something lasted or is ago, in one unit."""
        if seconds is None:
            return "–"
        for unit, length in (("day", 86_400.0), ("hour", 3_600.0), ("minute", 60.0)):
            if seconds >= 1.5 * length:
                return self.t(f"span.{unit}", n=round(seconds / length))
        return self.t("span.second", n=round(max(0.0, seconds)))

    def basis(self, basis: str | None) -> str:
        """Return on what predicted levels rest, a comma between several; empty where not told."""
        told = [name.replace(" ", "_") for name in basis.split(", ")] if basis else []
        return ", ".join(self.t(f"basis.{name}") for name in told)

    def reasons(self, verdict: Verdict) -> list[tuple[str, str]]:
        """Return severity and text of each reason."""
        return [
            (reason.severity, self.t(f"reason.{reason.code}", **_shown(reason.values)))
            for reason in verdict.reasons
        ]

    def sentence(self, verdict: Verdict, profile: str) -> str:
        """Return a verdict in one sentence."""
        percent = _likely_percent(shown_percent(verdict.probability or 0.0))
        return self.t(f"verdict.sentence.{verdict.state}", profile=profile, percent=percent)

    def freezes(self, verdict: Verdict) -> str | None:
        """Return how many short freezes an audience should expect; None where nobody knows.

        Of a session that may not hold nothing is said: its freezes would not be the short ones.
        """
        if verdict.short_freezes_an_hour is None or verdict.state is not State.READY:
            return None
        low, high = verdict.short_freezes_an_hour
        return self.t("freezes.expected", low=low, high=high) if high else self.t("freezes.none")

    def more_sellers(self, verdict: Verdict) -> str | None:
        """Return how many more sellers fit and until when; None where nothing is known."""
        return self.room(verdict.more_sellers, verdict.more_sellers_until)

    def room(self, n: int | None, until: datetime | None) -> str | None:
        """Return that so many more sellers fit until a moment; None where nothing is known."""
        if n is None or until is None:
            return None
        which = "most" if n >= MOST_MORE else "some" if n else "none"
        return self.t(f"more_sellers.{which}", n=n, until=self.soon(until))

    def plans(self, verdict: Verdict) -> list[str]:
        """Return what would make a session READY, each plan in one sentence."""
        told = []
        for plan in verdict.plans:
            steps = [self._step(step) for step in plan.steps]
            text = steps[0]
            for step in steps[1:]:
                text = self.t("plan.and", first=text, second=step)
            percent = _likely_percent(shown_percent(plan.probability))
            told.append(self.t("plan.then", steps=text[:1].upper() + text[1:], percent=percent))
        return told

    def _step(self, step: Step) -> str:
        if step.kind == "watch":
            return self.t("plan.watch", hours=step.hours, mb=step.hours * WATCH_MB_AN_HOUR)
        if step.n == 1:
            return self.t(
                "plan.test_one", begin=self.when(step.from_at), until=self.when(step.until_at)
            )
        return self.t(
            "plan.test_days",
            n=step.n,
            begin=self.time(step.until_at - timedelta(hours=1)),
            end=self.time(step.until_at),
            until=self.day(step.until_at),
        )


def _likely_percent(percent: float) -> float:
    """Return a chance in percent: nothing that is only likely is certain, nor ruled out."""
    return min(99.0, max(1.0, percent))


def _shown(values: Mapping[str, Value]) -> dict[str, Value]:
    shown = dict(values)
    if isinstance(percent := shown.get("probability_percent"), int | float):
        shown["probability_percent"] = _likely_percent(percent)
    return shown
