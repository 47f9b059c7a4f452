"""Which of a media server's processes a look has seen, and what its absence there is worth.

nginx with the RTMP module shows, on one page of statistics, the streams of the one worker process
that happens to answer. With several workers the page changes from look to look; after a reload the
streams on the air stay with the old worker, which answers nobody any more. A stream that such a
page does not show is not known to be gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

__all__ = ["Doubt", "ServerView", "Workers"]

Doubt = Literal["several_workers", "older_worker"]
"""Why a stream that was not seen may be published all the same."""

_FORGOTTEN_AFTER_S = 300.0
"""A process that has not answered for longer is taken to be gone [s]."""
_START_UNSURE_S = 1.0
"""Ages are told in whole seconds [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerView:
    """The processes that answered one look.

    Parameters
    ----------
    ages_s : mapping of str to float or None
        For each, by its number: for how long it has been running [s].
    total : int, optional
        How many there are, where the server tells.
    """

    ages_s: Mapping[str, float | None] = field(default_factory=dict)
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """What is known of the processes of a media server, for one stream.

    Parameters
    ----------
    answered : mapping of str to float
        Those that are running, and when each last answered [s].
    total : int, optional
        As the server last told.
    holder : str, optional
        In which the stream was last seen, and not seen to be gone since.
    """

    answered: Mapping[str, float] = field(default_factory=dict)
    total: int | None = None
    holder: str | None = None

    def after(self, view: ServerView, at_s: float, publisher: str | None) -> Workers:
        """Return what is known after a look.

        Parameters
        ----------
        publisher : str, optional
            The process in which the stream was seen; None where it was seen in none.
        """
        answered = {
            process: last_s
            for process, last_s in self.answered.items()
            if process in view.ages_s or not _is_replaced(last_s, view, at_s)
        }
        answered |= dict.fromkeys(view.ages_s, at_s)
        holder = publisher
        if publisher is None and self.holder not in view.ages_s:
            holder = self.holder
        return replace(self, answered=answered, total=view.total, holder=holder)

    @property
    def count(self) -> int:
        """Return of how many processes is known that they run at once."""
        return max(len(self.answered), self.total or 0)

    def doubt(self, view: ServerView) -> Doubt | None:
        """Return why a stream that a look did not show may be published, None if it is not."""
        asked = len(view.ages_s)
        if self.count > 1 and not (self.total is not None and asked >= self.total):
            return "several_workers"
        if self.holder is not None and self.holder not in view.ages_s:
            return "older_worker"
        return None


def _is_replaced(last_s: float, view: ServerView, at_s: float) -> bool:
    """Return whether a process has given way to those that answer now: all began after it."""
    if at_s - last_s > _FORGOTTEN_AFTER_S:
        return True
    ages_s = list(view.ages_s.values())
    return bool(ages_s) and all(
        age_s is not None and at_s - age_s + _START_UNSURE_S >= last_s for age_s in ages_s
    )
