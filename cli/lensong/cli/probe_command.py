"""``lensong probe``: measure the uplink of this place and report it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lensong.cli.console import Console
from lensong.cli.errors import EXIT_BAD_INPUT, EXIT_NO, explains_errors
from lensong.cli.options import json_option, quiet_option

if TYPE_CHECKING:
    from lensong.monitoring.probe.prober import Probed

__all__ = ["probe"]

_TIMEOUT_S = 30.0


@click.command(short_help="Measure the uplink of this place and report it to the service.")
@click.option("--server", required=True, metavar="URL", help="Address of the service.")
@click.option(
    "--token",
    envvar="LENSONG_TOKEN",
    show_envvar=True,
    help="Token of the site; other users of this machine can see it, so better use the next one.",
)
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the token in its first line.",
)
@click.option(
    "--seconds",
    type=click.Choice(["10", "30", "60"]),
    default="30",
    show_default=True,
    help="Length of the upload; 30 or more can be evidence for a session.",
)
@click.option(
    "--profile",
    metavar="CODE",
    help="Stream profile that the test is for; it stops once every second was above three times "
    "its need.  [default: of the site's next session]",
)
@click.option("--whole", is_flag=True, help="Upload for all of --seconds, whatever is enough.")
@click.option("--once", is_flag=True, help="Test once and end, as without --every.")
@click.option(
    "--watch",
    metavar="DURATION",
    help="Test nothing; watch for 2h, 30m and the like whether the network stays (1 MB an hour).",
)
@click.option(
    "--moving",
    type=click.Choice(["no", "yes", "unknown"]),
    default="unknown",
    show_default=True,
    help="With --watch: whether this machine moves meanwhile.",
)
@click.option("--every", metavar="DURATION", help="Test for ever, once in 30m, 2h and the like.")
@click.option(
    "--quiet-hours",
    metavar="HH:MM-HH:MM",
    help="With --every: no tests in these hours by the local clock.",
)
@click.option(
    "--queue",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of reports that are not delivered yet.  [default: in the user's state folder]",
)
@json_option
@quiet_option
@explains_errors
def probe(
    server: str,
    token: str | None,
    token_file: Path | None,
    seconds: str,
    profile: str | None,
    whole: bool,
    once: bool,
    watch: str | None,
    moving: str,
    every: str | None,
    quiet_hours: str | None,
    queue: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Upload random data to the service for half a minute; the service counts what arrives.

    On a link that carries much more than the stream needs the test ends after 13 s.

    Reports that cannot be delivered wait on the disk and are delivered later, each exactly once.
    A modem that ModemManager knows adds its signal.

    With --watch, one small message a second instead: the service counts for how long the network
    was watched and how often it was away.

    Exit codes: 0 measured; 1 the test failed or was refused; 2 bad input or interrupted.
    """
    import random
    import time
    from functools import partial

    import httpx

    from lensong.cli.watching import show_watch
    from lensong.monitoring.clock import SystemClock
    from lensong.monitoring.probe.client import (
        NotMeasuredError,
        measure_uplink,
        server_address,
    )
    from lensong.monitoring.probe.prober import Prober
    from lensong.monitoring.probe.report_queue import ReportQueue
    from lensong.monitoring.probe.timetable import parse_duration, parse_quiet_hours
    from lensong.propagation.errors import ConfigError

    address = server_address(server)
    interval = None if every is None else parse_duration(every)
    hours = None if quiet_hours is None else parse_quiet_hours(quiet_hours)
    if interval is None and hours is not None:
        raise ConfigError("--quiet-hours is given without --every: add --every, or leave it out")
    if interval is not None and once:
        raise ConfigError("--once and --every are both given: choose one")
    if watch is None and moving != "unknown":
        raise ConfigError("--moving is given without --watch: add --watch, or leave it out")
    if watch is not None and (once or interval is not None):
        raise ConfigError("--watch is given with --once or --every: choose one")
    console = Console(quiet=quiet)
    if watch is not None:
        show_watch(
            server=address,
            token=_token(token, token_file),
            length=parse_duration(watch),
            moving=moving,
            queue=queue or _state_folder() / "probe.sqlite3",
            console=console,
            as_json=as_json,
            quiet=quiet,
        )
        return
    prober = Prober(
        server=address,
        token=_token(token, token_file),
        seconds=int(seconds),
        queue=ReportQueue(queue or _state_folder() / "probe.sqlite3"),
        client=httpx.Client(timeout=_TIMEOUT_S),
        clock=SystemClock(),
        generator=random.Random(),
        measure=partial(measure_uplink, profile=profile, whole=whole),
    )
    with console.working():
        try:
            if interval is None:
                probed = prober.once(console.progress)
            else:
                tests = prober.repeat(every=interval, quiet=hours, wait=time.sleep)
                for probed in tests:
                    _show(probed, console, as_json=as_json, quiet=quiet)
                return
        except KeyboardInterrupt:
            waiting = prober.queue.count(address)
            click.echo(f"interrupted: {waiting} reports wait in the queue", err=True)
            raise SystemExit(EXIT_BAD_INPUT) from None
        finally:
            prober.client.close()
            prober.queue.close()
    _show(probed, console, as_json=as_json, quiet=quiet)
    if isinstance(probed.outcome, NotMeasuredError):
        raise SystemExit(EXIT_NO)


def _token(token: str | None, token_file: Path | None) -> str:
    from lensong.propagation.errors import ConfigError

    if token_file is not None:
        lines = token_file.read_text("utf-8").split()
        token = lines[0] if lines else None
    if not token or not token.strip().isascii() or not token.strip().isprintable():
        raise ConfigError(
            "no token of a site is given: ask the operator of the service for one, and pass it by "
            "--token-file or the variable LENSONG_TOKEN"
        )
    return token.strip()


def _state_folder() -> Path:
    """Return where reports wait: LENSONG_STATE_DIR, systemd's choice, or the platform's custom."""
    for variable in ("LENSONG_STATE_DIR", "STATE_DIRECTORY"):
        if named := os.environ.get(variable):
            return Path(named.split(":")[0])
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "lensong"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "lensong"
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "lensong"


def _show(probed: Probed, console: Console, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        click.echo(json.dumps(_as_json(probed), ensure_ascii=False))
        return
    from lensong.monitoring.probe.client import Measured

    if isinstance(probed.outcome, Measured):
        if not quiet:
            click.echo(_summary(probed))
    else:
        click.echo(f"{probed.outcome.kind}: {probed.outcome}", err=True)
    console.say(_delivery(probed))


def _summary(probed: Probed) -> str:
    report, result = probed.report, dict(getattr(probed.outcome, "result", {}))
    bins = len(result["uplink_bins_bps"])
    lines = [
        f"uplink       {_mbit(result['uplink_p10_bps'])} in nine of ten seconds "
        f"(of {bins}), counted by the server",
        f"  median     {_mbit(result['uplink_p50_bps'])}, lowest {_mbit(result['uplink_min_bps'])}",
        f"  round trip {_number(result.get('rtt_idle_ms'), 'ms')} idle, "
        f"{_number(result.get('rtt_loaded_ms'), 'ms')} under load, "
        f"jitter {_number(result.get('jitter_ms'), 'ms')}",
    ]
    if report.get("loss_ratio") is not None:
        lines.append(f"  sent again {report['loss_ratio']:.1%}")
    if (technology := report.get("technology")) is not None:
        signal = f"  signal     {technology} {report.get('operator', '')}".rstrip()
        lines.append(f"{signal}, RSRP {_number(report.get('rsrp_dbm'), 'dBm')}")
    lines.append(
        f"  spent      {report['sent_bytes'] / 1e6:.1f} MB in {result['duration_s']:.0f} s"
    )
    if not result.get("sustained"):
        lines.append("  too short to be evidence for a session: use --seconds 30 or more")
    if result.get("burst_only"):
        lines.append("  BURST: the first seconds were much faster than the last ones")
    if result.get("rate_limited"):
        lines.append("  the test stopped at its highest rate: the link carries at least this much")
    return "\n".join(lines)


def _delivery(probed: Probed) -> str:
    delivered = probed.delivered
    parts = [f"reports: {delivered.delivered} delivered"]
    if delivered.rejected:
        parts.append(f"{delivered.rejected} refused by the service and set aside")
    if delivered.waiting:
        parts.append(f"{delivered.waiting} wait ({delivered.problem})")
    return ", ".join(parts)


def _as_json(probed: Probed) -> dict[str, Any]:
    from dataclasses import asdict

    from lensong.monitoring.probe.client import Measured

    measured = isinstance(probed.outcome, Measured)
    return {
        "measured": measured,
        "reason": None if measured else str(probed.outcome),
        "retry_after_s": getattr(probed.outcome, "retry_after_s", None),
        "report": probed.report,
        "server_result": dict(getattr(probed.outcome, "result", {})) or None,
        "delivery": asdict(probed.delivered),
    }


def _mbit(bps: float) -> str:
    return f"{bps / 1e6:.2f} Mbit/s"


def _number(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:.0f} {unit}"
