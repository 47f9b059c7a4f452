"""Indoor service by P.2109: what the wall costs and how it spreads."""

from __future__ import annotations

import pytest

from lensong.coverage.indoor import entry_loss_db, entry_sigma_db, level_sigma_db
from lensong.coverage.link_budget import cell_budget
from lensong.coverage.network import Network
from lensong.coverage.service import Handset
from lensong.coverage.sweeps import PropagationSettings
from lensong.propagation.errors import InvalidInputError
from tests.test_coverage.test_sweeps import cell, mast

INDOORS = Handset(indoor="traditional")


def test_outdoors_nothing_is_added() -> None:
    assert entry_loss_db(Handset(), 1800.0) == 0.0
    assert entry_sigma_db(Handset(), 1800.0) == 0.0


def test_median_loss_is_that_of_the_recommendation() -> None:
    # P.2109-2 eq. (1) with table 1 on a horizontal path, probability one half, to 0.1 dB:
    # traditional 12.64 + 3.72 log 1.8 + 0.96 log² 1.8 = 13.65 and thermally efficient
    # 28.19 - 3.00 log 1.8 + 8.48 log² 1.8 = 27.98 are the horizontal medians; the lognormal sum
    # of its two parts and 10^(C/10) lies above them
    assert 13.65 < entry_loss_db(INDOORS, 1800.0) < 16.0
    assert 27.98 < entry_loss_db(Handset(indoor="efficient"), 1800.0) < 32.0


def test_the_wall_takes_from_the_level_of_both_directions() -> None:
    some = cell("c", "m")
    outdoors, indoors = cell_budget(some, Handset()), cell_budget(some, INDOORS)
    loss = entry_loss_db(INDOORS, some.carrier.downlink_freq_mhz)
    assert outdoors.level_offset_db - indoors.level_offset_db == pytest.approx(loss)
    # the uplink is reckoned from the level: the same loss once more would count it twice
    assert outdoors.uplink_snr_offset_db == pytest.approx(indoors.uplink_snr_offset_db)


def test_the_building_spreads_the_level() -> None:
    network = Network(masts=(mast("m", 60.0, 60.0),), cells=(cell("c", "m"),))
    settings = PropagationSettings(location_sigma_db=3.0, model_sigma_db=4.0)
    assert level_sigma_db(settings, Handset(), network) == pytest.approx(5.0)
    assert level_sigma_db(settings, INDOORS, network) == pytest.approx(9.7, abs=0.2)


def test_an_unknown_building_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="'traditional' or 'efficient'"):
        Handset(indoor="igloo")  # type: ignore[arg-type]  # what is tested
