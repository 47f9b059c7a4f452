"""``lensong hop``: whether a microwave hop is clear, and how much of the year it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lensong.cli.console import Console
from lensong.cli.errors import EXIT_NO, explains_errors
from lensong.cli.options import FiniteRange, json_option, quiet_option
from lensong.cli.path_inputs import (
    GROUND_FILES,
    air_of_maps,
    ground_options,
    output_options,
    parse_place,
    read_given_land,
    read_planned,
)

if TYPE_CHECKING:
    from lensong.cli.path_inputs import Planned
    from lensong.coverage.path.hop import HopStudy

__all__ = ["hop"]

_Place = tuple[float, float, float, str]


@click.command(short_help="Microwave hop: clearance, rain, multipath, availability.")
@click.argument("scenario", required=False, type=click.Path(path_type=Path))
@click.option(
    "--from",
    "from_place",
    required=True,
    metavar="LAT,LON,HEIGHT",
    help="First end, metres above ground; with a scenario also MAST or MAST,HEIGHT.",
)
@click.option("--to", "to_place", required=True, metavar="LAT,LON,HEIGHT", help="Second end.")
@click.option("--frequency-mhz", required=True, type=float, help="Frequency [MHz].")
@click.option("--rain-rate-mm-h", type=float, help="Rain exceeded 0.01 % of the year [mm/h].")
@click.option(
    "--rain-map",
    type=click.Path(path_type=Path),
    help="Where the rain rate comes from instead: the ITU's R001.TXT of P.837 in its folder, or a "
    "table (lat, lon, mm/h).",
)
@click.option("--power-dbm", default=20.0, show_default=True, help="Transmitter [dBm].")
@click.option("--tx-gain-dbi", default=38.0, show_default=True, help="First antenna [dBi].")
@click.option("--rx-gain-dbi", default=38.0, show_default=True, help="Second antenna [dBi].")
@click.option("--feeder-loss-db", default=0.0, show_default=True, help="Both ends together [dB].")
@click.option(
    "--threshold-dbm",
    default=-70.0,
    show_default=True,
    help="Level at which the modulation that must hold just works [dBm].",
)
@click.option(
    "--availability",
    "target_percent",
    type=FiniteRange(90.0, 99.9999),
    default=99.99,
    show_default=True,
    help="Wanted of an average year [%].",
)
@click.option(
    "--climate",
    type=click.Choice(("tropical", "temperate")),
    default="tropical",
    show_default=True,
    help="Clearance wanted at low k: 0.6 or 0.3 of the first Fresnel zone.",
)
@click.option(
    "--k-low",
    type=FiniteRange(0.1, 2.0),
    default=2.0 / 3.0,
    show_default="2/3",
    help="Effective Earth radius factor exceeded for about 99.9 % of the worst month.",
)
@click.option(
    "--geoclimatic-factor", default=1e-4, show_default=True, help="K of ITU-R P.530-18, its map."
)
@click.option("--dn75", default=20.0, show_default=True, help="dN75 of P.530-18, its map [N].")
@click.option("--delta-n", type=float, help="Lapse of refractivity [N/km].  [default: 44]")
@click.option(
    "--polarization",
    type=click.Choice(("vertical", "horizontal")),
    default="vertical",
    show_default=True,
)
@click.option(
    "--temperature-c",
    type=FiniteRange(-123.0, 76.0),
    default=15.0,
    show_default=True,
    help="Of the air [deg C].",
)
@click.option(
    "--vapour-g-m3",
    type=FiniteRange(0.0, 100.0),
    default=7.5,
    show_default=True,
    help="Water vapour [g/m3].",
)
@ground_options
@output_options
@json_option
@quiet_option
@explains_errors
def hop(
    scenario: Path | None,
    from_place: str,
    to_place: str,
    frequency_mhz: float,
    csv_file: Path | None,
    svg: Path | None,
    png: Path | None,
    as_json: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Tell whether a microwave hop is clear and how much of an average year it holds.

    Antennas, power and threshold are options with defaults of a small 18 GHz radio; rain has none:
    it is that of the place.

    Exit codes: 0 it holds as wanted, 1 something is short, 2 bad input.
    """
    console = Console(quiet=quiet)
    with console.working():
        console.progress("start", 0.0, 1.0)
        study, synthetic, warnings = _study(
            scenario, from_place, to_place, frequency_mhz, given, console
        )
        _write(study, csv_file, svg, png, synthetic=synthetic)
    if as_json:
        from lensong.coverage.path.hop_text import hop_json

        found = hop_json(study) | {"warnings": list(warnings), "synthetic": synthetic}
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    elif not quiet:
        from lensong.coverage.path.hop_text import hop_text

        lines = [hop_text(study)]
        if warnings:
            lines += ["", "WARNINGS", *(f"- {text}" for text in warnings)]
        if synthetic:
            lines += ["", "  SYNTHETIC  invented data, no real place"]
        written = [str(file) for file in (svg, png, csv_file) if file is not None]
        if written:
            lines += ["", f"  written    {', '.join(written)}"]
        click.echo("\n".join(lines))
    if not study.holds:
        raise SystemExit(EXIT_NO)


def _study(
    scenario: Path | None,
    from_place: str,
    to_place: str,
    frequency_mhz: float,
    given: dict[str, Any],
    console: Console,
) -> tuple[HopStudy, bool, tuple[str, ...]]:
    from dataclasses import replace

    from lensong.coverage.path.hop import HopRadio, study_hop
    from lensong.coverage.path.line import draw_line, end_at
    from lensong.coverage.sweeps import PropagationSettings
    from lensong.propagation.errors import ConfigError

    settings = PropagationSettings()
    planned = None
    if scenario is not None:
        for name in (*GROUND_FILES, "itu_maps"):
            if given[name] not in (None, ()):
                raise ConfigError(
                    f"--{name.replace('_', '-')} is in the scenario already: change it there"
                )
        planned = read_planned(scenario, console)
        settings, land = planned.propagation, planned.as_given()
    places = [
        _place(option, text, planned)
        for option, text in (("--from", from_place), ("--to", to_place))
    ]
    if planned is None:
        land = read_given_land(
            [place[:2] for place in places],
            **{name: given[name] for name in GROUND_FILES},
            console=console,
        )
    console.progress("start", 1.0, 1.0)
    if given["delta_n"] is not None and given["itu_maps"] is not None:
        raise ConfigError("--itu-maps has Delta-N: leave --delta-n out")
    settings = air_of_maps(settings, given["itu_maps"], [place[:2] for place in places])
    if given["delta_n"] is not None:
        settings = replace(settings, delta_n_per_km=given["delta_n"])
    tx, rx = (end_at(land.grid, lat, lon, h, name=name) for lat, lon, h, name in places)
    line = draw_line(
        land.terrain, land.grid, tx, rx, terminal_clearing_m=settings.terminal_clearing_m
    )
    middle = line.lat_lon(0.5 * line.path_m)
    radio = HopRadio(
        power_dbm=given["power_dbm"],
        tx_gain_dbi=given["tx_gain_dbi"],
        rx_gain_dbi=given["rx_gain_dbi"],
        feeder_loss_db=given["feeder_loss_db"],
        threshold_dbm=given["threshold_dbm"],
        rain_rate_mm_per_h=_rain(given["rain_rate_mm_h"], given["rain_map"], middle),
        geoclimatic_factor=given["geoclimatic_factor"],
        dn75=given["dn75"],
        polarization=given["polarization"],
        target_percent=given["target_percent"],
        climate=given["climate"],
        k_low=given["k_low"],
        temperature_k=given["temperature_c"] + 273.15,
        water_vapour_g_per_m3=given["vapour_g_m3"],
    )
    study = study_hop(line, radio, freq_mhz=frequency_mhz, delta_n_per_km=settings.delta_n_per_km)
    study = replace(study, notes=(*study.notes, *land.assumptions))
    return study, land.synthetic, land.warnings


def _rain(rate: float | None, table: Path | None, place: tuple[float, float]) -> float:
    from lensong.propagation.errors import ConfigError

    if rate is not None and table is not None:
        raise ConfigError("--rain-rate-mm-h and --rain-map both say the rain, wanted one of them")
    if table is not None:
        from lensong.gis_data.rain_map import rain_rate_at

        return rain_rate_at(table, *place)
    if rate is None:
        raise ConfigError(
            "the rain is missing: give --rain-rate-mm-h, the rate exceeded for 0.01 % of the year "
            "(ITU-R P.837-7 has 62 to 82 mm/h around Lai Chau), or --rain-map"
        )
    return rate


def _place(option: str, text: str, planned: Planned | None) -> _Place:
    """Return latitude, longitude, height and name of an end: a place, or a mast of a scenario."""
    name, _, height = text.partition(",")
    mast = None if planned is None else planned.mast(name.strip())
    if mast is None:
        if planned is not None and not _is_number(name):
            _refuse_mast(option, name.strip(), planned)
        lat_deg, lon_deg, height_m = parse_place(option, text, height=True)
        label = "A" if option == "--from" else "B"
        return lat_deg, lon_deg, float(height_m or 0.0), label
    if height and not _is_number(height):
        from lensong.propagation.errors import ConfigError

        raise ConfigError(f"{option} is {text!r}, wanted a mast and metres above ground: {name},40")
    height_m = float(height) if height else mast.height_agl_m
    return mast.lat_deg, mast.lon_deg, height_m, mast.mast_id


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refuse_mast(option: str, name: str, planned: Planned) -> None:
    from difflib import get_close_matches

    from lensong.propagation.errors import ConfigError

    known = [mast.mast_id for mast in planned.network.masts]
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"masts are {', '.join(known[:8])}"
    raise ConfigError(f"{option} names {name!r}, which is no mast of the scenario: {hint}")


def _write(
    study: HopStudy,
    csv_file: Path | None,
    svg: Path | None,
    png: Path | None,
    *,
    synthetic: bool,
) -> None:
    from lensong.coverage.path.hop_text import hop_figure, hop_profile_table
    from lensong.coverage.results.paths import write_figure, write_path_table

    if csv_file is not None:
        write_path_table(csv_file, hop_profile_table(study))
    if svg is not None:
        write_figure(svg, hop_figure(study, form="svg", synthetic=synthetic))
    if png is not None:
        write_figure(png, hop_figure(study, form="png", synthetic=synthetic))
