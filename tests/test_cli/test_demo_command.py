"""`lensong demo` goes from nothing to a report."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from lensong.cli.main import lensong
from tests.notebook_runs import run_notebook


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the notebook kernel's libraries
def test_the_demo_has_villages_of_every_class_and_a_notebook_tells_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, cache = tmp_path / "demo", tmp_path / "cache"
    run = CliRunner().invoke(lensong, ["demo", "--out", str(out), "--cache", str(cache)])
    assert run.exit_code == 0, run.output
    report = out / "result" / "report.html"
    assert f"Open in a browser:  {report}" in run.stdout
    assert "SYNTHETIC" in run.stdout
    assert "giả lập" in report.read_text(encoding="utf-8")

    villages = pd.read_csv(out / "result" / "villages.csv")
    counts = villages["class"].value_counts()
    assert len(villages) == 60
    assert counts["covered"] >= 25
    assert counts["patchy"] >= 8
    assert counts["no_signal"] >= 4
    record = json.loads((out / "result" / "run.json").read_text(encoding="utf-8"))
    assert record["synthetic"] is True
    # its terrain reaches 10 km, its signals a little further
    (warning,) = record["warnings"]
    assert "above the noise where their radius ends inside the area" in warning
    assert "at 10 km" in warning

    # on the same result: a plan of the demo takes a minute
    monkeypatch.setenv("LENSONG_DEMO", str(out))
    assert run_notebook("village.ipynb", tmp_path, monkeypatch) == 6
