"""The body of a refusal, whoever refuses: the app, the guard before it, the server before that.

References
----------
.. [1] RFC 9457, "Problem Details for HTTP APIs", 2023.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lensong.monitoring.messages import say

__all__ = ["MEDIA_TYPE", "problem_document"]

MEDIA_TYPE = "application/problem+json"


def problem_document(
    status: int,
    code: str,
    language: str,
    detail: str = "",
    errors: Sequence[Mapping[str, str]] = (),
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
    """
    document: dict[str, Any] = {
        "type": f"urn:lensong:problem:{code}",
        "title": say(f"problem.{code}", language),
        "status": status,
        "code": code,
    }
    if detail:
        document["detail"] = detail
    if errors:
        document["errors"] = [dict(error) for error in errors]
    return document
