"""Notebooks run from top to bottom and are committed without output.

That of one village runs on what `lensong demo` wrote, where that is tested.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.notebook_runs import NOTEBOOKS, read_notebook, run_notebook


def test_the_notebooks_are_those_that_tests_run() -> None:
    assert sorted(path.name for path in NOTEBOOKS.glob("*.ipynb")) == [
        "demo.ipynb",
        "village.ipynb",
    ]


@pytest.mark.parametrize("name", ["demo.ipynb", "village.ipynb"])
def test_it_is_committed_without_output(name: str) -> None:
    for cell in read_notebook(NOTEBOOKS / name).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own libraries
def test_the_demo_runs_and_every_picture_says_synthetic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_notebook("demo.ipynb", tmp_path, monkeypatch) == 5
