"""A network as a scenario of its own: a folder with TOML and cells; the land is referred to."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.cellplan.write import PLAIN_COLUMNS, plain_rows
from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.scenario.inputs import pattern_files, read_network
from lensong.coverage.scenario.load import Scenario, load_scenario
from lensong.coverage.scenario.sections import FILE_KEYS
from lensong.gis_data.atomic import write_error
from lensong.propagation.errors import DataError

__all__ = ["save_scenario", "scenario_text"]

_CELLS = "cells.csv"
_ANTENNAS = "antennas"
_READ_OTHERWISE = ("atoll", "layer", "columns", "crs", "operators", "technologies")
# The tilt is the antenna's; what a calibration adds comes from the file that the scenario names.
_NO_MATTER = {"assumed", "electrical_downtilt_deg", "level_correction_db"}


def save_scenario(
    scenario: Scenario,
    network: Network,
    folder: Path,
    *,
    title: str,
    accept_masts: bool = False,
    patterns: Mapping[str, str] | None = None,
) -> Path:
    """Write a scenario whose plan is that of a network; return its TOML file.

    It is read back before it takes its name.

    Parameters
    ----------
    scenario : Scenario
        That the network was made from; its land, services and settings are kept.
    network : Network
    folder : Path
        Must not be there yet.
    title : str
    accept_masts : bool
        Whether masts on open water are meant.
    patterns : mapping, optional
        Antenna files that the scenario does not have, name to content: those that the network
        uses are written beside the scenario's own.

    Raises
    ------
    DataError
        The folder is there or cannot be written, or a cell has a value that a cell plan cannot
        say; names both.
    """
    if folder.exists():
        raise DataError(f"{folder} is there already: choose another name")
    part = folder.with_name(f".{folder.name}.{uuid4().hex[:12]}.part")
    try:
        part.mkdir(parents=True)
        (part / _CELLS).write_text(_csv(network), encoding="utf-8", newline="")
        used = {cell.antenna.name for cell in network.cells}
        more = {name: text for name, text in (patterns or {}).items() if Path(name).stem in used}
        if more:
            _write_antennas(scenario.network.antennas, more, part / _ANTENNAS)
        text = scenario_text(
            scenario, part, title=title, accept_masts=accept_masts, antennas=bool(more)
        )
        (part / "scenario.toml").write_text(text, encoding="utf-8")
        saved, _ = read_network(load_scenario(part / "scenario.toml").network)
        _check_same(network, saved)
        os.replace(part, folder)
    except OSError as error:
        raise write_error(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder / "scenario.toml"


def scenario_text(
    scenario: Scenario,
    folder: Path,
    *,
    title: str,
    accept_masts: bool = False,
    antennas: bool = False,
) -> str:
    """Return the TOML file of a scenario with its cells in `cells.csv` of a folder.

    With ``antennas`` its antenna files are in `antennas` of that folder.
    """
    settings = json.loads(json.dumps(scenario.settings))
    base = scenario.land.folder
    if base is None:
        raise DataError("the scenario has no folder, wanted one that was read from a file")
    for dotted in dict.fromkeys((*FILE_KEYS, "itu_maps.path")):
        _refer(settings, dotted.split("."), base, folder)
    network = settings["network"]
    for key in _READ_OTHERWISE:
        network.pop(key, None)
    network |= {"cells": _CELLS, "format": "plain", "power": "total", "height_unit": "m"}
    if antennas:
        network["antennas"] = _ANTENNAS
    network["columns"] = {name: name for name in PLAIN_COLUMNS}
    if accept_masts:
        network["doubtful_masts"] = "accept"
    settings["title"] = title
    return "\n".join(_toml(settings, ())).lstrip("\n") + "\n"


def _write_antennas(own: Path | None, more: Mapping[str, str], folder: Path) -> None:
    folder.mkdir()
    for path in pattern_files(own):
        shutil.copyfile(path, folder / path.name)
    for name, text in more.items():
        (folder / name).write_text(text, encoding="utf-8")


def _csv(network: Network) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(PLAIN_COLUMNS)
    writer.writerows(plain_rows(network))
    return text.getvalue()


def _refer(settings: dict[str, Any], keys: Sequence[str], base: Path, folder: Path) -> None:
    """Make the paths under a key lead from another folder to the same files."""
    *above, last = keys
    place: Any = settings
    for key in above:
        place = place.get(key) if isinstance(place, dict) else None
    if not isinstance(place, dict) or not place.get(last):
        return

    def other(name: str) -> str:
        # beside the folder's own name, which the temporary one shares
        return Path(os.path.relpath((base / name).resolve(), folder.resolve())).as_posix()

    value = place[last]
    if isinstance(value, str):
        place[last] = other(value)
        return
    place[last] = [
        other(entry) if isinstance(entry, str) else {**entry, "path": other(entry["path"])}
        for entry in value
    ]


def _toml(table: Mapping[str, Any], above: tuple[str, ...]) -> list[str]:
    """Return the lines of a TOML table, plain values first; what is None is left out."""
    plain, deeper = [], []
    for key, value in table.items():
        if isinstance(value, dict):
            if value:
                name = (*above, key)
                deeper += ["", f"[{'.'.join(map(_key, name))}]", *_toml(value, name)]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for entry in value:
                name = (*above, key)
                deeper += ["", f"[[{'.'.join(map(_key, name))}]]", *_toml(entry, name)]
        elif value is not None:
            plain.append(f"{_key(key)} = {_value(value)}")
    return plain + deeper


def _key(key: str) -> str:
    bare = key.replace("_", "").replace("-", "")
    return key if bare.isascii() and bare.isalnum() else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_value(entry) for entry in value)}]"
    # JSON's strings are TOML's but for DEL, which JSON does not escape
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def _check_same(wanted: Network, saved: Network) -> None:
    """Refuse a network that does not read back as it was."""
    told: list[str] = []
    for what, ones, others, key in (
        ("mast", wanted.masts, saved.masts, "mast_id"),
        ("cell", wanted.cells, saved.cells, "cell_id"),
    ):
        by_id = {getattr(other, key): other for other in others}
        if [getattr(one, key) for one in ones] != [getattr(other, key) for other in others]:
            raise DataError(
                f"the {what}s of this variant cannot be written as a cell plan: "
                f"{len(ones)} were written and {len(others)} read back in another order or by "
                "other names"
            )
        for one in ones:
            other = by_id[getattr(one, key)]
            told += [
                f"{name} of {what} {getattr(one, key)!r} ({_shown(getattr(one, name))}, read back "
                f"as {_shown(getattr(other, name))})"
                for name in _differing(one, other)
            ]
    if told:
        raise DataError(
            f"this variant cannot be saved exactly: {'; '.join(told[:3])}"
            f"{f' and {len(told) - 3} more' if len(told) > 3 else ''}: a cell plan cannot say it; "
            "give those cells values that the plan's other cells have"
        )


def _differing(one: Mast | Cell, other: Mast | Cell) -> list[str]:
    return [
        f.name
        for f in fields(one)
        if f.name not in _NO_MATTER and not _equal(getattr(one, f.name), getattr(other, f.name))
    ]


def _equal(one: object, other: object) -> bool:
    if isinstance(one, AntennaPattern) and isinstance(other, AntennaPattern):
        return (
            one.name == other.name
            and (one.gain_dbi, one.max_loss_db) == (other.gain_dbi, other.max_loss_db)
            and np.array_equal(one.horizontal_loss_db, other.horizontal_loss_db)
            and np.array_equal(one.vertical_loss_db, other.vertical_loss_db)
        )
    return one == other


def _shown(value: object) -> str:
    return repr(getattr(value, "name", value))
