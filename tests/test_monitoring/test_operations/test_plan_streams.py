"""Streams at once of a plan's folder, at the sites that lie in its villages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from lensong.coverage.results.read import read_result
from lensong.coverage.results.write import write_result
from lensong.monitoring.operations.plan_streams import streams_at
from lensong.monitoring.records import Site
from lensong.propagation.errors import DataError
from tests.small_plan import make_small_plan_result
from tests.test_monitoring.test_operations.test_coverage_run import PLANNED_AT


def folder_with(tmp_path: Path, streams: pd.DataFrame | None) -> Path:
    result = replace(make_small_plan_result(), streams=streams)
    write_result(result, tmp_path / "plan", lensong_version="0", created_at=PLANNED_AT)
    return tmp_path / "plan"


def rows(village_id: str, name: str, *operators: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "village_id": village_id, "name": name, "service": "livestream-720p",
            "operator": operator, "streams": 2, "chance_1": 1.0, "chance_2": 0.95, "chance_3": 0.5,
        }
        for operator in operators
    )  # fmt: skip


def test_a_site_has_the_streams_of_the_village_that_it_lies_in(tmp_path: Path) -> None:
    villages = read_result(folder_with(tmp_path, None)).villages()
    village = villages.iloc[0]
    place = {"commune_code": "1", "lat_deg": village["lat_deg"], "lon_deg": village["lon_deg"]}
    table = rows(str(village["village_id"]), str(village["name"]), "any", "Viettel")
    service = {"name": "livestream-720p", "uplink_mbps": 2.8, "probability": 0.9}
    result = replace(read_result(folder_with(tmp_path, table)), settings={"service": [service]})
    here = Site(site_id="here", name="x", **place)
    away = Site(site_id="away", name="x", **(place | {"lat_deg": village["lat_deg"] + 1.0}))
    bare = Site(site_id="bare", name="x", commune_code="1")
    found = streams_at(result, [here, away, bare])
    assert (found.counted, found.no_village) == (True, ("away",))
    assert [(one.operator, one.chances) for one in found.streams] == [
        ("", (1.0, 0.95, 0.5)),
        ("Viettel", (1.0, 0.95, 0.5)),
    ]
    one = found.streams[0]
    assert (one.site_id, one.village, one.coverage_run) == (
        "here", village["name"], result.result_id,
    )  # fmt: skip
    assert one.uplink_bps == pytest.approx(2.8e6)
    assert one.holding() == 2


def test_a_plan_without_streams_says_so_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    assert not streams_at(read_result(folder_with(tmp_path, None)), []).counted
    table = rows("x", "X", "any").drop(columns="operator")
    with pytest.raises(DataError, match="no column operator"):
        streams_at(read_result(folder_with(tmp_path, table)), [])
