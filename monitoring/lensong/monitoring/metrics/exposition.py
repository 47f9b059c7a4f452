"""Pages for Prometheus: rendered in a thread, one at a time, kept for a few seconds."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from enum import StrEnum
from itertools import chain

from lensong.monitoring.clock import Clock
from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.live.snapshot import ServiceSnapshot, SiteSnapshot
from lensong.monitoring.metrics.collector import SnapshotCollector
from lensong.monitoring.metrics.own_counters import ServiceMetrics
from lensong.monitoring.metrics.probe import failed_probe, probe_metrics
from lensong.monitoring.metrics.shared_result import SharedResult
from lensong.monitoring.metrics.text import OPENMETRICS_TYPE, TEXT_TYPE, write_text
from lensong.monitoring.records import StreamProfile

__all__ = ["Exposition", "Page", "Part", "accepts"]

_MOST_PAGES = 16
_GZIP_LEVEL = 1  # 18 times smaller already; 6 takes twice as long for a seventh less


class Part(StrEnum):
    """What stands on a page of metrics."""

    ALL = "all"
    SITES = "sites"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page as it goes out."""

    body: bytes
    content_type: str
    content_encoding: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    part: Part
    communes: frozenset[str]
    openmetrics: bool
    gzipped: bool


class Exposition:
    """What Prometheus reads of the service.

    Parameters
    ----------
    snapshot : callable
        What is known now. Called in a thread, never twice at once, at most every `cache_s`.
    cache_s : float
        How long a snapshot and the pages made of it are handed out [s].
    service : ServiceMetrics, optional
        What the service counts of itself.
    zone, public_url : tzinfo, str
        How the next sessions are told (`next_sessions`).
    """

    def __init__(
        self,
        snapshot: Callable[[], ServiceSnapshot],
        clock: Clock,
        cache_s: float = 5.0,
        *,
        service: ServiceMetrics | None = None,
        zone: tzinfo = UTC,
        public_url: str = "",
    ) -> None:
        self._clock, self._service = clock, service
        self._zone, self._public_url = zone, public_url
        self._rendering = asyncio.Lock()
        self._paged: ServiceSnapshot | None = None
        self._pages: dict[_Key, SharedResult[Page]] = {}

        async def take() -> ServiceSnapshot:
            return await asyncio.to_thread(snapshot)

        self._snapshot = SharedResult(take, clock, cache_s)

    async def current(self) -> ServiceSnapshot:
        """Return the snapshot that pages are made of, at most `cache_s` old."""
        return await self._snapshot.get()

    async def site(self, site_id: str) -> SiteSnapshot:
        """Return a site out of the snapshot, or raise `NotFoundError`."""
        for site in (await self.current()).sites:
            if site.site_id == site_id:
                return site
        raise NotFoundError(
            f"no site {site_id[:80]!r}: GET /api/v1/sd/prometheus lists the targets"
        )

    async def page(
        self,
        *,
        part: Part = Part.ALL,
        communes: Collection[str] = (),
        accept: str = "",
        accept_encoding: str = "",
    ) -> Page:
        """Return the metrics of all sites and of the service, or a part of them.

        Parameters
        ----------
        communes : collection of str
            Codes: only their sites, and nothing of the service, so that several scrapes can share
            the work without telling anything twice.
        accept, accept_encoding : str
            Headers of the request: OpenMetrics and gzip are given to who names them.

        Raises
        ------
        NotFoundError
            A commune has no site.
        """
        key = _Key(
            part=Part.SITES if communes and part is Part.ALL else part,
            communes=frozenset(communes),
            openmetrics=accepts(accept, "application/openmetrics-text"),
            gzipped=accepts(accept_encoding, "gzip"),
        )
        snapshot = await self.current()
        if snapshot is not self._paged:
            self._paged, self._pages = snapshot, {}
        if key not in self._pages:
            while len(self._pages) >= _MOST_PAGES:
                del self._pages[next(iter(self._pages))]
            self._pages[key] = SharedResult(lambda: self._render(key, snapshot), self._clock)
        return await self._pages[key].get()

    async def probe(
        self,
        site_id: str,
        profile: StreamProfile,
        *,
        limit_s: float | None = None,
        accept: str = "",
        accept_encoding: str = "",
    ) -> Page:
        """Return what is known of a site, judged by what a stream profile needs.

        Nothing is measured for it. A scrape that would come too late gets a failed probe in time.

        Parameters
        ----------
        limit_s : float, optional
            When the scraper gives up [s].

        Raises
        ------
        NotFoundError
            There is no such site.
        """
        began_s = self._clock.monotonic_s()
        try:
            async with asyncio.timeout(limit_s):
                site = await self.site(site_id)
        except TimeoutError:
            metrics = list(failed_probe(self._clock.monotonic_s() - began_s))
        else:
            took_s = self._clock.monotonic_s() - began_s
            metrics = list(probe_metrics(site, profile, self._clock.now(), took_s))
        openmetrics = accepts(accept, "application/openmetrics-text")
        return _packed(
            write_text(metrics, openmetrics=openmetrics),
            openmetrics=openmetrics,
            gzipped=accepts(accept_encoding, "gzip"),
        )

    async def _render(self, key: _Key, snapshot: ServiceSnapshot) -> Page:
        async with self._rendering:
            return await asyncio.to_thread(self._rendered, key, snapshot)

    def _rendered(self, key: _Key, snapshot: ServiceSnapshot) -> Page:
        if key.communes:
            missing = key.communes - {site.commune_code for site in snapshot.sites}
            if missing:
                raise NotFoundError(
                    f"no site in commune {min(missing)[:80]!r}: give codes of communes with sites"
                )
            chosen = tuple(site for site in snapshot.sites if site.commune_code in key.communes)
            snapshot = replace(snapshot, sites=chosen)
        service = self._service if key.part is not Part.SITES else None
        if key.part is Part.SERVICE:
            snapshot = replace(snapshot, sites=())
        if key.part is Part.SITES:  # outages are no site's: they stand once, beside the service
            snapshot = replace(snapshot, outages=())
        # one metric at a time: not all of them need to be in memory
        metrics = chain(
            service.collect() if service is not None else (),
            SnapshotCollector(
                snapshot, self._clock.now(), zone=self._zone, public_url=self._public_url
            ).collect(),
        )
        body = write_text(metrics, openmetrics=key.openmetrics)
        return _packed(body, openmetrics=key.openmetrics, gzipped=key.gzipped)


def accepts(header: str, wanted: str) -> bool:
    """Return whether a header of the ``Accept`` kind names something, not with weight 0.

    Examples
    --------
    >>> accepts("gzip;q=0, br", "gzip"), accepts("deflate, gzip;q=0.5", "gzip")
    (False, True)
    """
    for entry in header.split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        if name.lower() == wanted:
            weights = [p.partition("=")[2] for p in parameters if p.lower().startswith("q=")]
            return not weights or weights[0].strip(" 0.") != ""
    return False


def _packed(body: bytes, *, openmetrics: bool, gzipped: bool) -> Page:
    return Page(
        body=gzip.compress(body, _GZIP_LEVEL, mtime=0) if gzipped else body,
        content_type=OPENMETRICS_TYPE if openmetrics else TEXT_TYPE,
        content_encoding="gzip" if gzipped else None,
    )
