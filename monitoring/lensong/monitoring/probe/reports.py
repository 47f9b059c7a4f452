"""A probe's report, as it is queued and as the service takes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lensong.monitoring.clock import rfc3339
from lensong.monitoring.probe.client import Measured, NotMeasuredError
from lensong.monitoring.probe.modem import Signal
from lensong.monitoring.uplink_figures import FIGURE_NAMES

__all__ = ["report_of"]

_FIGURES = (
    "test_id",
    "uplink_bins_bps",
    "uplink_min_bps",
    "uplink_mean_bps",
    "duration_s",
    *(name for name in FIGURE_NAMES if name not in ("rate_limited", "loss_ratio")),
)
"""Of the server's count: what it alone knows, and loss, which it cannot see, left out."""


def report_of(
    outcome: Measured | NotMeasuredError, *, started_at: datetime, signal: Signal
) -> dict[str, Any]:
    """Return the body of a report, without what the queue adds; unknown members are absent.

    Parameters
    ----------
    outcome : Measured or NotMeasuredError
        A failed test is a report too.
    started_at : datetime
        By this machine's clock: the service corrects it by ``sent_at`` of the delivery.
    signal : Signal
        Of the modem, read before the test.
    """
    report: dict[str, Any] = {"started_at": rfc3339(started_at), "method": "cli"}
    if isinstance(outcome, Measured):
        report |= {"result": "success", "sent_bytes": int(outcome.result["received_bytes"])}
        report |= {name: outcome.result.get(name) for name in _FIGURES}
        report["loss_ratio"] = outcome.loss_ratio
    else:
        report |= {
            "result": outcome.kind,
            "failure_reason": outcome.code,
            "test_id": outcome.test_id,
            "sent_bytes": outcome.sent_bytes,
        }
    report |= {
        "technology": signal.technology,
        "operator": signal.operator,
        "rsrp_dbm": signal.rsrp_dbm,
        "sinr_db": signal.sinr_db,
    }
    return _known(report)


def _known(report: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if value is not None}
