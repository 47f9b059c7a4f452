"""Refusals of the planner as problem documents.

References
----------
.. [1] RFC 9457, "Problem Details for HTTP APIs", 2023.
"""

from __future__ import annotations

from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from lensong.planner.bodies import EDIT_BODIES
from lensong.planner.errors import (
    BusyError,
    NotThereError,
    NotYetError,
    OfAnotherError,
    ReadOnlyError,
    SetError,
    StaleRevisionError,
)
from lensong.propagation.errors import InvalidInputError, LensongError

__all__ = [
    "MEDIA_TYPE",
    "PROBLEMS",
    "fault_problem",
    "problem_of",
    "route_problem",
    "validation_problem",
]

MEDIA_TYPE = "application/problem+json"

PROBLEMS: tuple[tuple[type[LensongError], int, str, str], ...] = (
    (NotThereError, 404, "not_found", "Not there"),
    (StaleRevisionError, 409, "stale_revision", "Somebody changed it first"),
    (OfAnotherError, 409, "of_another", "Somebody else did it"),
    (ReadOnlyError, 409, "read_only", "Cannot be changed now"),
    (NotYetError, 409, "not_yet", "Not there yet"),
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
        document["revision"] = error.revision
    if isinstance(error, (StaleRevisionError, OfAnotherError)):
        document |= {
            "changed_by": error.changed_by,
            "changed_at": error.changed_at,
            "what": error.what,
        }
    if isinstance(error, SetError):
        own = {"key": error.key, "values": error.values} if error.key else {}
        document["errors"] = [{"edit": error.edit, "detail": error.detail, **own}]
    return document


_OF_ROUTES = {404: ("not_found", "Not there"), 405: ("method_not_allowed", "Not that way")}


def route_problem(error: HTTPException) -> dict[str, Any]:
    """Return the problem document of an address that no route answers, or not in that way."""
    code, title = _OF_ROUTES.get(error.status_code, ("refused", "Refused"))
    return {
        "type": f"urn:lensong:problem:{code}",
        "title": title,
        "status": error.status_code,
        "code": code,
        "detail": f"{error.detail}: /api/v1/openapi.json names every address",
    }


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
        place = [str(part) for part in one["loc"] if part not in ("body", "query", "path")]
        entry: dict[str, Any] = _out_of_range(one, place) or {"detail": _said(one, place)}
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


_WANTED = {
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "a text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
"""What Pydantic calls a value of another kind, and what was wanted."""


def _said(error: dict[str, Any], place: list[str]) -> str:
    """Return what is wrong with a part of a request, and what was wanted."""
    kind, context = error["type"], error.get("ctx", {})
    where, given = ".".join(place) or "the body", repr(error.get("input"))[:80]
    if kind in _WANTED:
        return f"{where} is {given}, wanted {_WANTED[kind]}"
    match kind:
        case "missing":
            return f"{where} is missing"
        case "extra_forbidden":
            fields = _fields_of(place)
            return f"{where} is not known" + (f", wanted some of {fields}" if fields else "")
        case "literal_error":
            return f"{where} is {given}, wanted {context['expected']}"
        case "union_tag_invalid":
            key = context["discriminator"].strip("'")
            return f"{where}.{key} is {context['tag']!r}, wanted one of {context['expected_tags']}"
        case "union_tag_not_found":
            return f"{where}.{context['discriminator'].strip(chr(39))} is missing"
        case "too_short" | "too_long":
            least, most = context.get("min_length"), context.get("max_length")
            wanted = f"{least} or more" if kind == "too_short" else f"{most} or less"
            return f"{where} has {context['actual_length']} entries, wanted {wanted}"
        case "string_too_short":
            return f"{where} is empty"
        case "string_too_long":
            return f"{where} has more than {context['max_length']} characters"
        case "json_invalid":
            return f"the body is not JSON: {context['error']}, at character {place[-1]}"
        case "value_error":
            return f"{where}: {context['error']}"
    return f"{where}: {error['msg']}"


def _fields_of(place: list[str]) -> str:
    """Return the names of the fields of an edit, '' elsewhere."""
    if place[:1] != ["edits"] or len(place) != 4:  # edits, index, kind, name
        return ""
    fields = EDIT_BODIES[place[2]].model_fields
    return ", ".join(name for name in fields if name != "kind")


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
