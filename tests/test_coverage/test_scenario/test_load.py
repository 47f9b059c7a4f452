"""A scenario file becomes the data classes of a plan, and its page in the docs is true."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from lensong.coverage.cellplan.assume import Assumptions
from lensong.coverage.scenario import sections as model
from lensong.coverage.scenario.load import load_scenario
from lensong.coverage.service import DEFAULT_SERVICES, Handset
from lensong.coverage.siting.feeding_settings import (
    LineSettings,
    MicrowaveSettings,
    SatelliteSettings,
    SolarSettings,
)
from lensong.coverage.sweeps import PropagationSettings
from lensong.coverage.villages import ClassThresholds
from lensong.gis_data.demo.inputs import SCENARIO
from lensong.gis_data.reading import LandRequest
from lensong.propagation.errors import ConfigError

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "scenario.md"
BLOCKS = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.S | re.M)
SMALLEST, COMPLETE = BLOCKS


def files_of(content: Any) -> Iterator[str]:
    for dotted in model.FILE_KEYS:
        value: Any = content
        for key in dotted.split("."):
            value = value.get(key, {}) if isinstance(value, dict) else {}
        for entry in value if isinstance(value, list) else [value]:
            name = entry.get("path") if isinstance(entry, dict) else entry
            yield from [name] if isinstance(name, str) else []


def write(folder: Path, text: str) -> Path:
    for name in files_of(tomllib.loads(text)):
        path = folder / name
        if name.endswith("/"):
            path.mkdir()
        else:
            path.write_text("")
    scenario = folder / "scenario.toml"
    scenario.write_text(text, encoding="utf-8")
    return scenario


@pytest.mark.parametrize("text", [SMALLEST, COMPLETE, SCENARIO], ids=["least", "all", "demo"])
def test_scenarios_in_the_docs_and_the_demo_load(tmp_path: Path, text: str) -> None:
    scenario = load_scenario(write(tmp_path, text))
    assert scenario.land.elevation_path[0].parent in (tmp_path, tmp_path / "dem")
    assert json.loads(json.dumps(scenario.settings)) == scenario.settings


def test_the_complete_example_states_the_defaults(tmp_path: Path) -> None:
    written = load_scenario(write(tmp_path, COMPLETE))
    assert written.services == DEFAULT_SERVICES
    assert written.handset == Handset()
    assert written.propagation == PropagationSettings()
    assert written.classes == ClassThresholds()
    assert written.network.assume == Assumptions()


def test_the_complete_example_has_every_key() -> None:
    """A key that is not in the example stands in it as a comment."""

    def keys(section: type[BaseModel]) -> Iterator[str]:
        for name, info in section.model_fields.items():
            yield name
            for part in (info.annotation, *getattr(info.annotation, "__args__", ())):
                if isinstance(part, type) and issubclass(part, BaseModel):
                    yield from keys(part)

    # Communes take layer and columns as villages do, Atoll's tables stand in one line.
    missing = [key for key in keys(model.ScenarioFile) if not re.search(rf"\b{key}\b", COMPLETE)]
    assert missing == []


@pytest.mark.parametrize(
    ("section", "made"),
    [
        (model.HandsetSection(), Handset()),
        (model.PropagationSection(), PropagationSettings()),
        (model.ClassesSection(), ClassThresholds()),
        (model.AssumeSection(), Assumptions()),
        (model.SitingSatelliteSection(), SatelliteSettings()),
        (
            model.SitingSolarSection(load_w=9.0, level_kwh_per_m2_day=[4.0] * 12),
            SolarSettings(load_w=9.0, level_kwh_per_m2_day=(4.0,) * 12),
        ),
    ],
)
def test_defaults_of_a_section_are_those_of_its_data_class(section: BaseModel, made: Any) -> None:
    for name, value in section.model_dump().items():
        default = getattr(made, name)
        assert (tuple(value) if isinstance(value, list) else value) == default, name


def test_every_field_of_the_data_classes_can_be_set() -> None:
    for section, made in (
        (model.HandsetSection, Handset),
        (model.PropagationSection, PropagationSettings),
        (model.ClassesSection, ClassThresholds),
        (model.AssumeSection, Assumptions),
        (model.ServiceSection, DEFAULT_SERVICES[0]),
        (model.SitingFibreSection, LineSettings),
        (model.SitingMicrowaveSection, MicrowaveSettings),
        (model.SitingSatelliteSection, SatelliteSettings),
        (model.SitingSolarSection, SolarSettings),
    ):
        other = {"section", "calibration"}  # says which of two; has a section of its own
        fields = {f.name for f in dataclasses.fields(made)} - other
        assert set(section.model_fields) == fields


def test_defaults_of_the_land_are_those_of_its_request(tmp_path: Path) -> None:
    land = load_scenario(write(tmp_path, SMALLEST)).land
    defaults = LandRequest(
        villages_path=tmp_path / "villages.csv",
        elevation_path=(tmp_path / "dem",),
        folder=tmp_path,
    )
    assert land == defaults


def test_atolls_three_tables_are_found_by_role(tmp_path: Path) -> None:
    text = SMALLEST.replace(
        'cells = "cells.csv"', 'atoll = {sites="s", transmitters="t", cells="c"}'
    )
    assert load_scenario(write(tmp_path, text)).network.tables == {
        "sites": tmp_path / "s",
        "transmitters": tmp_path / "t",
        "cells": tmp_path / "c",
    }


def test_a_scenario_without_a_title_is_called_by_its_file(tmp_path: Path) -> None:
    assert load_scenario(write(tmp_path, SMALLEST)).title == "scenario"


def test_a_probability_out_of_range_names_file_and_service(tmp_path: Path) -> None:
    text = SMALLEST + '[[service]]\nname = "voice-data"\ndownlink_mbps = 1\nuplink_mbps = 1\n'
    path = write(tmp_path, text + "probability = 90\n")
    with pytest.raises(ConfigError, match=r"scenario\.toml.*probability of service 'voice-data'"):
        load_scenario(path)


def test_a_carrier_that_cannot_be_read_shows_the_grammar(tmp_path: Path) -> None:
    path = write(tmp_path, SMALLEST + '[network.assume]\ncarriers = ["LTE fast"]\n')
    with pytest.raises(ConfigError, match="EARFCN"):
        load_scenario(path)


def test_mistakes_of_all_sections_are_told_at_once(tmp_path: Path) -> None:
    text = (
        SMALLEST
        + """
[siting.changes]
tilt_cost = -1

[siting.microwave]
freq_mhz = 18
reach_m = 600000

[siting.satellite]
mask_deg = 99

[causes]
counterfactuals = 1001
"""
    )
    with pytest.raises(ConfigError) as raised:
        load_scenario(write(tmp_path, text))
    told = str(raised.value)
    assert f"{tmp_path / 'scenario.toml'} has 6 mistakes:\n" in told
    for name in (
        "siting.changes.tilt_cost is -1.0",
        "siting.microwave.freq_mhz is 18.0",
        "siting.microwave.reach_m is 600000.0",
        "neither of siting.microwave.rain_rate_mm_per_h and rain_map is given",
        "siting.satellite.mask_deg is 99.0",
        "causes.counterfactuals is 1001",
    ):
        assert name in told, told
