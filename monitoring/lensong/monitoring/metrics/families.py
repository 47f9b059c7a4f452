"""The table of metrics: name, type, meaning, and where in a site's snapshot the values stand.

Units are Prometheus' base units: bytes per second (not bits), seconds, ratios of 1.

References
----------
.. [1] Prometheus, "Metric and label naming" and "Instrumentation" (cardinality).
.. [2] OpenMetrics 1.0, section 5 (metric types; exactly one state of a set is 1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lensong.monitoring.live.snapshot import SiteSnapshot, StreamSnapshot, WatchSnapshot

__all__ = ["FAMILIES", "PROBE_RESULTS", "READINESS_STATES", "Family", "Reading"]

READINESS_STATES = ("ready", "at_risk", "not_ready", "unknown")
PROBE_RESULTS = ("success", "failure", "refused", "aborted")

Reading = tuple[Mapping[str, str], float | None]
"""Labels besides the site, and the value; None is absent from the output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric of every site.

    Parameters
    ----------
    name : str
        Without the ending that its type brings (``_total``, ``_info``).
    read : callable
        From a site, as it stands now, to its readings.
    """

    name: str
    kind: Literal["gauge", "counter", "info", "summary"]
    help: str
    read: Callable[[SiteSnapshot], Iterable[Reading]]


def _gauge(name: str, text: str, value: Callable[[SiteSnapshot], float | None]) -> Family:
    return Family(name=name, kind="gauge", help=text, read=lambda site: (({}, value(site)),))


def _counter(name: str, text: str, value: Callable[[SiteSnapshot], float | None]) -> Family:
    return Family(name=name, kind="counter", help=text, read=lambda site: (({}, value(site)),))


def _bytes(bits: float | None) -> float | None:
    return None if bits is None else bits / 8.0


def _unix_s(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _number(flag: bool | None) -> float | None:
    return None if flag is None else float(flag)


def _streams(site: SiteSnapshot) -> Iterable[tuple[dict[str, str], StreamSnapshot]]:
    """Yield the streams of a site with the label of their lane."""
    for lane in site.lanes or (site,):
        if lane.stream is not None:
            yield {"lane": str(lane.lane or 1)}, lane.stream


def _of_streams(
    name: str,
    text: str,
    value: Callable[[StreamSnapshot], float | None],
    kind: Literal["gauge", "counter"] = "gauge",
) -> Family:
    return Family(
        name=name,
        kind=kind,
        help=text,
        read=lambda site: ((labels, value(stream)) for labels, stream in _streams(site)),
    )


def _while_up(
    value: Callable[[StreamSnapshot], float | None],
) -> Callable[[StreamSnapshot], float | None]:
    return lambda stream: value(stream) if stream.up else None


def _of_watch(value: Callable[[WatchSnapshot], float | None]) -> Callable[..., float | None]:
    return lambda site: None if site.watch is None else value(site.watch)


def _watch_up(watch: WatchSnapshot) -> float | None:
    return None if watch.state == "not_watched" else float(watch.state != "gone")


def _info(site: SiteSnapshot) -> Iterable[Reading]:
    labels = {
        "site_name": site.name,
        "commune": site.commune_code,
        "commune_name": site.commune_name,
        "province": site.province_code,
        "province_name": site.province_name,
        "operator": site.operator or "",
        "rat": site.technology or "",
        "profile": site.profile_code or "",
        "synthetic": "true" if site.synthetic else "false",
    }
    return ((labels, 1.0),)


def _readiness(site: SiteSnapshot) -> Iterable[Reading]:
    known = site.readiness_state if site.readiness_state in READINESS_STATES else "unknown"
    return [({"state": state}, float(state == known)) for state in READINESS_STATES]


def _measured(site: SiteSnapshot) -> Iterable[Reading]:
    yield {"quantile": "0.1"}, _bytes(site.uplink_p10_bps)
    yield {"quantile": "0.5"}, _bytes(site.uplink_p50_bps)


def _predicted(site: SiteSnapshot) -> Iterable[Reading]:
    yield {"quantile": "0.1"}, _bytes(site.uplink_predicted_p10_bps)
    yield {"quantile": "0.5"}, _bytes(site.uplink_predicted_p50_bps)


def _probes(site: SiteSnapshot) -> Iterable[Reading]:
    return [({"result": result}, site.probes.get(result, 0)) for result in PROBE_RESULTS]


def _last_rtt(site: SiteSnapshot) -> Iterable[Reading]:
    yield {"load": "idle"}, site.rtt_idle_s
    yield {"load": "loaded"}, site.rtt_loaded_s


def _loss(site: SiteSnapshot) -> Iterable[Reading]:
    yield {"direction": "up"}, site.loss_up_ratio


def _received(site: SiteSnapshot) -> Iterable[Reading]:
    for lane, stream in _streams(site):
        if stream.received_audio_bytes is None and stream.received_video_bytes is None:
            # most media servers tell one total; never beside its parts, which a sum would double
            yield lane | {"media": "all"}, stream.received_bytes
        yield lane | {"media": "audio"}, stream.received_audio_bytes
        yield lane | {"media": "video"}, stream.received_video_bytes


def _frames_dropped(site: SiteSnapshot) -> Iterable[Reading]:
    # no collector's source tells the reason today; the label keeps the name from changing then
    for lane, stream in _streams(site):
        yield lane | {"reason": "unknown"}, stream.frames_dropped


def _notices(site: SiteSnapshot) -> Iterable[Reading]:
    return [({"kind": kind}, 1.0) for kind in sorted({n.kind.value for n in site.notices})]


def _rsrp(site: SiteSnapshot) -> Iterable[Reading]:
    yield {"rat": site.technology or "unknown"}, site.rsrp_dbm


def _sinr(site: SiteSnapshot) -> Iterable[Reading]:
    yield {"rat": site.technology or "unknown"}, site.sinr_db


FAMILIES = (
    Family(
        name="lensong",
        kind="info",
        help="What a site is: join with it on (instance, site).",
        read=_info,
    ),
    Family(
        name="lensong_readiness_state",
        kind="gauge",
        help="Verdict for the next session, of several the worst: exactly one state is 1.",
        read=_readiness,
    ),
    _gauge(
        "lensong_ready_probability_ratio",
        "Probability that the uplink holds the next session.",
        lambda site: site.ready_probability,
    ),
    _gauge(
        "lensong_uplink_required_bytes_per_second",
        "Uplink that the next session needs, container and headers included.",
        lambda site: _bytes(site.uplink_required_bps),
    ),
    _gauge(
        "lensong_uplink_safe_bytes_per_second",
        "Calibrated lower bound of the uplink during the next session.",
        lambda site: _bytes(site.uplink_safe_bps),
    ),
    _gauge(
        "lensong_more_sellers",
        "How many more sellers fit beside the next or current sessions; absent if not known.",
        lambda site: site.more_sellers,
    ),
    _gauge(
        "lensong_more_sellers_until_timestamp_seconds",
        "Until when they fit, in Unix time.",
        lambda site: _unix_s(site.more_sellers_until),
    ),
    Family(
        name="lensong_uplink_throughput_bytes_per_second",
        kind="summary",  # of quantiles alone: promtool wants that label on no other type
        help="Uplink in the last successful active test, by quantile of its one-second means.",
        read=_measured,
    ),
    Family(
        name="lensong_uplink_predicted_bytes_per_second",
        kind="summary",
        help="Uplink that the coverage plan predicts, by quantile.",
        read=_predicted,
    ),
    _gauge(
        "lensong_probe_success",
        "Whether the last active test worked (1) or not (0).",
        lambda site: _number(site.probe_succeeded),
    ),
    Family(
        name="lensong_probes",
        kind="counter",
        help="Active tests by result.",
        read=_probes,
    ),
    _gauge(
        "lensong_probe_duration_seconds",
        "How long the last active test took.",
        lambda site: site.probe_duration_s,
    ),
    _counter(
        "lensong_probe_sent_bytes",
        "Data spent on active tests.",
        lambda site: site.probe_sent_bytes,
    ),
    _gauge(
        "lensong_probe_last_attempt_timestamp_seconds",
        "When the last active test was tried, in Unix time.",
        lambda site: _unix_s(site.probe_last_attempt_at),
    ),
    _gauge(
        "lensong_probe_last_success_timestamp_seconds",
        "When the last active test worked, in Unix time.",
        lambda site: _unix_s(site.probe_last_success_at),
    ),
    Family(
        name="lensong_probe_rtt_seconds",
        kind="gauge",
        help="Round trip in the last successful active test, idle and under upload.",
        read=_last_rtt,
    ),
    _gauge(
        "lensong_jitter_seconds",
        "Mean absolute difference of consecutive round trips in the last successful test.",
        lambda site: site.jitter_s,
    ),
    Family(
        name="lensong_packet_loss_ratio",
        kind="gauge",
        help="Packets lost in the last successful test, where they were really counted.",
        read=_loss,
    ),
    _of_streams(
        "lensong_stream_up",
        "Whether a publisher is connected to the media server (1) or not (0).",
        lambda stream: _number(stream.up),
    ),
    _of_streams(
        "lensong_stream_source_up",
        "Whether the media server or encoder tells its figures (1) or not (0).",
        lambda stream: float(stream.up is not None),
    ),
    Family(
        name="lensong_stream_received_bytes",
        kind="counter",
        help="Media bytes that the media server received from the publisher.",
        read=_received,
    ),
    _of_streams(
        "lensong_stream_lag_seconds",
        "Wall clock minus media time since the publisher connected.",
        _while_up(lambda stream: stream.lag_s),
    ),
    _of_streams(
        "lensong_stream_frames",
        "Video frames that arrived.",
        lambda stream: stream.frames,
        "counter",
    ),
    Family(
        name="lensong_stream_frames_dropped",
        kind="counter",
        help="Video frames that were dropped, by reason where the source tells.",
        read=_frames_dropped,
    ),
    _of_streams(
        "lensong_stream_frame_rate_hertz",
        "Video frames per second that arrive.",
        _while_up(lambda stream: stream.frame_rate_hz),
    ),
    _of_streams(
        "lensong_stream_keyframe_interval_seconds",
        "Time between key frames.",
        _while_up(lambda stream: stream.keyframe_interval_s),
    ),
    _of_streams(
        "lensong_stream_reconnects",
        "How often the publisher came back.",
        lambda stream: stream.reconnects,
        "counter",
    ),
    _gauge(
        "lensong_watch_network_up",
        "Whether a light watch hears the network (1) or nothing (0); absent while nobody watches.",
        _of_watch(_watch_up),
    ),
    _gauge(
        "lensong_watch_rtt_seconds",
        "The last round trip of a light watch.",
        _of_watch(lambda watch: watch.rtt_s),
    ),
    _counter(
        "lensong_watch_watched_seconds",
        "Time for which the network was watched.",
        _of_watch(lambda watch: watch.watched_s),
    ),
    _counter(
        "lensong_watch_outages",
        "Times that nothing came for 2 s or more while it was watched.",
        _of_watch(lambda watch: watch.outages),
    ),
    _counter(
        "lensong_watch_outage_seconds",
        "How long nothing came in them.",
        _of_watch(lambda watch: watch.outage_s),
    ),
    _gauge(
        "lensong_session_start_timestamp_seconds",
        "When the next or current session starts, in Unix time.",
        lambda site: _unix_s(site.session_starts_at),
    ),
    Family(
        name="lensong_notice_active",
        kind="gauge",
        help="People know of the site's trouble, planned it or muted it (1); absent otherwise.",
        read=_notices,
    ),
    _gauge(
        "lensong_operator_outage_member",
        "The site fell together with others of its operator and is not back (1); absent otherwise.",
        lambda site: None if site.outage is None else 1.0,
    ),
    Family(
        name="lensong_radio_rsrp_dbm",
        kind="gauge",
        help="Received level that the client last reported.",
        read=_rsrp,
    ),
    Family(
        name="lensong_radio_sinr_db",
        kind="gauge",
        help="Signal to interference and noise that the client last reported.",
        read=_sinr,
    ),
    _gauge(
        "lensong_edge_queue_reports",
        "Reports that the client holds and could not deliver yet.",
        lambda site: site.edge_queue_reports,
    ),
    _gauge(
        "lensong_edge_oldest_report_timestamp_seconds",
        "When the oldest report that the client holds was made, in Unix time.",
        lambda site: _unix_s(site.edge_oldest_report_at),
    ),
)
