"""A snapshot of the sites as metrics of prometheus-client."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import accumulate

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from lensong.monitoring.live.freshness import as_of
from lensong.monitoring.live.operator_outages import OperatorOutage
from lensong.monitoring.live.snapshot import (
    RTT_BUCKETS_S,
    RttHistogram,
    ServiceSnapshot,
    SiteSnapshot,
)
from lensong.monitoring.metrics.families import FAMILIES, Family
from lensong.monitoring.metrics.label_text import label_text
from lensong.monitoring.metrics.next_sessions import next_sessions

__all__ = ["SnapshotCollector", "metrics_of_one"]

_EDGES = (*(str(edge) for edge in RTT_BUCKETS_S), "+Inf")
_ENDINGS = {"gauge": "", "counter": "_total", "info": "_info", "summary": ""}


class SnapshotCollector(Collector):
    """Metrics of all sites of a snapshot, for any registry or renderer of prometheus-client.

    The histogram of round trips is one for each commune, not for each site: 22 series a site for a
    few tests a day would be half of all series, and a quantile needs many round trips anyway. The
    site's own last round trips are gauges, its own histogram stands on ``/probe``.

    Parameters
    ----------
    now : datetime
        Decides what is too old to be shown (`freshness.as_of`).
    zone, public_url : tzinfo, str
        How the next sessions are told (`next_sessions`).
    """

    def __init__(
        self,
        snapshot: ServiceSnapshot,
        now: datetime,
        *,
        zone: tzinfo = UTC,
        public_url: str = "",
    ) -> None:
        self._zone, self._public_url = zone, public_url
        self._sites = [as_of(site, now) for site in snapshot.sites]
        self._outages = snapshot.outages

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics that have a value, in the order of the table."""
        named = [({"site": label_text(site.site_id)}, site) for site in self._sites]
        yield from _tabled(named)
        sessions = next_sessions(self._sites, self._zone, self._public_url)
        if sessions.samples:
            yield sessions
        if self._sites:
            yield _by_commune(self._sites)
        if self._outages:
            yield from _outages(self._outages)


def metrics_of_one(site: SiteSnapshot, now: datetime) -> Iterator[Metric]:
    """Yield the metrics of a site without the label ``site``, its histogram of round trips too.

    For a page that is about one target: Prometheus adds the label. The next session is not among
    them, for alerts have it from the page of all sites.
    """
    current = as_of(site, now)
    yield from _tabled([({}, current)])
    yield _histogram([({}, current.rtt_idle, current.rtt_loaded)])


def _tabled(sites: Sequence[tuple[dict[str, str], SiteSnapshot]]) -> Iterator[Metric]:
    for family in FAMILIES:
        metric = Metric(family.name, family.help, family.kind)
        _fill(metric, family, sites)
        if metric.samples:
            yield metric


def _fill(
    metric: Metric, family: Family, sites: Iterable[tuple[dict[str, str], SiteSnapshot]]
) -> None:
    name = family.name + _ENDINGS[family.kind]
    clean = family.kind == "info"  # only there do labels hold what people typed
    for where, site in sites:
        for labels, value in family.read(site):
            if value is None or not math.isfinite(value):
                continue
            if clean:
                labels = {key: label_text(text) for key, text in labels.items()}
            metric.add_sample(name, {**where, **labels} if labels else where, float(value))


def _outages(outages: Iterable[OperatorOutage]) -> Iterator[Metric]:
    sites = Metric(
        "lensong_operator_outage_sites",
        "Sites of an operator in a province that fell together and are not back.",
        "gauge",
    )
    share = Metric(
        "lensong_operator_outage_ratio",
        "They, as a share of the sites of the operator of which anything is known.",
        "gauge",
    )
    for outage in outages:
        labels = {
            "operator": label_text(outage.operator),
            "province": label_text(outage.province_code),
            "synthetic": "true" if outage.synthetic else "false",
        }
        sites.add_sample(sites.name, labels, len(outage.site_ids))
        share.add_sample(share.name, labels, outage.share)
    yield sites
    yield share


def _by_commune(sites: Iterable[SiteSnapshot]) -> Metric:
    communes: dict[str, list[SiteSnapshot]] = {}
    for site in sites:
        communes.setdefault(site.commune_code, []).append(site)
    return _histogram(
        (
            {"commune": label_text(code)},
            _sum(site.rtt_idle for site in members),
            _sum(site.rtt_loaded for site in members),
        )
        for code, members in sorted(communes.items())
    )


def _sum(histograms: Iterable[RttHistogram]) -> RttHistogram:
    counts = [0] * len(_EDGES)
    sum_s = 0.0
    for histogram in histograms:
        sum_s += histogram.sum_s
        for index, count in enumerate(histogram.counts):
            counts[index] += count
    return RttHistogram(counts=tuple(counts), sum_s=sum_s)


def _histogram(rows: Iterable[tuple[Mapping[str, str], RttHistogram, RttHistogram]]) -> Metric:
    metric = Metric(
        "lensong_rtt_seconds", "Round trips in active tests, idle and under upload.", "histogram"
    )
    for where, idle, loaded in rows:
        for load, histogram in (("idle", idle), ("loaded", loaded)):
            labels = {**where, "load": load}
            for edge, count in zip(_EDGES, accumulate(histogram.counts), strict=True):
                metric.add_sample("lensong_rtt_seconds_bucket", {**labels, "le": edge}, count)
            metric.add_sample("lensong_rtt_seconds_count", labels, sum(histogram.counts))
            metric.add_sample("lensong_rtt_seconds_sum", labels, histogram.sum_s)
    return metric
