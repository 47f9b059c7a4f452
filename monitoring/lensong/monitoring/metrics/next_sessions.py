"""The next sessions as an info metric, so that alerts can name the session and lead to its page.

Rules read it in their annotations, never in their expressions: a title that is edited while an
alert is on then changes the message alone, and not which alert it is.

References
----------
.. [1] OpenMetrics 1.0, section 5.4 (info: text that belongs to other series stands in labels).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo

from prometheus_client.metrics_core import Metric

from lensong.monitoring.live.snapshot import SiteSnapshot
from lensong.monitoring.metrics.label_text import label_text

__all__ = ["LONGEST_TITLE", "next_sessions"]

LONGEST_TITLE = 120
"""Letters of a title that stand in a label; a longer one ends in an ellipsis."""


def next_sessions(sites: Iterable[SiteSnapshot], zone: tzinfo, public_url: str) -> Metric:
    """Return one series for each session that is live or next: as many as a site has lanes in use.

    Parameters
    ----------
    zone : tzinfo
        In which the start is written.
    public_url : str
        What stands before the path of a session's page; empty where nobody set it, and then the
        label holds the path.
    """
    metric = Metric(
        "lensong_next_session",
        "The next or current session of a site and lane: for the text of alerts.",
        "info",
    )
    for site in sites:
        for lane in site.by_lane:
            if lane.session_id is None or lane.session_starts_at is None:
                continue
            local = lane.session_starts_at.astimezone(zone)
            labels = {
                "site": label_text(site.site_id),
                "lane": str(lane.lane or 1),
                "worst": "true" if lane.session_id == site.session_id else "false",
                "title": _shortened(label_text(lane.session_title or "")),
                "starts_at": local.isoformat(sep=" ", timespec="minutes"),
                "link": f"{public_url}/sessions/{label_text(lane.session_id)}",
            }
            metric.add_sample("lensong_next_session_info", labels, 1.0)
    return metric


def _shortened(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1].rstrip()}…"
