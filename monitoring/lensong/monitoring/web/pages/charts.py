"""Charts as SVG, drawn by the server: they need no script, print well and can be copied."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from lensong.monitoring.store.measurements import Hour
from lensong.monitoring.streams.health_state import StreamHealth
from lensong.monitoring.streams.limits import StreamLimits

if TYPE_CHECKING:
    from lensong.monitoring.web.pages.words import Words

__all__ = ["figure", "heat_map", "label", "lag_chart", "line", "uplink_chart"]

_WIDTH, _HEIGHT = 760, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 14, 30

_HEAT_EDGES = (1.0, 1.5, 2.0, 4.0)
"""Between the colours of the heat map, as multiples of the need."""

_USUAL_NEED_BPS = 2.8e6
"""What a picture of 720 lines takes: the measure where no session is planned [bit/s]."""

_GAP = timedelta(seconds=30)
"""Looks at a stream that lie further apart are not joined by a line."""


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
        Failed tests are crosses at the bottom.
    required_bps : float, optional
        What the next session needs [bit/s].

    Returns
    -------
    Markup or None
        None where nothing was measured.
    """
    known = [hour for hour in hours if hour.uplink_p10_bps]
    failed = [hour for hour in hours if hour.failures]
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
        parts.append(line(_LEFT, at, _WIDTH - _RIGHT, at, "grid"))
        parts.append(
            label(
                _LEFT - 6,
                at + 4,
                words.n(mbps, 0 if mbps >= 1.0 else 2 if mbps < 0.1 else 1),
                "end",
            )
        )
    parts += _days(starts_at, ends_at, x, words)
    for hour in known:
        at = x(hour.hour_starts_at + timedelta(minutes=30))
        bottom, top = y(float(hour.uplink_p10_bps or 0.0)), None
        if hour.uplink_p50_bps:
            top = y(hour.uplink_p50_bps)
            parts.append(line(at, bottom, at, top, "spread"))
        parts.append(
            Markup('<circle class="p10" cx="{:.1f}" cy="{:.1f}" r="2.6"/>').format(at, bottom)
        )
    for hour in failed:
        at, bottom = x(hour.hour_starts_at + timedelta(minutes=30)), _HEIGHT - _BOTTOM - 5.0
        parts.append(
            Markup('<path class="failed" d="M{:.1f} {:.1f}l8 8m0-8l-8 8"/>').format(
                at - 4.0, bottom - 4.0
            )
        )
    if required_bps:
        at = y(required_bps)
        need = words.t("chart.need", rate=words.mbps(required_bps))
        parts.append(line(_LEFT, at, _WIDTH - _RIGHT, at, "need"))
        parts.append(label(_WIDTH - _RIGHT, at - 6, need, "end", "need-text"))
    title = words.t("chart.uplink", n=len(known))
    if failed:
        title += " " + words.t("chart.failed", n=sum(hour.failures for hour in failed))
    return figure(_WIDTH, _HEIGHT, title, parts, words.t("chart.mbps"))


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
    height = top + 7 * cell_h
    parts: list[Markup] = []
    for hour_of_day in range(24):
        parts.append(
            label(left + hour_of_day * cell_w + cell_w / 2, 14, str(hour_of_day), "middle")
        )
    for weekday in range(7):
        parts.append(
            label(left - 8, top + weekday * cell_h + 18, words.t(f"weekday.{weekday}"), "end")
        )
        for hour_of_day in range(24):
            mean = means.get((weekday, hour_of_day))
            box = (left + hour_of_day * cell_w, top + weekday * cell_h, cell_w - 2, cell_h - 2)
            parts.append(_cell(box, mean, required_bps, words))
    parts += _heat_legend(left, height + 10, required_bps, words)
    drawn = figure(left + 24 * cell_w + 4, height + 32, words.t("chart.heat"), parts)
    return Markup('{}<details data-name="heat"><summary>{}</summary>{}</details>').format(
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
        need_bps = required_bps or _USUAL_NEED_BPS
        level = str(sum(mean_bps >= edge * need_bps for edge in _HEAT_EDGES))
    drawn = Markup('<rect class="heat{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        level, *box
    )
    if mean_bps is None:
        return drawn
    middle = box[0] + box[2] / 2, box[1] + box[3] / 2 + 4
    mbps = mean_bps / 1e6
    text = words.n(mbps, 1 if mbps < 9.95 else 0)
    return drawn + label(*middle, text, "middle", f"heat-text{level}")


def _heat_legend(
    left: float, top: float, required_bps: float | None, words: Words
) -> Iterable[Markup]:
    need_bps = required_bps or _USUAL_NEED_BPS
    edges = [words.mbps(edge * need_bps).removesuffix("\u00a0Mbit/s") for edge in _HEAT_EDGES]
    texts = [f"< {edges[0]}"]
    texts += [f"{low}–{high}" for low, high in pairwise(edges)]
    texts.append(f"≥ {edges[-1]} Mbit/s")
    for level, text in enumerate(texts):
        x = left + level * 110
        yield Markup('<rect class="heat{}" x="{}" y="{}" width="16" height="14"/>').format(
            level, x, top
        )
        yield label(x + 22, top + 12, text, "start")


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
        '<div class="scroll" tabindex="0" role="region" aria-label="{0}"><table class="small">'
        "<caption>{0}</caption><thead><tr><td></td>{1}</tr></thead><tbody>{2}</tbody></table></div>"
    ).format(words.t("chart.heat"), head, rows)


def lag_chart(seen: Sequence[StreamHealth], words: Words) -> Markup | None:
    """Return the media lag of a session over time, with its limits as lines.

    Where nothing was known the line is broken; while nobody published there is a bar at the top.
    """
    known = [(health.at, health.lag_s) for health in seen if health.lag_s is not None]
    if len(known) < 2:
        return None
    starts_at, ends_at = seen[0].at, seen[-1].at
    span_s = max((ends_at - starts_at).total_seconds(), 1.0)
    worst_s, limits = max(lag for _, lag in known), StreamLimits()
    high = max(1.5 * limits.not_ok_lag_s, worst_s * 1.1)

    def x(moment: datetime) -> float:
        share = (moment - starts_at).total_seconds() / span_s
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(lag_s: float) -> float:
        return _HEIGHT - _BOTTOM - lag_s / high * (_HEIGHT - _TOP - _BOTTOM)

    step = 10.0 ** math.floor(math.log10(high / 3.0))
    step *= next(m for m in (1.0, 2.0, 5.0, 10.0) if high / (step * m) <= 6.0)
    parts: list[Markup] = []
    for count in range(int(high / step) + 1):
        at = y(count * step)
        parts.append(line(_LEFT, at, _WIDTH - _RIGHT, at, "grid"))
        parts.append(label(_LEFT - 6, at + 4, words.n(count * step), "end"))
    for limit_s, kind in ((limits.at_risk_lag_s, "at-risk-line"), (limits.not_ok_lag_s, "need")):
        parts.append(line(_LEFT, y(limit_s), _WIDTH - _RIGHT, y(limit_s), kind))
    for stretch in _stretches(seen):
        points = " ".join(f"{x(at):.1f},{y(lag):.1f}" for at, lag in stretch)
        parts.append(Markup('<polyline class="curve" points="{}"/>').format(points))
    for before, after in pairwise(seen):
        if before.state == "down":
            parts.append(line(x(before.at), _TOP, x(after.at), _TOP, "down-bar"))
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        moment = starts_at + timedelta(seconds=share * span_s)
        anchor = "start" if share == 0.0 else "end" if share == 1.0 else "middle"
        form = "%H:%M" if span_s >= 600.0 else "%H:%M:%S"
        parts.append(
            label(x(moment), _HEIGHT - 10, moment.astimezone(words.zone).strftime(form), anchor)
        )
    title = words.t(
        "chart.lag",
        worst_s=worst_s,
        at_risk_s=limits.at_risk_lag_s,
        not_ok_s=limits.not_ok_lag_s,
    )
    return figure(_WIDTH, _HEIGHT, title, parts, words.t("chart.seconds"))


def _stretches(seen: Sequence[StreamHealth]) -> list[list[tuple[datetime, float]]]:
    stretches: list[list[tuple[datetime, float]]] = [[]]
    last: datetime | None = None
    for health in seen:
        if health.lag_s is None or (last is not None and health.at - last > _GAP):
            stretches.append([])
        if health.lag_s is not None:
            stretches[-1].append((health.at, health.lag_s))
        last = health.at
    return [stretch for stretch in stretches if stretch]


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
            drawn.append(line(x(moment), _TOP, x(moment), _HEIGHT - _BOTTOM, "grid"))
            drawn.append(label(x(moment), _HEIGHT - 10, name, "middle"))
    return drawn


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """Return a line of a kind that the style sheet knows."""
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
        kind, x1, y1, x2, y2
    )


def label(x: float, y: float, text: str, anchor: str, kind: str = "") -> Markup:
    """Return text at a place."""
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, text
    )


def figure(width: int, height: int, title: str, parts: Iterable[Markup], unit: str = "") -> Markup:
    """Return a drawing with its caption, which is also what screen readers say of it."""
    caption = Markup("<figcaption>{}{}</figcaption>").format(title, f" · {unit}" if unit else "")
    return Markup(
        '<figure class="chart"><div class="drawn" tabindex="0" role="group" aria-label="{0}">'
        '<svg viewBox="0 0 {1} {2}" role="img" aria-label="{0}">{3}</svg></div>{4}</figure>'
    ).format(escape(title), width, height, Markup().join(parts), caption)
