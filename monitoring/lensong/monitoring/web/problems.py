"""Refusals as problem documents: one table from class of error to status, code and title.

References
----------
.. [1] RFC 9457, "Problem Details for HTTP APIs", 2023.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from lensong.coverage.report.messages import number_text
from lensong.monitoring.access import Action
from lensong.monitoring.errors import (
    BusyError,
    ConflictError,
    FieldError,
    NotAllowedError,
    NotFoundError,
    NotSignedInError,
    StoreUnavailableError,
    TooLargeError,
)
from lensong.monitoring.messages import preferred_language, say
from lensong.monitoring.records import IDENTIFIER
from lensong.monitoring.web.addresses import path_within
from lensong.monitoring.web.guards import Needs, asker_of
from lensong.monitoring.web.problem_document import MEDIA_TYPE, problem_document
from lensong.propagation.errors import DataError, InvalidInputError, LensongError

__all__ = ["asker_refused", "language_of", "problem", "register", "wants_page"]

_TABLE: tuple[tuple[type[LensongError], int, str], ...] = (
    (NotFoundError, 404, "not_found"),
    (ConflictError, 409, "conflict"),
    (NotSignedInError, 401, "not_signed_in"),
    (NotAllowedError, 403, "forbidden"),
    (BusyError, 429, "busy"),
    (TooLargeError, 413, "too_large"),
    (StoreUnavailableError, 503, "store_unavailable"),
    (InvalidInputError, 422, "invalid"),
    (DataError, 422, "invalid_data"),
)

_HTTP_CODES = {
    400: "bad_request",
    401: "not_signed_in",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "busy",
    431: "head_too_large",
    503: "store_unavailable",
}


def language_of(request: Request) -> str:
    """Return the language in which to answer: the one chosen on the pages, else the browser's."""
    chosen = request.cookies.get("lensong_language")
    if chosen in ("vi", "en"):
        return chosen
    default = str(getattr(request.app.state, "language", "vi"))
    return preferred_language(request.headers.get("accept-language", ""), default)


def wants_page(request: Request) -> bool:
    """Return whether somebody opened an address in a browser."""
    there = path_within(request.scope)
    return "text/html" in request.headers.get("accept", "") and not there.startswith("/api")


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, str]] = (),
) -> Response:
    """Return a problem document."""
    language = language_of(request)
    retry_after = (headers or {}).get("Retry-After")
    document = problem_document(
        status,
        code,
        language,
        detail,
        errors,
        retry_after_s=None if retry_after is None else int(retry_after),
    )
    if wants_page(request):
        page: Response = request.app.state.error_page(request, status, document["title"], detail)
        page.headers.update(headers or {})
        return page
    return JSONResponse(
        document,
        status,
        media_type=MEDIA_TYPE,
        headers={**(headers or {}), "Content-Language": language, "Cache-Control": "no-store"},
    )


def register(app: FastAPI) -> None:
    """Answer every refusal of an app with a problem document."""
    app.add_exception_handler(LensongError, _lensong)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _internal)  # raised again after it, for the log


async def _know_asker(request: Request) -> None:
    """Find out who asks for a page, so that one which refuses still leads on."""
    if wants_page(request):
        request.state.asker = await asker_of(request)


async def asker_refused(request: Request, error: RequestValidationError) -> Response | None:
    """Return the refusal of whoever may not ask this, of a body that could not even be read.

    Of any other body FastAPI asks the dependencies before it looks at it.
    """
    if not any(item["type"] == "json_invalid" for item in error.errors()):
        return None
    there = path_within(request.scope)
    for path, method, action in request.app.state.methods:
        if method == request.method and path.match(there):
            if action in (Action.PUBLIC, Action.TEST):
                return None
            try:
                await Needs(action)(request)
            except LensongError as refused:
                return await _lensong(request, refused)
            return None
    return None


async def _lensong(request: Request, error: Exception) -> Response:
    status, code = next(
        ((status, code) for kind, status, code in _TABLE if isinstance(error, kind)),
        (500, "internal"),
    )
    code = getattr(error, "code", code)
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="lensong"'
    if isinstance(error, BusyError):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    if isinstance(error, StoreUnavailableError):
        headers["Retry-After"] = "5"
    errors = []
    if isinstance(error, FieldError):
        title = say(f"field.{error.reason}", language_of(request), **error.values)
        errors = [{"pointer": f"/body/{error.field}", "title": title, "detail": str(error)}]
    await _know_asker(request)
    return problem(request, status, code, str(error), headers=headers, errors=errors)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if (refused := await asker_refused(request, error)) is not None:
        return refused
    told = []
    language = language_of(request)
    for item in error.errors():
        where = "/".join(str(part) for part in item["loc"])
        title = _title(item, language)
        told.append({"pointer": f"/{where}", "title": title, "detail": str(item["msg"])})
    unreadable = any(item["type"] == "json_invalid" for item in error.errors())
    status, code = (400, "bad_request") if unreadable else (422, "invalid")
    first = told[0] if told else {"pointer": "/", "detail": ""}
    await _know_asker(request)
    return problem(request, status, code, f"{first['pointer']}: {first['detail']}", errors=told)


_REASONS = {
    "missing": "required",
    "string_too_short": "required",
    "string_too_long": "too_long",
    "greater_than_equal": "at_least",
    "greater_than": "more_than",
    "less_than_equal": "at_most",
    "float_type": "number",
    "float_parsing": "number",
    "finite_number": "number",
    "int_type": "whole_number",
    "int_parsing": "whole_number",
    "int_from_float": "whole_number",
}
"""Pydantic's names of what is wrong, and ours."""


def _title(item: Mapping[str, Any], language: str) -> str:
    """Return what is wrong with a field, for people."""
    context = item.get("ctx", {})
    reason = _REASONS.get(item["type"], "invalid")
    if item["type"] == "string_pattern_mismatch":
        if not str(item["input"]).strip():
            reason = "required"
        elif context["pattern"] == f"^{IDENTIFIER}$":
            reason = "identifier"
    limit = next((context[name] for name in ("ge", "gt", "le") if name in context), None)
    return say(
        f"field.{reason}",
        language,
        n=context.get("max_length"),
        limit=None if limit is None else _limit(limit, str(item["loc"][-1]), language),
    )


def _limit(value: float, name: str, language: str) -> str:
    """Return a limit as people say it: names of fields end in their unit."""
    unit = ""
    if name.endswith("_bps"):
        value, unit = value / 1e6, "\u00a0Mbit/s"
    digits = 0 if float(value).is_integer() else 1
    return number_text(float(value), digits, language=language) + unit


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # they hold what was read of a body, and who was refused may take long to hear it
    traceback.clear_frames(error.__traceback__)
    code = _HTTP_CODES.get(error.status_code, "internal" if error.status_code >= 500 else "refused")
    headers = dict(error.headers or {})
    if error.status_code == 405:  # the router names those of one route, where several share a path
        there = {
            method
            for path, method, _ in request.app.state.methods
            if path.match(path_within(request.scope)) and method != "WS"
        }
        headers["Allow"] = ", ".join(sorted(there))
    await _know_asker(request)
    return problem(request, error.status_code, code, str(error.detail or ""), headers=headers)


async def _internal(request: Request, error: Exception) -> Response:  # noqa: ARG001 (Starlette's signature)
    await _know_asker(request)
    return problem(request, 500, "internal", "the fault is ours and was logged")
