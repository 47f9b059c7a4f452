from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.coverage.report.legend import (
    RSRP_BREAKS_DBM,
    cell_legend,
    classify,
    probability_legend,
    rate_legend,
    reason_legend,
    rsrp_breaks_dbm,
    rsrp_legend,
    rsrq_legend,
    server_indices,
    sinr_legend,
)
from lensong.coverage.result import REASONS
from lensong.coverage.service import DEFAULT_SERVICES
from lensong.propagation.errors import InvalidInputError


@given(level=st.floats(-160.0, -40.0))
def test_a_level_falls_into_the_class_that_the_legend_prints(level: float) -> None:
    legend = rsrp_legend()
    index = int(classify(np.array([level], dtype=np.float32), legend)[0])
    level = float(np.float32(level))
    if index == 0:
        assert level < RSRP_BREAKS_DBM[0]
        return
    found = legend.classes[index - 1]
    assert found.low is not None
    assert found.low <= level
    assert found.high is None or level < found.high


def test_no_data_is_never_drawn() -> None:
    values = np.array([np.nan, -80.0], dtype=np.float32)
    assert classify(values, rsrp_legend()).tolist() == [0, 5]
    assert classify(values, sinr_legend()).tolist() == [0, 0]


def test_levels_run_from_red_to_green() -> None:
    colours = [bytes.fromhex(c[1:]) for c in rsrp_legend().colours]
    assert colours[0][0] > 2 * colours[0][1]  # poor: red
    assert colours[-1][1] > 2 * colours[-1][0]  # good: green


def test_level_thresholds_come_from_the_scenario() -> None:
    settings = {"report": {"rsrp_dbm": [-120.0, -100.0, -80.0]}}
    assert rsrp_legend(rsrp_breaks_dbm(settings)).breaks == [-120.0, -100.0, -80.0]
    assert rsrp_breaks_dbm({}) == RSRP_BREAKS_DBM


@pytest.mark.parametrize("breaks", [[], [-100.0], [-100.0, -100.0], list(range(-130, -110))])
def test_thresholds_that_cannot_be_told_apart_are_refused(breaks: list[float]) -> None:
    with pytest.raises(InvalidInputError, match="level thresholds"):
        rsrp_legend(breaks)


def test_rates_grow_in_lightness_for_colour_blind_readers_and_grey_print() -> None:
    for direction in ("downlink", "uplink"):
        colours = rate_legend(DEFAULT_SERVICES, direction).colours
        lightness = [_luminance(c) for c in colours]
        assert lightness == sorted(lightness)


def test_grey_print_tells_the_two_ends_of_the_level_apart() -> None:
    for legend in (rsrp_legend(), sinr_legend(), rsrq_legend()):
        poor, good = _luminance(legend.colours[0]), _luminance(legend.colours[-1])
        assert (poor + 0.05) / (good + 0.05) > 1.8  # contrast as WCAG has it; it was 1.0


def test_what_a_service_needs_is_a_threshold_of_the_rates() -> None:
    classes = rate_legend(DEFAULT_SERVICES, "uplink").classes
    named = {c.low: c.services for c in classes if c.services}
    assert named == {
        0.25: ("voice-data",),
        2.8: ("livestream-720p",),
        4.4: ("livestream-1080p",),
    }


def test_the_demanded_probability_is_a_threshold() -> None:
    service = DEFAULT_SERVICES[1]
    classes = probability_legend(service).classes
    assert [c.low for c in classes if c.services] == [90.0]


def test_every_reason_but_served_has_its_own_colour() -> None:
    classes = reason_legend().classes
    assert [c.key for c in classes] == [f"reason.{name}" for name in REASONS[1:]]
    assert len({c.colour for c in classes}) == len(REASONS) - 1


def test_cells_of_a_mast_share_a_hue_and_differ_in_lightness() -> None:
    legend = cell_legend([("A-1", "A"), ("A-2", "A"), ("B-1", "B")])
    assert len(set(legend.colours)) == 3
    assert _luminance(legend.colours[0]) < _luminance(legend.colours[1])


def test_serving_cells_map_to_their_place_in_the_legend() -> None:
    best = np.array([[-1, 7], [3, 7]], dtype=np.int16)
    assert server_indices(best, [3, 7]).tolist() == [[0, 2], [1, 2]]


def _luminance(colour: str) -> float:
    channels = np.frombuffer(bytes.fromhex(colour[1:]), np.uint8) / 255.0
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_cells_past_the_palette_are_named_with_the_cell_whose_colour_they_share() -> None:
    cells = [(f"C{n}", f"M{n // 3}") for n in range(744)]
    classes = cell_legend(cells).classes
    index = server_indices(np.arange(744, dtype=np.int16)[None, :], list(range(744)))[0]
    for n, (cell_id, _) in enumerate(cells):
        assert cell_id in classes[index[n] - 1].text.split(" / ")
