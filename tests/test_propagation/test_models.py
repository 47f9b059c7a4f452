"""The registry says what is there, and nothing that is not."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lensong.propagation.errors import ConfigError, InvalidInputError, OutOfRangeError
from lensong.propagation.link import Climate, Link
from lensong.propagation.model import Model
from lensong.propagation.models import MODELS, map_models, map_of, model, registry
from lensong.propagation.p1812 import PathProfile


@pytest.mark.parametrize("entry", MODELS.values(), ids=lambda entry: entry.name)
def test_every_record_names_a_public_function_of_a_module(entry: Model) -> None:
    module, _, name = entry.function_name.rpartition(".")
    assert getattr(importlib.import_module(module), name) is entry.function
    assert name in importlib.import_module(module).__all__


def test_no_two_models_have_one_name() -> None:
    with pytest.raises(InvalidInputError, match="two models are called free_space"):
        registry((MODELS["itm"], MODELS["free_space"]), (MODELS["free_space"],))


@pytest.mark.parametrize("entry", MODELS.values(), ids=lambda entry: entry.name)
def test_every_record_says_source_and_alternative(entry: Model) -> None:
    assert entry.source
    assert entry.instead
    assert entry.title
    assert model(entry.name) is entry


@pytest.mark.parametrize("name", ["p1812", "P.1812", "ITU-R P.1812", "itu-r-p1812", " itu_r_p1812"])
def test_every_spelling_of_a_name_is_understood(name: str) -> None:
    assert model(name).name == "itu_r_p1812"
    assert map_of(name)[0].name == "itu_r_p1812"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="itu_r_p1812"):
        model("p1821")


def test_a_name_like_no_other_is_answered_with_the_list() -> None:
    with pytest.raises(ConfigError, match="known are itu_r_p1812, free_space"):
        model("@@@")


def record(**changes: Any) -> Model:
    fields: dict[str, Any] = {
        "name": "x",
        "title": "t",
        "kind": "add_on",
        "freq_mhz": (1.0, 5.0),
        "source": "s",
        "function": model,
        "instead": "i",
    }
    return Model(**{**fields, **changes})


def test_a_range_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="freq_mhz of x is 5"):
        record(freq_mhz=(5.0, 1.0))


@pytest.mark.parametrize("kind", ["add_on", "path"])
def test_a_record_has_the_loss_of_its_kind(kind: str) -> None:
    with pytest.raises(InvalidInputError, match=r"x is .* and has a loss of another kind"):
        record(kind=kind, over_distance=MODELS["free_space"].over_distance)


def test_what_draws_maps_gives_a_loss_at_a_point_too() -> None:
    assert len(map_models()) > 10
    for name in map_models():
        assert MODELS[name].point_model, name


@pytest.mark.parametrize("name", [name for name, entry in MODELS.items() if entry.over_profile])
def test_a_profile_model_refuses_what_it_does_not_hold_for(name: str) -> None:
    loss = MODELS[name].over_profile
    assert loss is not None
    profile = PathProfile.over_land(np.arange(0.0, 5001.0, 50.0), np.full(101, 600.0))
    link, climate = Link(1800.0, 30.0, 1.5), Climate(44.0, 330.0)
    assert 90.0 < loss(profile, link, climate) < 180.0
    for bad in (Link(1.0, 30.0, 1.5), Link(1800.0, 0.1, 1.5), Link(1800.0, 30.0, 1e6)):
        with pytest.raises(OutOfRangeError):
            loss(profile, bad, climate)
    with pytest.raises(OutOfRangeError):
        loss(profile, link, climate._replace(time_percent=0.0))


def test_a_changed_copy_of_a_record_is_another_model() -> None:
    other = replace(MODELS["itm"], name="other")
    assert registry((MODELS["itm"],), (other,))["other"].draw is MODELS["itm"].draw
