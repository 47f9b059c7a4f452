"""The tables of docs/accuracy.md are those that the command makes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks.accuracy import over_terrain, paths
from benchmarks.accuracy.__main__ import main
from benchmarks.accuracy.tables import Table, written

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "accuracy.md"


def on_the_page(name: str) -> str:
    found = re.search(rf"<!-- table: {name} -->\n(.*?)<!-- end -->", PAGE.read_text("utf-8"), re.S)
    assert found is not None, name
    return found[1].strip()


def test_tables_are_put_between_their_marks_and_others_stay() -> None:
    page = "a\n<!-- table: one -->\nold\n<!-- end -->\nb\n<!-- table: two -->\nkept\n<!-- end -->\n"
    table = Table(
        name="one", columns={"model": "", "bias": "+.1f"}, rows=[["x", float("nan")], ["refused"]]
    )
    assert written(page, [table]) == (
        "a\n<!-- table: one -->\n\n| model | bias |\n|---|---|\n| x | – |\n| refused |  |\n\n"
        "<!-- end -->\nb\n<!-- table: two -->\nkept\n<!-- end -->\n"
    )
    with pytest.raises(KeyError, match="no mark '<!-- table: three -->'"):
        written(page, [Table(name="three", columns={}, rows=[])])


def test_what_is_not_at_hand_is_skipped_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, numbers = tmp_path / "page.md", tmp_path / "found.json"
    page.write_text("as it was\n", encoding="utf-8")
    main(["--shared", str(tmp_path / "none"), "--json", str(numbers), "--write", str(page)])
    found = json.loads(numbers.read_text("utf-8"))
    assert found["tables"] == []
    assert set(found["skipped"]) >= {"Somerset", "Martin Acres", "Cork"}
    assert "Somerset: skipped, there is no" in capsys.readouterr().out
    assert page.read_text("utf-8") == "as it was\n"


@pytest.mark.slow
def test_the_page_says_what_comes_out_over_terrain(shared_dir: Path) -> None:
    tables = [*paths.somerset(shared_dir), *over_terrain.mursley(shared_dir)]
    for table in tables:
        assert on_the_page(table.name) == table.markdown()
    rows = {row[0]: row for row in tables[0].rows if len(row) > 1}
    # the figures of the set's own description: MAE and RMSE held out, from 250 m on
    assert rows["itu_r_p1812 + constant"][2:4] == pytest.approx([6.08, 7.70], abs=0.1)
    assert rows[paths.NO_TERRAIN][2:4] == pytest.approx([5.84, 7.10], abs=0.15)
