"""A path, and the ranking of cells at a place, as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from lensong.coverage.path.budget import BudgetRow, ServiceMargin
from lensong.coverage.path.levels import CellLevel
from lensong.coverage.path.line import End, Line
from lensong.coverage.path.losses import ModelLoss
from lensong.coverage.path.study import PathStudy
from lensong.coverage.path.words import edge_told, headline, shortly, sight_told

__all__ = ["path_text", "ranking_text"]


def path_text(study: PathStudy) -> str:
    """Return everything that a study found, in lines."""
    line = study.line
    first = line.tx.name or "the first end"
    lines = [
        headline(study),
        f"  from       {_end(line.tx, line.samples.terrain_amsl_m[0])}",
        f"  to         {_end(line.rx, line.samples.terrain_amsl_m[-1])}",
        f"  air        Delta-N {study.settings.delta_n_per_km:g} N-units/km, loss not exceeded for "
        f"{study.settings.time_percent:g} % of the time, {study.settings.polarization}",
        "",
        "WHAT STANDS IN THE WAY",
        f"  median k = {study.median.k:.3f}: {sight_told(study.median)}",
        f"    {edge_told(study.median, from_name=first, cover=study.cover_at_edge)}",
        *_horizons(study, line),
        f"  low k = {study.low.k:.3f}: {sight_told(study.low)}",
        f"    {edge_told(study.low, from_name=first, cover=study.cover_at_low_edge)}",
        f"  Earth bulge at mid-path: {_bulge(line, study.median.k):.1f} m at median k, "
        f"{_bulge(line, study.low.k):.1f} m at low k",
        "",
        "PATH LOSS",
        *_losses(study.losses),
    ]
    if study.level is not None:
        lines += ["", *_cell(study.level)]
    if study.budget is not None:
        budget = study.budget
        lines += ["", "DOWNLINK", *_rows(budget.down), "", "UPLINK", *_rows(budget.up)]
        lines += ["", *_services(budget.services, budget.sigma_db)]
    if study.notes:
        lines += ["", "NOTES", *(f"- {note}" for note in study.notes)]
    return "\n".join(lines)


def ranking_text(place: End, found: Sequence[CellLevel], without: Sequence[str]) -> str:
    """Return the cells that reach a place, the strongest first, with what decides each."""
    lines = [f"{len(found)} cells reach {place.told()}, the strongest first"]
    if found:
        width = max(len(level.cell.cell_id) for level in found)
        lines.append(
            f"{'':>4}{'cell':<{width}}{'RSRP':>9}{'loss':>8}{'km':>7}{'off beam':>10}  what decides"
        )
        for number, level in enumerate(found, start=1):
            lines.append(
                f"{number:>3} {level.cell.cell_id:<{width}}{level.rsrp_dbm:>9.1f}"
                f"{level.loss.path_loss_db:>8.1f}{level.line.path_m / 1000.0:>7.2f}"
                f"{level.off_beam_db:>10.1f}  {shortly(level)}"
            )
    if without:
        lines += ["", "NO PATH", *(f"- {reason}" for reason in without)]
    return "\n".join(lines)


def _end(end: End, ground_amsl_m: float) -> str:
    name = f"{end.name}, " if end.name else ""
    return (
        f"{name}{end.lat_deg:.5f}, {end.lon_deg:.5f}, {end.height_agl_m:g} m above ground at "
        f"{ground_amsl_m:.0f} m above sea level"
    )


def _horizons(study: PathStudy, line: Line) -> list[str]:
    tx, rx = study.median.tx_horizon, study.median.rx_horizon
    if tx is None or rx is None:
        return []
    return [
        f"    horizon of the first end {tx.distance_m / 1000.0:.2f} km away, of the second "
        f"{(line.path_m - rx.distance_m) / 1000.0:.2f} km"
    ]


def _bulge(line: Line, k: float) -> float:
    return line.path_m**2 / (8.0 * k * 6_371_000.0)


def _losses(losses: Sequence[ModelLoss]) -> list[str]:
    lines: list[str] = []
    for loss in losses:
        if not loss.known:
            lines.append(f"  {loss.model}: none. {loss.why_not}")
            continue
        if loss.ladder:
            lines.append(f"  {loss.model}, term by term")
            lines += [
                f"    {term.text:<62}{term.loss_db:>9.2f} dB"
                for term in loss.ladder
                if abs(term.loss_db) >= 0.005
            ]
        lines.append(f"  {'= ' + loss.model:<64}{loss.path_loss_db:>9.2f} dB")
    return lines


def _cell(level: CellLevel) -> list[str]:
    cell = level.cell
    return [
        f"CELL {cell.cell_id}, {cell.carrier.technology} {cell.carrier.name}",
        f"  antenna {cell.antenna.name}",
        f"  azimuth {cell.azimuth_deg:g} deg, tilt {cell.mechanical_downtilt_deg:g} deg mechanical "
        f"and {cell.electrical_downtilt_deg:g} deg electrical",
        f"  the ray leaves at azimuth {level.azimuth_deg:.1f} deg, {level.departure_deg:+.2f} deg "
        f"from the horizontal: {level.gain_dbi:.1f} dBi, {level.off_beam_db:.1f} dB below the "
        "greatest gain",
    ]


def _rows(rows: Sequence[BudgetRow]) -> list[str]:
    shown = [r for r in rows if r.value != 0.0 or r.unit != "dB" or r.text.startswith("=")]
    return [f"  {row.text:<64}{row.value:>9.2f} {row.unit}" for row in shown]


def _services(services: Sequence[ServiceMargin], sigma_db: float) -> list[str]:
    if not services:
        return ["SERVICES", "  no service of the scenario may use this technology"]
    width = max(len(margin.service) for margin in services) + 2
    lines = [
        "MARGINS OF THE MEDIAN, dB",
        f"  {'':<{width}}{'level':>9}{'downlink':>10}{'uplink':>9}{'wanted':>9}{'short':>9}",
    ]
    for m in services:
        cells = [m.level_db, m.downlink_db, m.uplink_db, m.wanted_db, m.short_db]
        shown = [f"{v:.1f}" if isfinite(v) else ("any" if v > 0 else "never") for v in cells[:4]]
        missing = f"{m.short_db:.1f} ({m.limiting})" if m.short_db > 0.0 else "holds"
        if not isfinite(m.short_db):
            missing = f"never ({m.limiting})"
        lines.append(
            f"  {m.service:<{width}}{shown[0]:>9}{shown[1]:>10}{shown[2]:>9}{shown[3]:>9}"
            f"  {missing}"
        )
    lines.append(
        f"  wanted: margin with which this cell alone holds with the service's probability, the "
        f"level scattering by {sigma_db:.1f} dB; the plan counts all cells together"
    )
    return lines
