"""Fixtures of the radio side: a small plan made by hand and its report."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from lensong.coverage.report.html import render_report
from lensong.coverage.result import PlanResult
from tests.small_plan import make_small_plan_result


@pytest.fixture
def small_plan_result() -> PlanResult:
    """Return the plan of a small synthetic valley; read-only."""
    return make_small_plan_result()


@pytest.fixture(scope="session")
def report_html() -> str:
    """Return the report of the small plan."""
    found = find_spec("maplibre")
    assert found is not None
    assert found.submodule_search_locations is not None
    folder = Path(found.submodule_search_locations[0]) / "srcjs"
    script, style = ((folder / f"maplibre-gl.{kind}").read_text("utf-8") for kind in ("js", "css"))
    return render_report(make_small_plan_result(), maplibre_js=script, maplibre_css=style)


@pytest.fixture(scope="session")
def report_file(report_html: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report as a file."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report_html, encoding="utf-8")
    return path
