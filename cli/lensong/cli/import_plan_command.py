"""``lensong import-plan``: what a coverage plan says of the service's sites."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lensong.cli.errors import explains_errors
from lensong.cli.options import json_option
from lensong.cli.service_access import Remote, Target, target_options

if TYPE_CHECKING:
    from lensong.monitoring.map_bases import Outline, PlanGround
    from lensong.monitoring.operations.coverage_run import CoverageRun, SitePredictions
    from lensong.monitoring.operations.plan_streams import SiteStreams
    from lensong.monitoring.web.api.shapes import SiteBody

__all__ = ["import_plan", "sites_of"]

_AT_ONCE = 100


@click.command("import-plan", short_help="Give every site what a coverage plan predicts for it.")
@click.argument("result", type=click.Path(file_okay=False, path_type=Path))
@target_options
@json_option
@explains_errors
def import_plan(result: Path, as_json: bool, **where: Any) -> None:
    """Read level and uplink at every site out of RESULT, a folder that `lensong plan` wrote.

    They replace what older plans said of these sites; sites off the plan's ground, in a void of
    its elevation and beyond the radius of its cells keep what they have. A prediction alone makes
    no site READY: it is where the verdict starts from.

    Which cell serves each site and how many streams hold at once in its village go with them:
    sessions at sites of the same cells know of each other then, and a verdict says how many more
    sellers fit. A plan that has no streams.csv is taken without that, and says so.

    Relief, outlines of the communes that the service has and the classes of the villages go with
    them: the wall shows them under the sites.

    With --server and --person while the service runs, else into its database.
    """
    from lensong.monitoring.operations.coverage_run import read_run
    from lensong.monitoring.operations.plan_ground import ground_of
    from lensong.monitoring.operations.plan_streams import streams_at

    target = Target(**where)
    run = read_run(result)
    ground, outlines = ground_of(run.result)

    async def work(remote: Remote) -> dict[str, Any]:
        sites = [body.record(body.site_id) for body in await sites_of(remote)]
        found = run.predict(sites)
        predicted = {item.site_id for item in found.predictions}
        streams = streams_at(run.result, [site for site in sites if site.site_id in predicted])
        await _send(remote, run, found, streams)
        kept = await _send_ground(remote, ground, outlines)
        return _told(run, found, streams) | {
            "relief": bool(ground.relief_png),
            "outlines": kept["outlines"],
            "unknown_communes": kept["unknown_communes"],
            "villages": len(ground.villages),
        }

    told = target.run(work, writes=True)
    click.echo(json.dumps(told, ensure_ascii=False, indent=2) if as_json else _text(told))


async def sites_of(remote: Remote) -> list[SiteBody]:
    """Return the sites that the person sees."""
    from lensong.monitoring.web.api.shapes import SiteBody

    sites: list[SiteBody] = []
    asked: dict[str, Any] = {"limit": 500}
    while True:
        page = await remote.ask("GET", "/api/v1/sites", params=asked)
        sites += [SiteBody.model_validate(item) for item in page["items"]]
        if page["next_cursor"] is None:
            return sites
        asked["cursor"] = page["next_cursor"]


async def _send(
    remote: Remote, run: CoverageRun, found: SitePredictions, streams: SiteStreams
) -> None:
    plan = run.result
    about = {"computed_at": plan.created_at.isoformat(), "synthetic": plan.synthetic}
    named = list(dict.fromkeys(item.site_id for item in found.predictions))
    for at in range(0, max(len(named), len(found.no_signal), 1), _AT_ONCE):
        part = set(named[at : at + _AT_ONCE])
        await remote.ask(
            "PUT",
            f"/api/v1/coverage-runs/{plan.result_id}/predictions",
            json={
                **about,
                "predictions": [
                    {
                        "site_id": item.site_id,
                        "technology": item.technology,
                        "operator": item.operator,
                        "rsrp_dbm": item.rsrp_dbm,
                        "uplink_p50_bps": item.uplink_p50_bps,
                        "sigma_db": item.sigma_db,
                        "cell_id": item.cell_id,
                        "basis": item.basis,
                    }
                    for item in found.predictions
                    if item.site_id in part
                ],
                "streams": [
                    {
                        "site_id": item.site_id,
                        "service": item.service,
                        "operator": item.operator,
                        "village": item.village,
                        "uplink_bps": item.uplink_bps,
                        "probability": item.probability,
                        "chances": item.chances,
                    }
                    for item in streams.streams
                    if item.site_id in part
                ],
                "no_signal": list(found.no_signal[at : at + _AT_ONCE]),
            },
        )


async def _send_ground(
    remote: Remote, ground: PlanGround, outlines: Sequence[Outline]
) -> dict[str, Any]:
    answer: dict[str, Any] = await remote.ask(
        "PUT",
        f"/api/v1/coverage-runs/{ground.coverage_run}/ground",
        json={
            "title": ground.title,
            "computed_at": ground.computed_at.isoformat(),
            "synthetic": ground.synthetic,
            "edges": asdict(ground.edges),
            "relief_png": b64encode(ground.relief_png).decode("ascii"),
            "outlines": [
                {"commune_code": outline.commune_code, "rings_deg": outline.rings_deg}
                for outline in outlines
            ],
            "service": ground.service,
            "villages": ground.villages,
        },
    )
    return answer


def _told(run: CoverageRun, found: SitePredictions, streams: SiteStreams) -> dict[str, Any]:
    return {
        "run_id": run.result.result_id,
        "title": run.result.title,
        "synthetic": run.result.synthetic,
        "sigma_db": run.result.level_sigma_db,
        "predictions": [
            {
                "site_id": item.site_id,
                "technology": item.technology,
                "operator": item.operator,
                "rsrp_dbm": item.rsrp_dbm,
                "uplink_p50_bps": item.uplink_p50_bps,
                "cell_id": item.cell_id,
                "sigma_db": round(item.sigma_db, 2),
                "basis": item.basis,
            }
            for item in found.predictions
        ],
        "streams_counted": streams.counted,
        "with_streams": sorted({item.site_id for item in streams.streams}),
        "no_village": list(streams.no_village),
        "no_signal": list(found.no_signal),
        "unknown": list(found.unknown),
        "beyond_radius": list(found.beyond_radius),
        "outside": list(found.outside),
        "without_place": list(found.without_place),
    }


def _how_sure(told: dict[str, Any]) -> str:
    sigmas = [item["sigma_db"] for item in told["predictions"]] or [told["sigma_db"]]
    low, high = f"{min(sigmas):.1f}", f"{max(sigmas):.1f}"
    sure = f"levels within {low if low == high else f'{low} to {high}'} dB (one standard deviation)"
    counts = Counter(item["basis"] for item in told["predictions"] if item["basis"])
    return ", ".join([sure, *(f"{count} {basis}" for basis, count in counts.items())])


def _text(told: dict[str, Any]) -> str:
    predicted = {item["site_id"] for item in told["predictions"]}
    sites = "1 site" if len(predicted) == 1 else f"{len(predicted)} sites"
    lines = [f"{told['title']} ({told['run_id']}): {sites} predicted, {_how_sure(told)}"]
    if told["synthetic"]:
        lines.append("  SYNTHETIC  invented data, no real place")
    for key, what in (
        ("no_signal", "no cell of the plan reaches"),
        (
            "unknown",
            "unknown, nothing was computed: the elevation has a void there or on the way",
        ),
        ("beyond_radius", "beyond the radius of every cell, where nothing was computed"),
        ("outside", "off the plan's ground"),
        ("without_place", "without coordinates"),
        ("no_village", "no village of the plan within 2 km, so no streams at once"),
    ):
        if told[key]:
            lines.append(f"  {what}: {', '.join(told[key])}")
    if told["streams_counted"]:
        lines.append(f"  streams at once: {len(told['with_streams'])} of them")
    else:
        lines.append(
            "  the plan counts no streams at once (it has no streams.csv): sessions at once are "
            "judged by what was measured; plan again with streams.most above 0 to have them"
        )
    relief = "relief and " if told["relief"] else ""
    lines.append(
        f"  map: {relief}{told['villages']} villages by class, outlines of "
        f"{len(told['outlines'])} communes"
    )
    if not told["relief"]:
        lines.append("  no relief: the plan is of an older version; plan again to have it")
    if told["unknown_communes"]:
        lines.append(
            f"  communes that the service does not have: {', '.join(told['unknown_communes'])}; "
            "take them in with `lensong import communes` out of villages.gpkg, then import again"
        )
    return "\n".join(lines)
