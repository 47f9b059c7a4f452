"""The house: where packages lie and who may import whom."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOTS = ("propagation", "gis_data", "coverage", "planner", "monitoring", "cli")

MAY_IMPORT = {
    "propagation": set[str](),
    "gis_data": {"propagation.types", "propagation.errors"},
    "coverage": {"propagation", "gis_data"},
    "planner": {"coverage", "gis_data", "propagation.types", "propagation.errors"},
    "monitoring": {"coverage", "gis_data", "planner", "propagation.types", "propagation.errors"},
    "cli": {"propagation", "gis_data", "coverage", "planner", "monitoring"},
}
IO_LIBRARIES = {"rasterio", "geopandas", "pyogrio", "fastapi", "httpx", "pandas", "sqlalchemy"}


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder / "lensong" / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Return the dotted names that a module imports, at its top or inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            base = node.module or ""
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("folder", ROOTS)
def test_source_roots_are_no_packages(folder: str) -> None:
    # numba and pytest-cov do `import coverage`: a package of that name would stand in the way
    assert not (ROOT / folder / "__init__.py").exists()
    assert not (ROOT / folder / "lensong" / "__init__.py").exists()
    assert (ROOT / folder / "lensong" / folder / "__init__.py").exists()
    assert (ROOT / folder / "lensong" / folder / "py.typed").exists()
    assert (ROOT / folder / "README.md").read_text(encoding="utf-8").strip()


@pytest.mark.parametrize("folder", ROOTS)
def test_imports_point_one_way(folder: str) -> None:
    for path in sources(folder):
        for name in imported(path):
            if not name.startswith("lensong."):
                continue
            target = name.removeprefix("lensong.")
            own = target == folder or target.startswith(f"{folder}.")
            allowed = any(
                target == other or target.startswith(f"{other}.") for other in MAY_IMPORT[folder]
            )
            # `from lensong.propagation.types import Grid` is also read as ".types.Grid"
            assert own or allowed, f"{path.relative_to(ROOT)} imports {name}"


ROOMS_OF_MONITORING = (
    "errors", "outbound", "tolerance", "uplink_figures", "names", "messages", "passwords",
    "access", "clock", "rate_limit", "records", "notices", "map_bases", "profiles", "readiness",
    "streams", "config", "reports", "store", "uplink", "watch", "probe", "live", "lists", "metrics",
    "service", "operations", "web", "demo", "process",
)  # fmt: skip
"""From the ground up: what stands in a room imports from rooms before it alone."""


def test_no_arrow_runs_up_in_monitoring() -> None:
    root = ROOT / "monitoring/lensong/monitoring"
    walked: set[str] = set()
    for path in sources("monitoring"):
        here = path.relative_to(root)
        room = here.parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        walked.add(room)
        assert room in ROOMS_OF_MONITORING, f"{here}: give the new room its place in the list"
        floor = ROOMS_OF_MONITORING.index(room)
        for name in imported(path):
            parts = name.removeprefix("lensong.monitoring.").split(".")
            if name.startswith("lensong.monitoring.") and parts[0] in ROOMS_OF_MONITORING:
                assert ROOMS_OF_MONITORING.index(parts[0]) <= floor, f"{here} imports {name}"
    assert walked == set(ROOMS_OF_MONITORING)


@pytest.mark.parametrize("folder", ROOTS)
def test_every_folder_says_what_it_is_for(folder: str) -> None:
    for path in sources(folder):
        if path.name == "__init__.py" and "migrations" not in path.parts:
            told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
            assert told, path.relative_to(ROOT)


def test_propagation_does_no_input_or_output() -> None:
    for path in sources("propagation"):
        tops = {name.split(".")[0] for name in imported(path)}
        assert not tops & IO_LIBRARIES, path.relative_to(ROOT)


FILE_CALLS = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir"}
FOLDERS_OF_COVERAGE_WITH_FILES = {"scenario", "results", "cluster"}


def test_coverage_touches_files_in_three_folders_only() -> None:
    root = ROOT / "coverage/lensong/coverage"
    for path in sources("coverage"):
        if path.relative_to(root).parts[0] in FOLDERS_OF_COVERAGE_WITH_FILES:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                function = node.func
                name = function.id if isinstance(function, ast.Name) else ""
                assert name != "open", f"{path.relative_to(ROOT)} opens a file"
                if isinstance(function, ast.Attribute) and function.attr in FILE_CALLS:
                    # what lies inside the installed package is code, not input
                    assert "files(" in ast.unparse(function), path.relative_to(ROOT)


WORK_ON_FILES = {
    f"lensong.gis_data.{module}"
    for module in ("atomic", "cog", "kmz", "raster_checks", "reading", "vector_write", "vectors")
}


def test_coverage_asks_for_files_in_three_folders_only() -> None:
    root = ROOT / "coverage/lensong/coverage"
    for path in sources("coverage"):
        if path.relative_to(root).parts[0] not in FOLDERS_OF_COVERAGE_WITH_FILES:
            assert not imported(path) & WORK_ON_FILES, path.relative_to(ROOT)


def test_no_module_is_longer_than_its_topic() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ROOTS
        for path in sources(folder)
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 600
    }
    assert not long


def test_the_lock_holds_names_and_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 50
    for line in lines:
        assert "==" in line, line
        assert "://" not in line, line


def test_the_lock_covers_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = {
        line.split("==")[0].split("[")[0].strip().lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    }
    for wanted in project["dependencies"]:
        name = wanted.split(">=")[0].split("[")[0].strip().lower().replace("_", "-")
        assert name in locked, name
