"""Charts as SVG, drawn by the server: they need no script, print well and can be copied."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from lensong.monitoring.metrics.snapshot import SiteSnapshot
from lensong.monitoring.store.measurements import Hour
from lensong.monitoring.streams.health_state import StreamHealth

if TYPE_CHECKING:
    from lensong.monitoring.web.screens.words import Words

__all__ = ["heat_map", "lag_chart", "site_map", "uplink_chart"]

_WIDTH, _HEIGHT = 760, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 14, 30


def uplink_chart(
    hours: Sequence[Hour],
    starts_at: datetime,
    ends_at: datetime,
    required_bps: float | None,
    words: Words,
) -> Markup | None:
    """Return the hourly uplink over time, logarithmic, with what is needed as a line.

    Parameters
    ----------
    hours : sequence of Hour
        Those without a figure are left out.
    required_bps : float, optional
        What the next session needs [bit/s].

    Returns
    -------
    Markup or None
        None where nothing was measured.
    """
    known = [hour for hour in hours if hour.uplink_p10_bps]
    if not known:
        return None
    rates = [float(hour.uplink_p10_bps or 0.0) for hour in known]
    rates += [float(hour.uplink_p50_bps) for hour in known if hour.uplink_p50_bps]
    rates += [required_bps] if required_bps else []
    low = math.floor(math.log10(min(rates)) * 2.0) / 2.0
    high = max(math.ceil(math.log10(max(rates)) * 2.0) / 2.0, low + 0.5)
    span_s = (ends_at - starts_at).total_seconds()

    def x(moment: datetime) -> float:
        share = (moment - starts_at).total_seconds() / span_s
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(rate_bps: float) -> float:
        share = (math.log10(max(rate_bps, 10.0**low)) - low) / (high - low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    parts: list[Markup] = []
    for mbps in _ticks(low, high):
        at = y(mbps * 1e6)
        parts.append(_line(_LEFT, at, _WIDTH - _RIGHT, at, "grid"))
        parts.append(_label(_LEFT - 6, at + 4, words.n(mbps, 0 if mbps >= 1 else 1), "end"))
    parts += _days(starts_at, ends_at, x, words)
    for hour in known:
        at = x(hour.hour_starts_at + timedelta(minutes=30))
        bottom, top = y(float(hour.uplink_p10_bps or 0.0)), None
        if hour.uplink_p50_bps:
            top = y(hour.uplink_p50_bps)
            parts.append(_line(at, bottom, at, top, "spread"))
        parts.append(
            Markup('<circle class="p10" cx="{:.1f}" cy="{:.1f}" r="2.6"/>').format(at, bottom)
        )
    if required_bps:
        at = y(required_bps)
        need = words.t("chart.need", rate=words.mbps(required_bps))
        parts.append(_line(_LEFT, at, _WIDTH - _RIGHT, at, "need"))
        parts.append(_label(_WIDTH - _RIGHT, at - 6, need, "end", "need-text"))
    title = words.t("chart.uplink", n=len(known))
    return _svg(_WIDTH, _HEIGHT, title, parts, words.t("chart.mbps"))


def heat_map(hours: Sequence[Hour], required_bps: float | None, words: Words) -> Markup | None:
    """Return the uplink by local hour of the week, and the same as a table.

    A cell holds the geometric mean of the hours' tenth percentiles in Mbit/s; how far it lies above
    the need is told by depth of colour and, where it falls short, by a stroke.
    """
    sums: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    for hour in hours:
        if hour.uplink_p10_bps:
            local = hour.hour_starts_at.astimezone(words.zone)
            sums[local.weekday(), local.hour].append(math.log10(hour.uplink_p10_bps))
    if not sums:
        return None
    means = {key: 10.0 ** (sum(values) / len(values)) for key, values in sums.items()}
    cell_w, cell_h, left, top = 30, 27, 44, 20
    parts: list[Markup] = []
    for hour_of_day in range(24):
        parts.append(
            _label(left + hour_of_day * cell_w + cell_w / 2, 14, str(hour_of_day), "middle")
        )
    for weekday in range(7):
        parts.append(
            _label(left - 8, top + weekday * cell_h + 18, words.t(f"weekday.{weekday}"), "end")
        )
        for hour_of_day in range(24):
            mean = means.get((weekday, hour_of_day))
            box = (left + hour_of_day * cell_w, top + weekday * cell_h, cell_w - 2, cell_h - 2)
            parts.append(_cell(box, mean, required_bps, words))
    drawn = _svg(left + 24 * cell_w + 4, top + 7 * cell_h + 2, words.t("chart.heat"), parts)
    return Markup("{}<details><summary>{}</summary>{}</details>").format(
        drawn, words.t("chart.as_table"), _heat_table(means, words)
    )


def _cell(
    box: tuple[float, float, float, float],
    mean_bps: float | None,
    required_bps: float | None,
    words: Words,
) -> Markup:
    level = "none"
    if mean_bps is not None:
        ratio = mean_bps / required_bps if required_bps else mean_bps / 2e6
        level = str(sum(ratio >= edge for edge in (1.0, 1.5, 2.0, 4.0)))
    drawn = Markup('<rect class="heat{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        level, *box
    )
    if mean_bps is None:
        return drawn
    middle = box[0] + box[2] / 2, box[1] + box[3] / 2 + 4
    mbps = mean_bps / 1e6
    text = words.n(mbps, 1 if mbps < 9.95 else 0)
    return drawn + _label(*middle, text, "middle", f"heat-text{level}")


def _heat_table(means: dict[tuple[int, int], float], words: Words) -> Markup:
    head = Markup().join(Markup("<th scope=col>{}</th>").format(hour) for hour in range(24))
    rows = Markup().join(
        Markup("<tr><th scope=row>{}</th>{}</tr>").format(
            words.t(f"weekday.{weekday}"),
            Markup().join(
                Markup("<td>{}</td>").format(
                    words.n(means[weekday, hour] / 1e6, 1) if (weekday, hour) in means else "–"
                )
                for hour in range(24)
            ),
        )
        for weekday in range(7)
    )
    return Markup(
        '<div class="scroll" tabindex="0"><table class="small"><caption>{}</caption><thead><tr>'
        "<th></th>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(words.t("chart.heat"), head, rows)


def lag_chart(seen: Sequence[StreamHealth], words: Words) -> Markup | None:
    """Return the media lag of a session over time, with its limits as lines."""
    known = [(health.at, health.lag_s) for health in seen if health.lag_s is not None]
    if len(known) < 2:
        return None
    starts_at, ends_at = known[0][0], known[-1][0]
    span_s = max((ends_at - starts_at).total_seconds(), 1.0)
    high = max(6.0, max(lag for _, lag in known) * 1.1)

    def x(moment: datetime) -> float:
        share = (moment - starts_at).total_seconds() / span_s
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(lag_s: float) -> float:
        return _HEIGHT - _BOTTOM - min(lag_s, high) / high * (_HEIGHT - _TOP - _BOTTOM)

    step = 10.0 ** math.floor(math.log10(high / 3.0))
    step *= next(m for m in (1.0, 2.0, 5.0, 10.0) if high / (step * m) <= 6.0)
    parts: list[Markup] = []
    for count in range(int(high / step) + 1):
        at = y(count * step)
        parts.append(_line(_LEFT, at, _WIDTH - _RIGHT, at, "grid"))
        parts.append(_label(_LEFT - 6, at + 4, words.n(count * step, 0), "end"))
    for limit, kind in ((2.0, "at-risk-line"), (4.0, "need")):
        parts.append(_line(_LEFT, y(limit), _WIDTH - _RIGHT, y(limit), kind))
    path = " ".join(f"{x(at):.1f},{y(lag):.1f}" for at, lag in known)
    parts.append(Markup('<polyline class="curve" points="{}"/>').format(path))
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        moment = starts_at + timedelta(seconds=share * span_s)
        anchor = "start" if share == 0.0 else "end" if share == 1.0 else "middle"
        parts.append(_label(x(moment), _HEIGHT - 10, words.time(moment), anchor))
    worst = words.n(max(lag for _, lag in known), 1)
    return _svg(_WIDTH, _HEIGHT, words.t("chart.lag", worst=worst), parts, words.t("chart.seconds"))


def site_map(sites: Iterable[tuple[SiteSnapshot, str]], words: Words) -> Markup | None:
    """Return where the sites lie, the ones in trouble on top and with their names."""
    placed = [
        (site, state, site.lat_deg, site.lon_deg)
        for site, state in sites
        if site.lat_deg is not None and site.lon_deg is not None
    ]
    if not placed:
        return None
    middle = math.radians(sum(lat for *_, lat, _ in placed) / len(placed))
    spread = [(lon * math.cos(middle), -lat) for *_, lat, lon in placed]
    west, north = min(x for x, _ in spread), min(y for _, y in spread)
    east, south = max(x for x, _ in spread), max(y for _, y in spread)
    width, height, edge = 560.0, 420.0, 40.0
    scale = min(
        (width - 2 * edge) / max(east - west, 0.02), (height - 2 * edge) / max(south - north, 0.02)
    )
    off_x = (width - (east - west) * scale) / 2
    off_y = (height - (south - north) * scale) / 2
    rank = {"not_ready": 3, "at_risk": 2, "unknown": 1}
    order = sorted(range(len(placed)), key=lambda i: rank.get(placed[i][1], 0))
    parts: list[Markup] = []
    for i in order:
        site, state = placed[i][:2]
        at_x, at_y = off_x + (spread[i][0] - west) * scale, off_y + (spread[i][1] - north) * scale
        parts.append(_pin(site, state, at_x, at_y, width, words))
    parts.append(_scale_bar(scale, height))
    return _svg(int(width), int(height), words.t("wall.map"), parts)


def _pin(site: SiteSnapshot, state: str, x: float, y: float, width: float, words: Words) -> Markup:
    from lensong.monitoring.web.screens.rendering import mark

    size = 26 if state in ("not_ready", "at_risk") else 18
    drawn = Markup('<g transform="translate({:.1f} {:.1f})"><title>{}</title>{}</g>').format(
        x - size / 2, y - size / 2, f"{site.name}: {words.t(f'state.{state}')}", mark(state, size)
    )
    if state not in ("not_ready", "at_risk"):
        return drawn
    right = x < width * 0.6
    return drawn + _label(
        x + (size * 0.7 if right else -size * 0.7), y + 6, site.name, "start" if right else "end",
        "pin",
    )  # fmt: skip


def _scale_bar(units_per_degree: float, height: float) -> Markup:
    km = next((km for km in (100, 50, 20, 10, 5, 2, 1) if km / 111.32 * units_per_degree <= 160), 1)
    length = km / 111.32 * units_per_degree
    bottom = height - 14
    return _line(14, bottom, 14 + length, bottom, "bar") + _label(
        20 + length, bottom + 4, f"{km} km", "start"
    )


def _ticks(low: float, high: float) -> list[float]:
    marks = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]
    return [mbps for mbps in marks if low <= math.log10(mbps * 1e6) <= high]


def _days(starts_at: datetime, ends_at: datetime, x: Any, words: Words) -> list[Markup]:
    local = starts_at.astimezone(words.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    days = max(1, (ends_at - starts_at).days)
    step = max(1, round(days / 7))
    drawn: list[Markup] = []
    for count in range(1, days + 1, step):
        moment = local + timedelta(days=count)
        if moment <= ends_at - timedelta(days=step / 3):
            name = f"{moment.day}/{moment.month}"
            drawn.append(_line(x(moment), _TOP, x(moment), _HEIGHT - _BOTTOM, "grid"))
            drawn.append(_label(x(moment), _HEIGHT - 10, name, "middle"))
    return drawn


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
        kind, x1, y1, x2, y2
    )


def _label(x: float, y: float, text: str, anchor: str, kind: str = "") -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, text
    )


def _svg(width: int, height: int, title: str, parts: Iterable[Markup], unit: str = "") -> Markup:
    caption = Markup("<figcaption>{}{}</figcaption>").format(
        title, Markup(' <span class="soft">{}</span>').format(unit) if unit else ""
    )
    return Markup(
        '<figure class="chart"><svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>{}'
        "</figure>"
    ).format(width, height, escape(title), Markup().join(parts), caption)
