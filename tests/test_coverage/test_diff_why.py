"""What two plans say otherwise of causes, streams at once and what would mend a gap."""

from __future__ import annotations

import json
from math import isnan

import pandas as pd
import pytest

from lensong.coverage.causes.split import TERMS
from lensong.coverage.diff import PlanDiff, diff
from lensong.coverage.diff_text import lack_rows, mend_rows, stream_rows
from lensong.propagation.errors import DataError


def table(
    rows: dict[str, dict[str, float] | None], streams: dict[str, list[int]] | None = None
) -> pd.DataFrame:
    """Return a village table; of each village its parts in dB, None where it is covered."""
    found = pd.DataFrame(
        {
            "village_id": list(rows),
            "name": [f"Bản {k}" for k in rows],
            "people": 100.0,
            "class": ["covered" if parts is None else "patchy" for parts in rows.values()],
            "served_share_stream": 0.5,
        }
    )
    nan = float("nan")
    for term in TERMS:
        found[f"cause_{term}_db"] = [nan if p is None else p.get(term, 0.0) for p in rows.values()]
    found["shortfall_db"] = [nan if p is None else sum(p.values()) for p in rows.values()]
    found["main_cause"] = [None if p is None else max(p, key=p.__getitem__) for p in rows.values()]
    found["cause_cell"] = "C1"
    for service, counts in (streams or {}).items():
        found[f"streams_at_once_{service}"] = counts
    return found


def tried(*rows: tuple[str, str, str, str, float, float]) -> pd.DataFrame:
    names = ["village_id", "change", "before", "after", "gained_db", "gained_people"]
    return pd.DataFrame(rows, columns=names)


BEFORE = table(
    {"a": {"terrain": 8.0, "distance": -2.0}, "b": {"clutter": 4.0}, "c": None, "d": {"load": 1.0}},
    {"stream": [4, 6, 20, 9], "hd": [1, 1, 1, 1]},
)
AFTER = table(
    {"a": {"terrain": 8.5, "clutter": 11.0}, "b": None, "c": {"antenna": 3.0}, "d": {"load": 1.04}},
    {"stream": [4, 20, 7, 9], "old": [1, 1, 1, 1]},
)
MENDS = (
    tried(
        ("a", "higher_mast", "30 m", "40 m", 3.0, 40.0),
        ("a", "more_power", "46 dBm", "48 dBm", 0.0, 0.0),
        ("b", "new_mast", "", "22.1 103.1", 9.0, 90.0),
    ),
    tried(
        ("a", "higher_mast", "30 m", "40 m", 1.0, 12.0),
        ("a", "more_power", "46 dBm", "48 dBm", 0.02, 0.3),
        ("c", "other_tilt", "2 deg down", "6 deg down", 4.0, 50.0),
    ),
)


@pytest.fixture(scope="module")
def found() -> PlanDiff:
    return diff(BEFORE, AFTER, mends=MENDS)


def test_parts_before_and_after_are_kept_and_the_one_that_grew_most_is_named(
    found: PlanDiff,
) -> None:
    rows = found.villages.set_index("village_id")
    assert (rows.loc["a", "shortfall_before_db"], rows.loc["a", "shortfall_after_db"]) == (
        6.0,
        19.5,
    )
    assert rows.loc["a", "most_grown"] == "clutter"
    assert (rows.loc["a", "main_cause_before"], rows.loc["a", "main_cause_after"]) == (
        "terrain",
        "clutter",
    )
    assert rows.loc["a", "cause_distance_before_db"] == -2.0
    assert rows.loc["b", "most_grown"] == ""
    assert isnan(rows["shortfall_after_db"].loc["b"])


def test_villages_that_lack_otherwise_come_with_the_biggest_change_first(found: PlanDiff) -> None:
    assert list(lack_rows(found, " -> ")) == [
        (
            "Bản a",
            "6.0 dB -> 19.5 dB",
            "terrain -> trees and houses",
            "C1",
            "trees and houses +11.0, distance +2.0, terrain +0.5",
        ),
        ("Bản b", "4.0 dB -> nothing", "trees and houses -> none", "C1", "trees and houses −4.0"),
        (
            "Bản c",
            "nothing -> 3.0 dB",
            "none -> antenna pattern and tilt",
            "C1",
            "antenna pattern and tilt +3.0",
        ),
    ]  # that of d is below what is printed


def test_streams_are_compared_per_service_that_both_count(found: PlanDiff) -> None:
    assert found.why.streams == ("stream",)
    assert list(stream_rows(found, " -> ")) == [("Bản b", "6 -> 20"), ("Bản c", "20 -> 7")]
    assert [note for note in found.notes if "streams" in note] == [
        "streams at once of hd are counted in the first result alone",
        "streams at once of old are counted in the second result alone",
    ]


def test_changes_that_one_plan_alone_tried_or_that_bring_otherwise_are_told(
    found: PlanDiff,
) -> None:
    assert list(mend_rows(found, " -> ")) == [
        ("Bản a", "mast 10 m higher", "30 m -> 40 m", "+3.0 dB, +40 people", "+1.0 dB, +12 people"),
        ("Bản c", "best other tilt", "2 deg down -> 6 deg down", "not tried",
         "+4.0 dB, +50 people"),
        ("Bản b", "a new mast nearby", "22.1 103.1", "+9.0 dB, +90 people", "not tried"),
    ]  # fmt: skip


def test_what_a_result_does_not_have_is_named() -> None:
    plain = BEFORE[[c for c in BEFORE.columns if "cause" not in c and "streams" not in c]]
    older = diff(plain, AFTER, mends=(None, MENDS[1]))
    assert [note.split(" (")[0] for note in older.notes] == [
        "the first result has no causes of gaps",
        "the first result has no counts of streams at once",
        "the first result has no table of counterfactuals beside it: "
        "what would mend a gap is not compared",
    ]
    assert older.lacking.empty
    assert older.streaming.empty
    assert older.why.mended.empty
    neither = diff(plain, plain)
    assert all(note.startswith("neither result has") for note in neither.notes)
    switched_off = diff(BEFORE, AFTER, mends=(MENDS[0], MENDS[1].iloc[:0]))
    assert "the second result tried no change of the network" in switched_off.notes[-1]


def test_everything_is_json_ready(found: PlanDiff) -> None:
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert [row["village_id"] for row in told["lacking"]] == ["a", "b", "c"]
    assert [row["village_id"] for row in told["streaming"]] == ["b", "c"]
    assert [row["change"] for row in told["mended"]] == ["higher_mast", "other_tilt", "new_mast"]


def test_a_plan_against_itself_has_nothing_to_say() -> None:
    same = diff(BEFORE, BEFORE, mends=(MENDS[0], MENDS[0]))
    assert (len(same.lacking), len(same.streaming), len(same.why.mended)) == (0, 0, 0)
    assert same.notes == ()


def test_a_spoiled_table_of_changes_is_refused() -> None:
    with pytest.raises(DataError, match="first result have no column gained_db"):
        diff(BEFORE, AFTER, mends=(MENDS[0].drop(columns="gained_db"), MENDS[1]))
    twice = pd.concat([MENDS[1], MENDS[1].iloc[:1]])
    with pytest.raises(DataError, match="second result have higher_mast of village a twice"):
        diff(BEFORE, AFTER, mends=(MENDS[0], twice))
