"""The registry says what is there, and nothing that is not."""

from __future__ import annotations

import importlib

import pytest

from lensong.propagation.errors import ConfigError, InvalidInputError
from lensong.propagation.models import MODELS, ModelInfo, model
from lensong.propagation.sweep import MODELS as SWEEP_MODELS


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.name)
def test_every_entry_names_a_function_that_exists(entry: ModelInfo) -> None:
    module, _, name = entry.function.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))


def test_names_are_unique() -> None:
    names = [entry.name for entry in MODELS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.name)
def test_every_entry_says_source_and_alternative(entry: ModelInfo) -> None:
    assert entry.source
    assert entry.instead
    assert entry.title
    assert model(entry.name) is entry


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="itu_r_p1812"):
        model("p1812")


def test_a_name_like_no_other_is_answered_with_the_list() -> None:
    with pytest.raises(ConfigError, match="known are itu_r_p1812, free_space"):
        model("@@@")


def test_a_range_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="freq_mhz of x is 5"):
        ModelInfo(
            name="x",
            title="t",
            kind="add_on",
            map_engine=False,
            freq_mhz=(5.0, 1.0),
            source="s",
            function="f",
            instead="i",
        )


def test_the_map_engines_of_the_registry_are_those_of_the_sweep() -> None:
    assert {entry.name for entry in MODELS if entry.map_engine} == set(SWEEP_MODELS)
