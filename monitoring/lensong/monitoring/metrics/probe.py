"""What ``/probe`` says of one site: would this stream hold, by what is known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from lensong.monitoring.live.freshness import as_of
from lensong.monitoring.live.snapshot import SiteSnapshot
from lensong.monitoring.metrics.collector import metrics_of_one
from lensong.monitoring.records import StreamProfile

__all__ = ["failed_probe", "probe_metrics"]


def probe_metrics(
    site: SiteSnapshot, profile: StreamProfile, now: datetime, duration_s: float
) -> Iterator[Metric]:
    """Yield the metrics of a site, with ``probe_success`` for a stream profile in front.

    Parameters
    ----------
    duration_s : float
        How long this scrape took [s], not the active test.

    Notes
    -----
    ``probe_success`` is 1 where the last active test worked, is fresh (`freshness.as_of`) and its
    p10 is at least what the profile needs. As with other exporters 0 also stands for "not known";
    ``lensong_uplink_throughput_bytes_per_second`` is then absent. The verdict for a session, which
    knows more than one test, is ``lensong_readiness_state``.
    """
    p10_bps = as_of(site, now).uplink_p10_bps
    succeeded = p10_bps is not None and p10_bps >= profile.uplink_required_bps
    yield from _outcome(succeeded=succeeded, duration_s=duration_s)
    yield GaugeMetricFamily(
        "probe_uplink_required_bytes_per_second",
        "Uplink that the profile of this probe needs.",
        value=profile.uplink_required_bps / 8.0,
    )
    yield from metrics_of_one(site, now)


def failed_probe(duration_s: float) -> Iterator[Metric]:
    """Yield what is left to say where the scraper would have given up waiting."""
    yield from _outcome(succeeded=False, duration_s=duration_s)


def _outcome(*, succeeded: bool, duration_s: float) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "probe_success",
        "Whether the last active test is fresh and carried what the profile needs.",
        value=float(succeeded),
    )
    yield GaugeMetricFamily(
        "probe_duration_seconds", "How long this scrape took.", value=duration_s
    )
