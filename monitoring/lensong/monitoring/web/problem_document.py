"""The body of a refusal, whoever refuses: the app, the guard before it, the server before that.

References
----------
.. [1] RFC 9457, "Problem Details for HTTP APIs", 2023.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lensong.monitoring.messages import say

__all__ = ["MEDIA_TYPE", "problem_document"]

MEDIA_TYPE = "application/problem+json"

_IN_SECONDS_S = 120
"""A longer wait is told in minutes [s]."""


def problem_document(
    status: int,
    code: str,
    language: str,
    detail: str = "",
    errors: Sequence[Mapping[str, str]] = (),
    *,
    retry_after_s: int | None = None,
) -> dict[str, Any]:
    """Return a problem document.

    Parameters
    ----------
    code : str
        Stable word for programs; ``problem.<code>`` of the catalogue is the title.
    language : {"vi", "en"}
        Of the title.
    errors : sequence of mappings
        What is wrong with which part of the body.
    retry_after_s : int, optional
        When it is worth another try [s]: `wait` says it in words.
    """
    document: dict[str, Any] = {
        "type": f"urn:lensong:problem:{code}",
        "title": say(f"problem.{code}", language),
        "status": status,
        "code": code,
    }
    if detail:
        document["detail"] = detail
    if retry_after_s is not None:
        minutes = math.ceil(retry_after_s / 60)
        document["wait"] = (
            say("problem.wait_s", language, n=retry_after_s)
            if retry_after_s <= _IN_SECONDS_S
            else say("problem.wait_min", language, n=minutes)
        )
    if errors:
        document["errors"] = [dict(error) for error in errors]
    return document
