from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lensong.coverage.service import DEFAULT_SERVICES, Handset, Service
from lensong.propagation.errors import InvalidInputError, OutOfRangeError


def test_the_default_services_are_the_stated_ones() -> None:
    rates = {s.name: (s.technologies, s.downlink_mbps, s.uplink_mbps) for s in DEFAULT_SERVICES}
    assert rates == {
        "voice-data": (("4G", "5G"), 1.0, 0.25),
        "livestream-720p": (("4G", "5G"), 1.0, 2.8),
        "livestream-1080p": (("4G", "5G"), 1.0, 4.4),
    }
    assert {s.probability for s in DEFAULT_SERVICES} == {0.9}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "has no name"),
        ({"name": "voice/data"}, "'voice/data' cannot be part of file and column names"),
        ({"name": "../x"}, "cannot be part of file and column names"),
        ({"name": "a\nb"}, "cannot be part of file and column names"),
        ({"name": "a" * 61}, "cannot be part of file and column names"),
        ({"technologies": ()}, "names no technology"),
        ({"uplink_mbps": -1.0}, "uplink_mbps of service 's' is -1"),
        ({"downlink_mbps": 1e6}, "downlink_mbps of service 's'"),
        ({"probability": 95.0}, "probability of service 's' is 95"),
    ],
)
def test_a_service_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    fields: dict[str, Any] = {"name": "s", "downlink_mbps": 1.0, "uplink_mbps": 1.0}
    with pytest.raises(InvalidInputError, match=message):
        Service(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"height_agl_m": -1.5}, "height_agl_m of the handset"),
        ({"tx_power_dbm": 200.0}, "tx_power_dbm of the handset is 200"),
        ({"body_loss_db": -3.0}, "body_loss_db of the handset"),
        ({"downlink_modulation": "1024QAM"}, "downlink_modulation is '1024QAM'"),
        ({"uplink_modulation": "QPSK"}, "uplink_modulation is 'QPSK'"),
    ],
)
def test_a_handset_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Handset(**changes)


def test_an_out_of_range_error_is_an_invalid_input() -> None:
    with pytest.raises(OutOfRangeError):
        Handset(noise_figure_db=99.0)


@pytest.mark.parametrize("name", ["a/b", "..", "a\\b", "a\nb", "", "x" * 300])
def test_a_name_that_no_file_can_have_is_refused_at_once(name: str) -> None:
    with pytest.raises(InvalidInputError, match="service"):
        replace(DEFAULT_SERVICES[0], name=name)
