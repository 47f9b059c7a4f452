"""What ``lensong probe --watch`` shows while it watches, and at the end."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lensong.cli.console import Console
from lensong.cli.errors import EXIT_BAD_INPUT, EXIT_NO

if TYPE_CHECKING:
    from lensong.monitoring.probe.watching import WatchNews, WatchSummary

__all__ = ["show_watch"]


def show_watch(
    *,
    server: str,
    token: str,
    length: timedelta,
    moving: str,
    queue: Path,
    console: Console,
    as_json: bool,
    quiet: bool,
) -> None:
    """Watch the network of a site for a time and print what the server counted."""
    from lensong.monitoring.clock import SystemClock
    from lensong.monitoring.probe.client import NotMeasuredError
    from lensong.monitoring.probe.modem import read_signal
    from lensong.monitoring.probe.report_queue import ReportQueue
    from lensong.monitoring.probe.watching import watch_network
    from lensong.monitoring.records import Motion

    reports = ReportQueue(queue)
    client_id = reports.client_id
    reports.close()
    seconds = length.total_seconds()
    motion = {"no": Motion.AT_REST, "yes": Motion.MOVING}.get(moving, Motion.UNKNOWN)
    told = _Told(console, seconds)
    with console.working():
        try:
            summary = asyncio.run(
                watch_network(
                    server,
                    token,
                    seconds=seconds,
                    client_id=client_id,
                    clock=SystemClock(),
                    motion=motion,
                    signal=read_signal(),
                    news=told,
                )
            )
        except NotMeasuredError as error:
            click.echo(f"{error.kind}: {error}", err=True)
            raise SystemExit(EXIT_NO) from None
        except KeyboardInterrupt:
            click.echo("interrupted: what was watched until now is kept by the service", err=True)
            raise SystemExit(EXIT_BAD_INPUT) from None
    if as_json:
        click.echo(json.dumps(asdict(summary), ensure_ascii=False))
    elif not quiet:
        click.echo(_words(summary))
    if summary.server is None:
        raise SystemExit(EXIT_NO)


class _Told:
    """Shows how a watch stands, and says when the network goes and comes back."""

    def __init__(self, console: Console, seconds: float) -> None:
        self._console, self._seconds = console, seconds
        self._gone = False

    def __call__(self, news: WatchNews) -> None:
        self._console.progress("watching", min(news.elapsed_s, self._seconds), self._seconds)
        gone = news.gone_s > 0.0
        if gone and not self._gone:
            self._console.say("no answer from the server")
        elif self._gone and not gone:
            self._console.say("the server answers again")
        self._gone = gone


def _words(summary: WatchSummary) -> str:
    server = summary.server
    if server is None:
        return (
            f"sent {summary.sent} messages, {summary.answered} answered; the server was not "
            "reached at the end: what it counted until then is kept"
        )
    outages = [float(length_s) for length_s in server["outages_s"]]
    lines = [
        f"watched      {_span(float(server['watched_s']))}, counted by the server",
        f"  outages    {server['outages']}"
        + (f", {sum(outages):.0f} s together, the longest {max(outages):.0f} s" if outages else ""),
        f"  messages   {server['received']} came, {server['missed']} never did",
    ]
    if summary.slept_s > 0.0:
        lines.append(f"  NOT watched: this machine slept {_span(summary.slept_s)}")
    if summary.connections > 1:
        lines.append(f"  connected {summary.connections} times")
    return "\n".join(lines)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s"
