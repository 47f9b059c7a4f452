"""`lensong diff` tells who gains and who loses between two results."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.test_cli.small_scenario import SmallPlan


@pytest.fixture
def results(small: SmallPlan, tmp_path: Path) -> tuple[Path, Path]:
    """Return a result, and one with so little power that every village loses."""
    assert small.plan("--quiet").exit_code == 0
    strong = small.out
    small.out = tmp_path / "weak"
    small.replace("cells.csv", "B3,20,46", "B3,20,-10")
    assert small.plan("--quiet").exit_code == 0
    return strong, small.out


def test_a_lost_village_ends_with_one(small: SmallPlan, results: tuple[Path, Path]) -> None:
    strong, weak = results
    run = small.run("diff", str(strong), str(weak))
    assert run.exit_code == 1
    assert "0 villages gained, 2 lost of 2 compared" in run.stdout
    assert re.search(r"input cells\s+cells.csv \(\w{8}\) -> cells.csv \(\w{8}\)", run.stdout)
    assert "Bản Mẫu 1" in run.stdout
    assert re.search(r"Bản Mẫu 1 +nothing -> \d+\.\d dB +none -> \w+", run.stdout)
    assert re.search(r"streams at once +livestream_720p", run.stdout)
    assert re.search(r"Bản Mẫu 2 +mast 10 m higher +30 m -> 40 m +not tried", run.stdout)
    assert "note: the first result tried no change of the network" in run.stdout


@pytest.mark.slow
def test_a_gain_ends_with_zero(small: SmallPlan, results: tuple[Path, Path]) -> None:
    strong, weak = results
    run = small.run("diff", str(weak), str(strong))
    assert run.exit_code == 0
    assert "2 villages gained, 0 lost of 2 compared" in run.stdout


@pytest.mark.slow
def test_a_result_against_itself_changes_nothing(
    small: SmallPlan, results: tuple[Path, Path]
) -> None:
    run = small.run("diff", str(results[0]), str(results[0]))
    assert run.exit_code == 0
    assert "no village changed" in run.stdout
    assert "by the same settings from the same inputs" in run.stdout


@pytest.mark.slow
def test_json_has_the_totals(small: SmallPlan, results: tuple[Path, Path]) -> None:
    strong, weak = results
    found = json.loads(small.run("diff", str(strong), str(weak), "--json").stdout)
    assert found["summary"]["villages_lost"] == 2
    assert len(found["changed"]) == 2


@pytest.mark.parametrize("content", [None, "", "a,b\n1,2\n", "\x00\x01"])
def test_what_is_no_result_is_refused(
    small: SmallPlan, tmp_path: Path, content: str | None
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    if content is not None:
        (folder / "villages.csv").write_text(content)
    run = small.run("diff", str(folder), str(folder))
    assert run.exit_code == 2
    assert "lensong plan" in run.stderr
    assert "Traceback" not in run.stderr
