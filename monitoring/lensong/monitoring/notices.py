"""What people say about trouble: that somebody knows of it, that it is planned, that it be quiet.

A notice never hides anything: it says on walls, lists and in metrics who has taken a trouble on and
until when, and holds messages back for so long.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lensong.coverage.network import operator_key
from lensong.monitoring.errors import FieldError
from lensong.propagation.errors import InvalidInputError

__all__ = ["LONGEST", "Notice", "NoticeKind"]

_LONGEST_NOTE = 300


class NoticeKind(StrEnum):
    """What a notice says."""

    ACKNOWLEDGED = "acknowledged"
    """Somebody handles the trouble that a site has now; it ends with the trouble."""

    MAINTENANCE = "maintenance"
    """Work is planned; trouble during it is no surprise."""

    MUTED = "muted"
    """No messages are wanted for a while."""


LONGEST = {
    NoticeKind.ACKNOWLEDGED: timedelta(days=2),
    NoticeKind.MAINTENANCE: timedelta(days=31),
    NoticeKind.MUTED: timedelta(days=7),
}
"""How long a notice may hold: one that is forgotten must not keep a site quiet for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notice of a site, of all sites of a commune, or of an operator's sites in a province.

    Parameters
    ----------
    site_id, commune_code, operator, province_code : str, optional
        What it is about: a site, a commune, or an operator and the province; nothing else is set.
    note : str
        Why, in one line.
    actor, author : str
        Who, as the audit trail names them, and by the name that people read.
    trouble : str, optional
        Which kind of trouble was acknowledged (`live.troubles.URGENCY`).
    ended_at, ended_by : optional
        When and by whom it was ended before its time.
    """

    notice_id: str
    kind: NoticeKind
    site_id: str | None = None
    commune_code: str | None = None
    operator: str | None = None
    province_code: str | None = None
    starts_at: datetime
    ends_at: datetime
    note: str
    actor: str
    author: str
    trouble: str | None = None
    created_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None

    def __post_init__(self) -> None:
        of_operator = self.operator is not None and self.province_code is not None
        half = (self.operator is None) is not (self.province_code is None)
        if half or (self.site_id, self.commune_code, of_operator or None).count(None) != 2:
            raise InvalidInputError(
                "a notice is about one of: site_id, commune_code, operator with province_code"
            )
        if self.kind is NoticeKind.ACKNOWLEDGED and self.site_id is None:
            raise InvalidInputError(
                "trouble is acknowledged site by site: give site_id, or announce maintenance"
            )
        if self.ends_at <= self.starts_at:
            raise FieldError(
                "ends_at is not after starts_at: give a later end", field="ends_at", reason="end"
            )
        if self.ends_at - self.starts_at > (longest := LONGEST[self.kind]):
            raise FieldError(
                f"it would last {self.ends_at - self.starts_at}, wanted at most {longest.days} "
                "days: announce it again later",
                field="ends_at",
                reason="too_many_days",
                days=str(longest.days),
            )
        if not self.note.strip() or len(self.note) > _LONGEST_NOTE or not self.note.isprintable():
            raise FieldError(
                f"note has {len(self.note)} letters, wanted one line of 1 to {_LONGEST_NOTE}",
                field="note",
                reason="note",
            )

    @property
    def subject(self) -> str:
        """Return what it is about, as the audit trail names it."""
        if self.site_id is not None:
            return self.site_id
        if self.commune_code is not None:
            return f"commune:{self.commune_code}"
        return f"operator:{self.operator}:{self.province_code}"

    def holds_at(self, moment: datetime) -> bool:
        """Return whether it holds at a moment."""
        over_at = self.ends_at if self.ended_at is None else min(self.ended_at, self.ends_at)
        return self.starts_at <= moment < over_at

    def concerns(
        self, *, site_id: str, commune_code: str, province_code: str, operator: str | None
    ) -> bool:
        """Return whether a site is meant; its operator is the first it names, however written."""
        if self.site_id is not None:
            return self.site_id == site_id
        if self.commune_code is not None:
            return self.commune_code == commune_code
        if self.operator is None or operator is None or self.province_code != province_code:
            return False
        return operator_key(self.operator) == operator_key(operator)
