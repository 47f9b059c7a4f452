from __future__ import annotations

import json

import pandas as pd
import pytest

from lensong.coverage.diff import SettingChange, diff, input_changes, setting_changes
from lensong.propagation.errors import DataError


def make_table(
    classes: list[str], voice: list[float], stream: list[float], ids: str = "abcd"
) -> pd.DataFrame:
    count = len(classes)
    return pd.DataFrame(
        {
            "village_id": list(ids)[:count],
            "name": [f"Bản {k}" for k in ids[:count]],
            "commune": "Xã Bình Lư",
            "people": [100.0, 200.0, 300.0, float("nan")][:count],
            "class": classes,
            "served_share_voice_data": voice,
            "served_share_voice_data_4g": voice,
            "served_share_stream": stream,
            "served_share_stream_4g": stream,
            "served_share_stream_5g": stream,
            "served_share_stream_op_viettel": stream,
            "served_share_voice_data_op_mobi_fone": voice,
        }
    )


BEFORE = make_table(
    ["no_signal", "patchy", "covered", "patchy"], [0.0, 0.5, 1.0, 0.4], [0.0, 0.2, 0.9, 0.1]
)
AFTER = make_table(
    ["covered", "patchy", "patchy", "covered"], [1.0, 0.6, 0.8, 1.0], [0.5, 0.2, 0.9, 0.1]
)


def test_villages_and_people_gained_and_lost_are_kept_apart() -> None:
    found = diff(BEFORE, AFTER)
    assert found.services == ("voice_data", "stream")
    assert found.summary["villages_gained"] == 2
    assert found.summary["villages_lost"] == 1
    assert found.summary["class_changes"] == {
        "no_signal -> covered": 1,
        "patchy -> covered": 1,
        "covered -> patchy": 1,
    }
    assert found.summary["people_gained"]["voice_data"] == pytest.approx(100.0 + 20.0)
    assert found.summary["people_lost"]["voice_data"] == pytest.approx(60.0)
    assert found.summary["people_gained"]["stream"] == pytest.approx(50.0)
    assert found.summary["people_served_after"]["voice_data"] == pytest.approx(100 + 120 + 240)
    assert list(found.villages["change"]) == ["gained", "same", "lost", "gained"]


def test_changed_villages_come_with_the_biggest_change_first() -> None:
    assert list(diff(BEFORE, AFTER).changed["village_id"]) == ["a", "c", "b", "d"]


def test_a_plan_against_itself_changes_nothing() -> None:
    found = diff(AFTER, AFTER)
    assert found.changed.empty
    assert found.summary["people_gained"] == {"voice_data": 0.0, "stream": 0.0}
    assert found.summary["people_lost"] == {"voice_data": 0.0, "stream": 0.0}


def test_back_and_forth_is_the_opposite() -> None:
    there, back = diff(BEFORE, AFTER).summary, diff(AFTER, BEFORE).summary
    assert there["villages_gained"] == back["villages_lost"]
    assert there["people_gained"] == pytest.approx(back["people_lost"])


def test_villages_of_one_plan_only_are_listed_and_left_out() -> None:
    other = make_table(["covered", "covered"], [1.0, 1.0], [1.0, 1.0], ids="bx")
    found = diff(BEFORE, other)
    assert found.only_before == ("a", "c", "d")
    assert found.only_after == ("x",)
    assert found.summary["villages_compared"] == 1


def test_numbers_read_from_csv_as_ids_still_join() -> None:
    numbered = BEFORE.assign(village_id=[1, 2, 3, 4])
    text = AFTER.assign(village_id=["1", "2", "3", "4"])
    assert diff(numbered, text).summary["villages_compared"] == 4


def test_everything_is_json_ready() -> None:
    text = json.dumps(diff(BEFORE, AFTER).to_json(), ensure_ascii=False, allow_nan=False)
    assert "Bản a" in text


def test_plans_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(DataError, match=r"different services: voice_data, stream and voice_data;"):
        diff(BEFORE, AFTER[[c for c in AFTER.columns if "stream" not in c]])
    with pytest.raises(DataError, match="no village_id in common"):
        diff(BEFORE, AFTER.assign(village_id=list("wxyz")))
    with pytest.raises(DataError, match="first plan has no column class"):
        diff(BEFORE.drop(columns="class"), AFTER)
    with pytest.raises(DataError, match="second plan has village_id 'a' twice"):
        diff(BEFORE, AFTER.assign(village_id=list("aacd")))
    with pytest.raises(DataError, match="class 'white'"):
        diff(BEFORE.assign(**{"class": "white"}), AFTER)
    bare = BEFORE[["village_id", "name", "people", "class"]]
    with pytest.raises(DataError, match="no column served_share"):
        diff(bare, bare)


def test_settings_that_differ_are_named_by_their_place_in_the_scenario() -> None:
    before = {"title": "a", "handset": {"body_loss_db": 0.0, "indoor": "none"},
              "service": [{"name": "x", "uplink_mbps": 1.0}], "old": True}  # fmt: skip
    after = {"title": "b", "handset": {"body_loss_db": 3.0, "indoor": "none"},
             "service": [{"name": "x", "uplink_mbps": 2.0}, {"name": "y"}]}  # fmt: skip
    assert setting_changes(before, after) == (
        SettingChange(name="handset.body_loss_db", before="0.0", after="3.0"),
        SettingChange(name="service[1].uplink_mbps", before="1.0", after="2.0"),
        SettingChange(name="service[2].name", before="", after='"y"'),
        SettingChange(name="old", before="true", after=""),
    )


def test_inputs_differ_by_content_and_not_by_name() -> None:
    before = [{"role": "cells", "path": "a.csv", "sha256": "1" * 64},
              {"role": "elevation", "path": "d1.tif", "sha256": "2" * 64},
              {"role": "elevation", "path": "d2.tif", "sha256": "3" * 64}]  # fmt: skip
    after = [{"role": "cells", "path": "copy/b.csv", "sha256": "1" * 64},
             {"role": "elevation", "path": "d1.tif", "sha256": "2" * 64},
             {"role": "elevation", "path": "d3.tif", "sha256": "4" * 64}]  # fmt: skip
    assert input_changes(before, after) == (
        SettingChange(
            name="input elevation", before="d2.tif (33333333)", after="d3.tif (44444444)"
        ),
    )
