"""Why a test is refused or failed: one code each, with its close code and what to say."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from lensong.monitoring.messages import LANGUAGES, say

__all__ = ["CLOSE_CODES", "Refusal"]

CLOSE_CODES = {
    "bad_hello": 4400,
    "wrong_subprotocol": 4400,
    "text_frames": 4400,
    "bad_token": 4401,
    "wrong_site": 4403,
    "unknown_probe": 4404,
    "stalled": 4408,
    "already_testing": 4409,
    "watch_replaced": 4409,
    "message_too_large": 4413,
    "compressible": 4415,
    "too_little_data": 4422,
    "too_soon": 4429,
    "budget_spent": 4429,
    "too_many_strangers": 4429,
    "too_many_waiting": 4429,
    "too_many_watches": 4429,
    "watch_too_fast": 4429,
    "not_stored": 4500,
    "stopping": 4503,
    "unavailable": 4503,
}
"""WebSocket close code of each reason: the HTTP status with the same meaning, plus 4000."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not.

    Parameters
    ----------
    code : str
        Out of `CLOSE_CODES`; stable.
    retry_after_s : float, optional
        When it is worth another try [s].
    """

    code: str
    retry_after_s: float | None = None

    def __post_init__(self) -> None:
        if self.code not in CLOSE_CODES:
            raise ValueError(f"code is {self.code!r}, wanted one of {', '.join(CLOSE_CODES)}")

    @property
    def close_code(self) -> int:
        """Return the WebSocket close code."""
        return CLOSE_CODES[self.code]

    @property
    def http_status(self) -> int:
        """Return the status of an answer over HTTP."""
        return self.close_code - 4000

    @property
    def reason(self) -> str:
        """Return the reason of the close frame, JSON of at most 123 bytes."""
        return json.dumps(self._as_json(), separators=(",", ":"))

    def message(self, kind: str = "refused") -> dict[str, Any]:
        """Return the message that goes before the close frame."""
        values = {"n": self._whole_s(), "minutes": math.ceil((self._whole_s() or 0) / 60)}
        text = {language: say(f"uplink.{self.code}", language, **values) for language in LANGUAGES}
        return {"type": "error", "kind": kind, **self._as_json(), "text": text}

    def _as_json(self) -> dict[str, Any]:
        retry = self._whole_s()
        return {"code": self.code} | ({} if retry is None else {"retry_after_s": retry})

    def _whole_s(self) -> int | None:
        return None if self.retry_after_s is None else max(1, math.ceil(self.retry_after_s))
