"""``lensong ready``: whether a stream will hold at a site."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lensong.cli.errors import EXIT_NO, explains_errors
from lensong.cli.options import json_option
from lensong.cli.service_access import Remote, Target, target_options

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["ready"]

EXIT_UNKNOWN = 3
_CODES = {"ready": 0, "at_risk": EXIT_NO, "not_ready": EXIT_NO, "unknown": EXIT_UNKNOWN}


@click.command(short_help="Ask whether a livestream will hold; exit code by the answer.")
@click.argument("site")
@click.option("--profile", required=True, help="Stream profile, e.g. tiktok-720p30.")
@click.option("--at", "start", metavar="TIME", help="Start, e.g. 2026-11-28T09:00.  [default: now]")
@click.option("--duration", default="1h", show_default=True, help="Length: 90m, 2h and the like.")
@click.option("--technology", type=click.Choice(["3G", "4G", "5G"]), help="What the phone uses.")
@click.option("--operator", help="Whose SIM is used.")
@click.option(
    "--motion",
    type=click.Choice(["at-rest", "moving"]),
    help="Whether the phone will stand still.  [default: at rest, unless motion was sensed]",
)
@click.option(
    "--language", type=click.Choice(["vi", "en"]), help="Of the answer.  [default: by LANG]"
)
@click.option("--token", envvar="LENSONG_TOKEN", show_envvar=True, help="Token of the site.")
@target_options
@json_option
@explains_errors
def ready(
    site: str,
    profile: str,
    start: str | None,
    duration: str,
    technology: str | None,
    operator: str | None,
    motion: str | None,
    language: str | None,
    token: str | None,
    server: str | None,
    person: str | None,
    password_file: Path | None,
    config_file: Path | None,
    db: str | None,
    as_json: bool,
) -> None:
    """Ask whether a stream at SITE will hold, from the service or out of its database.

    A time without a zone is one of the service's `time_zone`.

    Exit codes: 0 READY; 1 AT RISK or NOT READY; 3 UNKNOWN; 2 bad input.
    """
    from zoneinfo import ZoneInfo

    from lensong.monitoring.probe.timetable import parse_duration
    from lensong.monitoring.records import check_identifier

    target = Target(
        server=server,
        person=person,
        password_file=password_file,
        token=token if server is not None else None,
        db=db,
        config_file=config_file,
    )
    zone = ZoneInfo(target.config().time_zone)
    asked: dict[str, Any] = {
        "profile": check_identifier("profile", profile),
        "duration": parse_duration(duration).total_seconds(),
        "start": _start(start, zone).isoformat(),
    }
    asked |= {"technology": technology} if technology else {}
    asked |= {"operator": operator} if operator else {}
    asked |= {"motion": motion.replace("-", "_")} if motion else {}
    path = f"/api/v1/sites/{check_identifier('site', site)}/readiness"

    async def work(remote: Remote) -> dict[str, Any]:
        return await remote.ask("GET", path, params=asked)

    spoken = language or _language()
    verdict = target.run(work, writes=False, language=spoken)
    if as_json:
        click.echo(json.dumps(verdict, ensure_ascii=False, indent=2))
    else:
        click.echo(_text(verdict, zone, spoken))
    raise SystemExit(_CODES[verdict["state"]])


def _start(text: str | None, zone: ZoneInfo) -> datetime:
    from lensong.monitoring.lists.times import moment

    return datetime.now(zone) if text is None else moment(text, zone)


def _language() -> str:
    """Return the language of the terminal: the first of the variables that is set decides."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if named := os.environ.get(variable):
            return "vi" if named.lower().startswith("vi") else "en"
    return "en"


def _text(verdict: dict[str, Any], zone: ZoneInfo, language: str) -> str:
    from lensong.monitoring.messages import say

    starts, ends = (
        datetime.fromisoformat(verdict[name]).astimezone(zone) for name in ("starts_at", "ends_at")
    )
    percent = verdict["probability_percent"]
    lines = [
        verdict["state_text"] + ("" if percent is None else f" ({percent} %)"),
        "  "
        + say(
            "ready.asked",
            language,
            site=verdict["site_id"],
            profile=verdict["profile_code"],
            start=f"{starts:%Y-%m-%d %H:%M}",
            end=f"{ends:%H:%M}",
            zone=f"UTC{starts:%z}",
        ),
        "  "
        + say(
            "ready.rates",
            language,
            required=_mbit(verdict["uplink_required_bps"], language),
            safe=_mbit(verdict["uplink_safe_bps"], language),
        ),
    ]
    lines += [f"  - {reason['text']}" for reason in verdict["reasons"]]
    if verdict["short_freezes_text"] is not None:
        lines.append(f"  {verdict['short_freezes_text']}")
    if verdict["more_sellers_text"] is not None:
        lines.append(f"  {verdict['more_sellers_text']}")
    if verdict["plans"]:
        lines.append(f"  {say('plan.title', language)}:")
        lines += [f"  * {plan['text']}" for plan in verdict["plans"]]
    return "\n".join(lines)


def _mbit(bps: float | None, language: str) -> str:
    from lensong.coverage.report.messages import number_text

    return "–" if bps is None else f"{number_text(bps / 1e6, 1, language=language)} Mbit/s"
