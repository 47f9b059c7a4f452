"""What `lensong calibrate` leaves on disk: a TOML file that a scenario names, and the spots."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path

import geopandas as gpd
import numpy as np

from lensong.coverage.calibration.calibration import Calibration, Term
from lensong.coverage.calibration.spread import COVERAGES, PATH_CLASSES
from lensong.coverage.calibration.tables import next_table
from lensong.coverage.calibration.where_next import WhereNext
from lensong.coverage.results.difference_points import difference_words
from lensong.gis_data.atomic import atomic_path
from lensong.gis_data.provenance import content_sha256
from lensong.gis_data.vector_write import write_csv, write_geopackage

__all__ = ["CALIBRATION", "SPOTS", "SPOT_LAYER", "measured_frame", "write_calibration"]

CALIBRATION = "calibration.toml"
SPOTS = "calibration.gpkg"
NEXT = "drive_next.csv"
SPOT_LAYER = "measured"
VERSION = 2


def write_calibration(
    found: Calibration,
    folder: Path,
    *,
    title: str,
    measured: str,
    lensong_version: str,
    next_villages: WhereNext | None = None,
) -> list[Path]:
    """Write a calibration; return the files.

    Parameters
    ----------
    title : str
        Of the scenario.
    measured : str
        What was measured: names of files, or the service.
    next_villages : WhereNext or None
        Written as a table, where there is one.

    Raises
    ------
    DataError
        The folder cannot be written, or the disk is full.
    """
    spots, text = folder / SPOTS, folder / CALIBRATION
    write_geopackage(spots, {SPOT_LAYER: spot_frame(found)})
    content = _text(found, title, measured, lensong_version, content_sha256([spots]))
    with atomic_path(text, needed_bytes=len(content)) as part:
        part.write_text(content, encoding="utf-8")
    if next_villages is None:
        (folder / NEXT).unlink(missing_ok=True)  # of an earlier run
        return [text, spots]
    write_csv(folder / NEXT, next_table(next_villages))
    return [text, spots, folder / NEXT]


def spot_frame(found: Calibration) -> gpd.GeoDataFrame:
    """Return the measured spots as points."""
    table = found.spots
    return gpd.GeoDataFrame(
        {
            "cell_id": table.cell_id,
            "mast_id": table.mast_id,
            "phone": table.phone,
            "height_agl_m": table.height_agl_m,
            "freq_mhz": table.freq_mhz,
            "measured_dbm": table.measured_dbm,
            "residual_db": table.residual_db,
            "left_db": table.left_db,
            "at_floor": table.at_floor,
            "distance_m": table.distance_m,
            "terrain_db": table.terrain_db,
            "clutter_db": table.clutter_db,
            "clear": table.clear,
            "land_cover": table.land_cover,
            "weight": table.weight,
            "pull_per_db": table.pull_per_db,
            "east_m": table.east_m,
            "north_m": table.north_m,
        },
        geometry=gpd.points_from_xy(table.east_m, table.north_m),
        crs=found.crs,
    )


def measured_frame(found: Calibration) -> gpd.GeoDataFrame:
    """Return the measured points for a map, each beside what was predicted for it.

    ``predicted_dbm`` is the plan's as it stood when it was calibrated, ``calibrated_dbm`` what the
    calibration makes of that; ``residual_db`` and ``left_db`` are measured less predicted and less
    calibrated level, of the second the phone's offset is taken off. ``left_class`` is the class of
    `left_db` on maps.
    """
    table = found.spots
    offset = np.array(
        [found.phones[name].value if name in found.phones else 0.0 for name in table.phone]
    )
    return gpd.GeoDataFrame(
        {
            "cell_id": table.cell_id,
            "mast_id": table.mast_id,
            "phone": table.phone,
            "measured_dbm": table.measured_dbm.round(2),
            "predicted_dbm": (table.measured_dbm - table.residual_db).round(2),
            "calibrated_dbm": (table.measured_dbm - offset - table.left_db).round(2),
            "residual_db": table.residual_db.round(2),
            "left_db": table.left_db.round(2),
            "left_class": difference_words(table.left_db),
            "at_floor": table.at_floor,
        },
        geometry=gpd.points_from_xy(table.east_m, table.north_m),
        crs=found.crs,
    )


def _text(found: Calibration, title: str, measured: str, version: str, sha256: str) -> str:
    lines = [
        "# What measurements taught of a network, by `lensong calibrate`. A scenario names it so:",
        "# [calibration]",
        f'# file = "{CALIBRATION}"',
        f"version = {VERSION}",
        f"lensong = {_string(version)}",
        f"title = {_string(title)}",
        f"measured = {_string(measured)}",
        f"crs = {_string(found.crs)}",
        f"stage = {_string(found.stage)}",
        f"unseen_cells = {_bool(found.unseen)}",
        f"merged_m = {found.merged_m!r}",
        f"synthetic = {_bool(found.synthetic)}",
        f"spots = {_string(SPOTS)}",
        f"spots_sha256 = {_string(sha256)}",
        "notes = [",
        *(f"  {_string(note)}," for note in found.notes),
        "]",
        "",
        "[field]",
        f"sd_db = {found.field.sd_db!r}",
        f"length_m = {found.field.length_m!r}",
        f"noise_db = {found.field.noise_db!r}",
        f"correlation = {found.field.correlation!r}",
        "",
        "# A level is measured where a spot of its site is as near as this; calibrated here where",
        "# the field is known to this share of its deviation; else it is the model's:",
        "[basis]",
        f"measured_within_m = {found.basis.measured_within_m!r}",
        f"field_sd_share = {found.basis.field_sd_share!r}",
        "",
        "[priors]",
        f"shared = {list(map(float, found.priors.shared))!r}",
        f"place = {list(map(float, found.priors.place))!r}",
        f"cell_bias_db = {float(found.priors.cell_bias_db)!r}",
        f"class_db = {float(found.priors.class_db)!r}",
        f"phone_db = {float(found.priors.phone_db)!r}",
    ]
    for section, terms in (
        ("shared", found.shared),
        ("classes", found.classes),
        ("phones", found.phones),
    ):
        lines += ["", f"[{section}]", *_terms(terms)]
    for cell in found.cells:
        lines += [
            "",
            "[[cell]]",
            f"cell_id = {_string(cell.cell_id)}",
            f"mast_id = {_string(cell.mast_id)}",
            f"height_agl_m = {float(cell.height_agl_m)!r}",
            f"freq_mhz = {float(cell.freq_mhz)!r}",
            f"antenna = {_string(cell.antenna)}",
            f"spots = {cell.spots}",
            f"fate = {_string(cell.fate)}",
            f"why = {_string(cell.why)}",
            f"bias = {_term(cell.bias)}",
        ]
    for place in found.places:
        lines += [
            "",
            "[[place]]",
            f"mast_id = {_string(place.mast_id)}",
            f"lat_deg = {float(place.lat_deg)!r}",
            f"lon_deg = {float(place.lon_deg)!r}",
            f"height_agl_m = {float(place.height_agl_m)!r}",
            f"freq_mhz = {float(place.freq_mhz)!r}",
            f"spots = {place.spots}",
            f"calibrated = {_bool(place.calibrated)}",
            f"rmse_before_db = {_number(place.rmse_before_db)}",
            f"rmse_after_db = {_number(place.rmse_after_db)}",
            "[place.terms]",
            *_terms(place.terms),
        ]
    for row in found.held_out:
        lines += [
            "",
            "[[held_out]]",
            f"block_m = {row.block_m!r}",
            f"blocks = {row.blocks}",
            f"spots = {row.spots}",
            f"rmse_db = {_numbers(row.rmse_db)}",
            f"mae_db = {_numbers(row.mae_db)}",
        ]
    if found.spread is not None:
        lines += [
            "",
            "# Half of an interval is the deviation times half_width, by share of levels:",
        ]
        lines += [f"# {', '.join(f'{share:g}' for share in COVERAGES)}"]
        for (sight, low, high), kind in zip(PATH_CLASSES, found.spread.rows, strict=True):
            lines += [
                "",
                "[[spread]]",
                f"sight = {_string(sight)}",
                f"nearest_from_m = {low!r}",
                f"nearest_to_m = {'inf' if high == inf else repr(high)}",
                f"spots = {kind.spots}",
                f"rmse_db = {_number(kind.rmse_db)}",
                f"half_width = [{', '.join(_number(v) for v in kind.half_width)}]",
            ]
    return "\n".join(lines) + "\n"


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _number(value: float) -> str:
    return "nan" if np.isnan(value) else repr(round(float(value), 6))


def _numbers(values: dict[str, float]) -> str:
    return "{" + ", ".join(f"{name} = {_number(value)}" for name, value in values.items()) + "}"


def _term(term: Term) -> str:
    return f"{{value = {_number(term.value)}, sd = {_number(term.sd)}}}"


def _terms(terms: dict[str, Term]) -> list[str]:
    return [f"{_string(name)} = {_term(term)}" for name, term in terms.items()]
