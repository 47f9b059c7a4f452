"""What the service counts of itself: requests, reports, verdicts, the writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from lensong.monitoring.metrics.families import READINESS_STATES

__all__ = ["REPORT_RESULTS", "ServiceMetrics"]

REPORT_RESULTS = ("accepted", "duplicate", "invalid", "refused", "failed")
"""A report is stored, was there before, cannot be read, came too often, or met a broken store."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_EDGES_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_COMMIT_EDGES_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class ServiceMetrics:
    """Counters of one running service, in a registry of their own.

    Nothing is registered globally, so that two services can live in one process, as in tests.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        Info("lensong_build", "Version that runs.", registry=self.registry).info(
            {"version": version("lensong")}
        )
        self._requests = Counter(
            "lensong_http_requests",
            "Requests answered, by route, method and status code.",
            ["route", "method", "code"],
            registry=self.registry,
        )
        self._request_s = Histogram(
            "lensong_http_request_duration_seconds",
            "Time from a request to its answer.",
            ["route", "method"],
            buckets=_REQUEST_EDGES_S,
            registry=self.registry,
        )
        self._reports = Counter(
            "lensong_ingest_reports",
            "Reports that clients sent, by what became of them.",
            ["result"],
            registry=self.registry,
        )
        for result in REPORT_RESULTS:
            self._reports.labels(result=result)
        self._verdict_changes = Counter(
            "lensong_verdict_changes",
            "Verdicts that differ from the one before, by the new state.",
            ["state"],
            registry=self.registry,
        )
        for state in READINESS_STATES:
            self._verdict_changes.labels(state=state)
        self._commit_s = Histogram(
            "lensong_writer_commit_duration_seconds",
            "Time of one durable commit of the writer.",
            buckets=_COMMIT_EDGES_S,
            registry=self.registry,
        )
        self._webhooks = Counter(
            "lensong_webhook_deliveries",
            "Attempts to deliver an event to a webhook, by result.",
            ["result"],
            registry=self.registry,
        )
        for result in ("success", "failure"):
            self._webhooks.labels(result=result)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the service and of its process."""
        yield from self.registry.collect()

    def count_request(self, route: str, method: str, code: int, duration_s: float) -> None:
        """Count an answered request.

        Parameters
        ----------
        route : str
            Template of the path, e.g. ``/api/v1/sites/{site_id}``; never the path itself, which
            would make a series of every address that a scanner tries. Empty for no route at all.
        method : str
            An unknown one is counted as ``other``.
        """
        told = method if method in _METHODS else "other"
        place = route or "none"
        self._requests.labels(route=place, method=told, code=str(code)).inc()
        self._request_s.labels(route=place, method=told).observe(duration_s)

    def count_reports(self, result: str, reports: int = 1) -> None:
        """Count reports by result, one of `REPORT_RESULTS`."""
        self._reports.labels(result=result).inc(reports)

    def count_verdict_change(self, state: str) -> None:
        """Count a verdict that differs from the one before, by the new state."""
        self._verdict_changes.labels(state=state).inc()

    def observe_commit(self, duration_s: float) -> None:
        """Count a commit of the writer."""
        self._commit_s.observe(duration_s)

    def count_webhook(self, *, delivered: bool) -> None:
        """Count an attempt to deliver an event."""
        self._webhooks.labels(result="success" if delivered else "failure").inc()

    def watch_writer_queue(self, depth: Callable[[], float]) -> None:
        """Show how many reports wait for the writer; asked at every scrape, in another thread."""
        self._watch("lensong_writer_queue_reports", "Reports that wait for the writer.", depth)

    def watch_uplink_tests(self, running: Callable[[], float]) -> None:
        """Show how many uplink tests run."""
        self._watch("lensong_uplink_tests_running", "Uplink tests that run now.", running)

    def watch_event_listeners(self, connected: Callable[[], float]) -> None:
        """Show how many pages listen to events."""
        self._watch("lensong_event_listeners", "Open streams of server-sent events.", connected)

    def _watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        # made only here: a gauge that nobody feeds would say 0, which is a claim
        Gauge(name, text, registry=self.registry).set_function(value)
