"""A microwave hop as text, JSON and figure."""

from __future__ import annotations

from dataclasses import asdict
from math import isinf, isnan
from typing import Any, Literal

import pandas as pd

from lensong.coverage.path.figure import profile_figure
from lensong.coverage.path.hop import MINUTES_PER_YEAR, ClearanceRule, HopStudy
from lensong.coverage.path.tables import plain, profile_table
from lensong.coverage.path.words import edge_told, sight_told

__all__ = ["hop_figure", "hop_json", "hop_profile_table", "hop_text"]


def hop_text(study: HopStudy) -> str:
    """Return what a hop holds, in lines."""
    line, radio = study.line, study.radio
    first = line.tx.name or "the first end"
    lines = [
        _headline(study),
        f"  from       {line.tx.told()}, {line.tx.height_agl_m:g} m above ground, antenna at "
        f"{line.tx_amsl_m:.0f} m above sea level",
        f"  to         {line.rx.told()}, {line.rx.height_agl_m:g} m above ground, antenna at "
        f"{line.rx_amsl_m:.0f} m above sea level",
        "",
        "CLEARANCE (ITU-R P.530)",
        *_rule("median", study.median, first),
        *_rule("low", study.low, first),
        "",
        "CLEAR AIR",
        *(
            f"  {text:<52}{value:>9.2f} {unit}"
            for text, value, unit in (
                ("transmitter", radio.power_dbm, "dBm"),
                ("first antenna", radio.tx_gain_dbi, "dBi"),
                ("second antenna", radio.rx_gain_dbi, "dBi"),
                ("feeders", 0.0 - radio.feeder_loss_db, "dB"),
                ("free space", -study.free_space_db, "dB"),
                ("gases (ITU-R P.676)", -study.gas_db, "dB"),
                ("obstacles at median k (ITU-R P.526)", 0.0 - study.diffraction_db, "dB"),
                ("= received", study.received_dbm, "dBm"),
                ("threshold", radio.threshold_dbm, "dBm"),
                ("= fade margin", study.margin_db, "dB"),
            )
        ),
        "",
        "AN AVERAGE YEAR",
        f"  rain, {radio.rain_rate_mm_per_h:g} mm/h for 0.01 %: {study.rain_db:.1f} dB "
        f"(ITU-R P.838, P.530)",
        f"  {'rain takes it':<16}{_outage(study.rain_outage_percent)}",
        f"  {'multipath':<16}{_outage(study.multipath_outage_percent)}",
        f"  {'available':<16}{_availability(study)}, wanted {radio.target_percent:g} %",
        "",
        *(["IT HOLDS: clearance and availability are as wanted"] if study.holds else ["SHORT"]),
        *(f"- {text}" for text in study.short),
    ]
    notes = [*study.notes, *_climate_notes(study)]
    if notes:
        lines += ["", "NOTES", *(f"- {note}" for note in notes)]
    return "\n".join(lines)


def _headline(study: HopStudy) -> str:
    line = study.line
    names = [end.name or f"{end.lat_deg:.5f}, {end.lon_deg:.5f}" for end in (line.tx, line.rx)]
    return (
        f"Hop {names[0]} to {names[1]}, {line.path_m / 1000.0:.2f} km at "
        f"{study.freq_mhz / 1000.0:g} GHz"
    )


def _rule(name: str, rule: ClearanceRule, first: str) -> list[str]:
    passes = rule.passes
    told = "met" if rule.met else f"not met, raise both antennas by {rule.raise_m:.1f} m"
    return [
        f"  {name} k = {passes.k:.3f}: {sight_told(passes)}, {passes.edge.clearance_share:.2f} of "
        f"the first Fresnel zone, wanted {rule.wanted_share:g}: {told}",
        f"    {edge_told(passes, from_name=first)}",
    ]


def _outage(percent: float) -> str:
    if isnan(percent):
        return "not known"
    return f"{percent:.5f} %, {percent / 100.0 * MINUTES_PER_YEAR:.1f} minutes a year"


def _availability(study: HopStudy) -> str:
    bound = "at most " if _unknown(study) else ""
    return (
        f"{bound}{study.availability_percent:.5f} %, {study.outage_minutes:.1f} minutes a year "
        "without"
    )


def _unknown(study: HopStudy) -> bool:
    outages = (study.rain_outage_percent, study.multipath_outage_percent)
    return study.margin_db >= 0.0 and (any(map(isnan, outages)) or outages[0] >= 1.0)


def _climate_notes(study: HopStudy) -> list[str]:
    notes = [
        "Equipment, power and reflections are left out; the hop is one channel without diversity.",
    ]
    if study.line.path_m >= 5000.0:
        notes.append(
            f"Multipath with K = {study.radio.geoclimatic_factor:g} and dN75 = "
            f"{study.radio.dn75:g} N-units: take both for the place from the maps of P.530-18."
        )
    else:
        notes.append("Below 5 km multipath does not count (ITU-R P.530).")
    return notes


def hop_json(study: HopStudy) -> dict[str, Any]:
    """Return what a hop holds, JSON-ready: what is not known is null."""
    line = study.line

    def rule(found: ClearanceRule) -> dict[str, Any]:
        edge = found.passes.edge
        return {
            "k": found.passes.k,
            "line_of_sight": found.passes.line_of_sight,
            "clearance_share": edge.clearance_share,
            "wanted_share": found.wanted_share,
            "met": found.met,
            "raise_m": found.raise_m,
            "decides": asdict(edge),
        }

    return dict(
        plain(
            {
                "from": {**asdict(line.tx), "antenna_amsl_m": line.tx_amsl_m},
                "to": {**asdict(line.rx), "antenna_amsl_m": line.rx_amsl_m},
                "path_m": line.path_m,
                "freq_mhz": study.freq_mhz,
                "radio": asdict(study.radio),
                "clearance": {"median_k": rule(study.median), "low_k": rule(study.low)},
                "free_space_db": study.free_space_db,
                "gas_db": study.gas_db,
                "diffraction_db": study.diffraction_db,
                "received_dbm": study.received_dbm,
                "fade_margin_db": study.margin_db,
                "fade_margin_wanted_db": study.margin_wanted_db,
                "rain_db_exceeded_0p01_percent": study.rain_db,
                "rain_outage_percent": study.rain_outage_percent,
                "multipath_outage_percent": study.multipath_outage_percent,
                "worst_month_multipath_percent": study.worst_month_multipath_percent,
                "availability_percent": study.availability_percent,
                "outage_minutes_per_year": study.outage_minutes,
                "holds": study.holds,
                "short": list(study.short),
                "notes": [*study.notes, *_climate_notes(study)],
            }
        )
    )


def hop_profile_table(study: HopStudy) -> pd.DataFrame:
    """Return the profile of a hop, one row for each point of the surface."""
    return profile_table(study.line, study.median.passes, study.low.passes, study.freq_mhz)


def hop_figure(study: HopStudy, *, form: Literal["svg", "png"], synthetic: bool = False) -> bytes:
    """Return the figure of a hop as the bytes of a file, the same for the same hop."""
    wanted = "none" if isinf(study.margin_wanted_db) else f"{study.margin_wanted_db:.1f} dB"
    told = [
        f"median k = {study.median.passes.k:.2f}",
        f"  {_met(study.median)}",
        f"low k = {study.low.passes.k:.2f}",
        f"  {_met(study.low)}",
        "",
        f"{'received':<10}{study.received_dbm:>8.1f} dBm",
        f"{'margin':<10}{study.margin_db:>8.1f} dB",
        f"{'wanted':<10}{wanted:>11}",
        "",
        f"{'rain':<10}{study.rain_outage_percent:>9.5f} %",
        f"{'multipath':<10}{study.multipath_outage_percent:>9.5f} %",
        f"{'available':<10}{study.availability_percent:>9.4f} %",
        f"{study.outage_minutes:.1f} minutes a year without",
        "",
        "holds" if study.holds else "short: see the text",
    ]
    return profile_figure(
        study.line,
        study.median.passes,
        study.low.passes,
        freq_mhz=study.freq_mhz,
        title=_headline(study),
        told=told,
        form=form,
        synthetic=synthetic,
    )


def _met(rule: ClearanceRule) -> str:
    share = rule.passes.edge.clearance_share
    return f"{share:.2f} F1, {rule.wanted_share:g} wanted{'' if rule.met else ': NOT MET'}"
