"""What the planner refuses, and what the web shell makes of it."""

from __future__ import annotations

from typing import Any

from lensong.propagation.errors import InvalidInputError, LensongError

__all__ = [
    "FAULT",
    "BusyError",
    "NotThereError",
    "NotYetError",
    "OfAnotherError",
    "ReadOnlyError",
    "SetError",
    "StaleRevisionError",
]

FAULT = "a fault of lensong itself: the log of the server says which"
"""What is told of an error that is nobody's input."""


class NotThereError(LensongError):
    """There is no such plan, variant, layer, job or file."""


class NotYetError(LensongError):
    """What is asked for is being planned; it comes by itself."""


class ReadOnlyError(LensongError):
    """The plan or the variant cannot be edited."""


class BusyError(LensongError):
    """Too much is waiting already."""


class SetError(InvalidInputError):
    """An edit of a set cannot be done; nothing of the set was.

    Parameters
    ----------
    edit : int
        Its index in the set.
    detail : str
    key : str
        Names the page's own message of it, ``refused.<key>``; empty where it has none.
    values : dict, optional
        What that message tells.
    """

    def __init__(
        self, edit: int, detail: str, *, key: str = "", values: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"edit {edit}: {detail}")
        self.edit, self.detail, self.key, self.values = edit, detail, key, values or {}


class OfAnotherError(LensongError):
    """The step that would be undone or redone is somebody else's.

    Parameters
    ----------
    do : str
        ``"undo"`` or ``"redo"``.
    changed_by, changed_at, what : str
        Of the step.
    """

    def __init__(self, do: str, *, changed_by: str, changed_at: str, what: str) -> None:
        super().__init__(
            f"to {do} would change what {changed_by or 'someone'} did at {changed_at} ({what}): "
            "ask them, or send of_others true"
        )
        self.changed_by, self.changed_at, self.what = changed_by, changed_at, what


class StaleRevisionError(LensongError):
    """Another change of the variant came first.

    Parameters
    ----------
    given, revision : int
        What was named, and what the variant has.
    changed_by, changed_at, what : str
        Of the last change.
    """

    def __init__(
        self, *, given: int, revision: int, changed_by: str, changed_at: str, what: str
    ) -> None:
        super().__init__(
            f"the variant is at revision {revision}, the change was made on {given}: "
            f"{changed_by or 'someone'} changed it at {changed_at} ({what}); look at it, then try "
            "again"
        )
        self.revision, self.changed_by = revision, changed_by
        self.changed_at, self.what = changed_at, what
