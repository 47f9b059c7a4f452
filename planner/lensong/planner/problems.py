"""Refusals of the planner as problem documents.

References
----------
.. [1] RFC 9457, "Problem Details for HTTP APIs", 2023.
"""

from __future__ import annotations

from typing import Any

from fastapi.exceptions import RequestValidationError

from lensong.planner.errors import (
    BusyError,
    NotThereError,
    ReadOnlyError,
    SetError,
    StaleRevisionError,
)
from lensong.propagation.errors import InvalidInputError, LensongError

__all__ = ["MEDIA_TYPE", "PROBLEMS", "problem_of", "validation_problem"]

MEDIA_TYPE = "application/problem+json"

PROBLEMS: tuple[tuple[type[LensongError], int, str, str], ...] = (
    (NotThereError, 404, "not_found", "Not there"),
    (StaleRevisionError, 409, "stale_revision", "Somebody changed it first"),
    (ReadOnlyError, 409, "read_only", "Cannot be changed now"),
    (BusyError, 429, "busy", "Too much at once"),
    (SetError, 422, "invalid", "An edit cannot be done"),
    (InvalidInputError, 422, "invalid", "Cannot be right"),
    (LensongError, 422, "invalid_data", "Cannot be done"),
)
"""Class of error to status, code and title, the first that fits."""


def problem_of(error: LensongError) -> dict[str, Any]:
    """Return the problem document of an error."""
    _, status, code, title = next(row for row in PROBLEMS if isinstance(error, row[0]))
    document: dict[str, Any] = {
        "type": f"urn:lensong:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": str(error),
    }
    if isinstance(error, StaleRevisionError):
        document |= {
            "revision": error.revision,
            "changed_by": error.changed_by,
            "changed_at": error.changed_at,
            "what": error.what,
        }
    if isinstance(error, SetError):
        document["errors"] = [{"edit": error.edit, "detail": error.detail}]
    return document


def validation_problem(error: RequestValidationError) -> dict[str, Any]:
    """Return the problem document of a body or query that has the wrong form."""
    told = []
    for one in error.errors():
        place = [str(part) for part in one["loc"] if part != "body"]
        entry: dict[str, Any] = {"detail": f"{'.'.join(place)}: {one['msg']}"}
        if len(place) > 1 and place[0] == "edits" and place[1].isdigit():
            entry["edit"] = int(place[1])
        told.append(entry)
    return {
        "type": "urn:lensong:problem:invalid",
        "title": "Cannot be right",
        "status": 422,
        "code": "invalid",
        "detail": "; ".join(str(entry["detail"]) for entry in told[:3]),
        "errors": told[:20],
    }
