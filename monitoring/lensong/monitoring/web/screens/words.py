"""Text, numbers and times as one reader reads them: by language and time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from lensong.coverage.report.messages import number_text
from lensong.monitoring.messages import say
from lensong.monitoring.readiness.verdict import Verdict

__all__ = ["Words"]


@dataclass(frozen=True, slots=True)
class Words:
    """Says things in one language and one time zone."""

    language: str
    zone: ZoneInfo

    def t(self, key: str, /, **values: Any) -> str:
        """Return a message."""
        return say(key, self.language, **values)

    def n(self, value: float | None, digits: int = 0) -> str:
        """Return a number."""
        return number_text(value, digits, language=self.language)

    def mbps(self, value_bps: float | None) -> str:
        """Return a rate in Mbit/s."""
        if value_bps is None:
            return "–"
        mbps = value_bps / 1e6
        return f"{self.n(mbps, 0 if mbps >= 99.5 else 1 if mbps >= 0.95 else 2)} Mbit/s"

    def percent(self, ratio: float | None) -> str:
        """Return a share in percent; nothing that is only likely is certain."""
        return "–" if ratio is None else f"{self.n(min(99.0, max(1.0, 100.0 * ratio)))} %"

    def share(self, ratio: float | None) -> str:
        """Return a share in percent."""
        return "–" if ratio is None else f"{self.n(100.0 * ratio)} %"

    def time(self, moment: datetime | None) -> str:
        """Return the time of day."""
        return "–" if moment is None else moment.astimezone(self.zone).strftime("%H:%M")

    def day(self, moment: datetime | None) -> str:
        """Return weekday and date."""
        if moment is None:
            return "–"
        local = moment.astimezone(self.zone)
        weekday = self.t(f"weekday.{local.weekday()}")
        return f"{weekday} {local.day}/{local.month}/{local.year}"

    def when(self, moment: datetime | None) -> str:
        """Return weekday, date and time of day."""
        return "–" if moment is None else f"{self.time(moment)}, {self.day(moment)}"

    def span(self, starts_at: datetime, ends_at: datetime) -> str:
        """Return from when to when."""
        if starts_at.astimezone(self.zone).date() == ends_at.astimezone(self.zone).date():
            return f"{self.time(starts_at)}–{self.time(ends_at)}, {self.day(starts_at)}"
        return f"{self.when(starts_at)} – {self.when(ends_at)}"

    def age(self, seconds: float | None) -> str:
        """Return how long something lasted or is ago, in one unit."""
        if seconds is None:
            return "–"
        for unit, length in (("day", 86_400.0), ("hour", 3_600.0), ("minute", 60.0)):
            if seconds >= 1.5 * length:
                return self.t(f"span.{unit}", n=round(seconds / length))
        return self.t("span.second", n=round(max(0.0, seconds)))

    def reasons(self, verdict: Verdict) -> list[tuple[str, str]]:
        """Return severity and text of each reason."""
        return [
            (reason.severity, self.t(f"reason.{reason.code}", **reason.values))
            for reason in verdict.reasons
        ]
