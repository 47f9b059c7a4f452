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

__all__ = ["MEDIA_TYPE", "PROBLEMS", "fault_problem", "problem_of", "validation_problem"]

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


def fault_problem(error: Exception) -> dict[str, Any]:
    """Return the problem document of a fault of ours."""
    return {
        "type": "urn:lensong:problem:fault",
        "title": "A fault of lensong",
        "status": 500,
        "code": "fault",
        "detail": f"{type(error).__name__}: {error}",
    }


def validation_problem(error: RequestValidationError) -> dict[str, Any]:
    """Return the problem document of a body or query that has the wrong form."""
    told = []
    for one in error.errors():
        place = [str(part) for part in one["loc"] if part != "body"]
        entry: dict[str, Any] = _out_of_range(one, place) or {
            "detail": f"{'.'.join(place)}: {one['msg']}"
        }
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


_LIMITS = {"ge": ("least", "or more"), "gt": ("least", "at least, and more"),
           "le": ("most", "or less"), "lt": ("most", "at most, and less")}  # fmt: skip


def _out_of_range(error: dict[str, Any], place: list[str]) -> dict[str, Any] | None:
    """Return what was given and what was wanted of a number that is too small or too large."""
    for key, (name, words) in _LIMITS.items():
        limit = error.get("ctx", {}).get(key)
        given = error.get("input")
        if isinstance(limit, (int, float)) and isinstance(given, (int, float, str)) and place:
            return {
                "detail": f"{place[-1]} is {given}, wanted {limit:g} {words}",
                "field": place[-1],
                "value": given,
                name: limit,
            }
    return None
