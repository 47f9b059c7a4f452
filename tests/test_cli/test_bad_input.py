"""Whatever is wrong with the input ends in one message that says what to do, and in code 2."""

from __future__ import annotations

import errno
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from lensong.coverage import sweeps
from lensong.gis_data.array_store import ArrayStore
from lensong.gis_data.demo import write_demo
from tests.test_cli.small_scenario import CELLS, SmallPlan, ground_m, write_raster
from tests.waiting import PATIENCE_S, wait_until

Spoil = Callable[[SmallPlan], None]


def refused(run: Result, *parts: str) -> None:
    """Assert that a run ended with code 2 and one message with those parts."""
    assert run.exit_code == 2, run.output
    assert run.stdout == ""
    # a stage of more than a second says so before, as on a busy machine
    said = [line for line in run.stderr.splitlines() if ": done in " not in line]
    assert said[0].startswith("error: ")
    assert "Traceback" not in run.stderr
    for part in parts:
        assert part in run.stderr


def test_the_sound_scenario_is_planned(small: SmallPlan) -> None:
    run = small.plan("--quiet")
    assert run.exit_code == 0, run.output
    assert (small.out / "report.html").is_file()


def edited(name: str, old: str, new: str) -> Spoil:
    return lambda small: small.replace(name, old, new)


def terrain(**changes: Any) -> Spoil:
    return lambda small: write_raster(small.folder / "dem.tif", ground_m(), **changes)


def void_ridden(small: SmallPlan) -> None:
    ground = ground_m()
    ground[30:60, 30:70] = -32768.0
    write_raster(small.folder / "dem.tif", ground, nodata=-32768.0)


def heights_in_feet(small: SmallPlan) -> None:
    write_raster(small.folder / "dem.tif", ground_m() * np.float32(12.0))


def feet_against_the_scenario(small: SmallPlan) -> None:
    terrain(unit="ft")(small)
    small.replace("scenario.toml", 'path = "dem.tif"', 'path = "dem.tif"\nunit = "m"')


def all_water(small: SmallPlan) -> None:
    write_raster(small.folder / "cover.tif", np.full((CELLS, CELLS), 80, dtype=np.uint8))


def decimal_commas(small: SmallPlan) -> None:
    path = small.folder / "cells.csv"
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *(row.replace(".4", ",4") for row in rows)]))


def truncated_pattern(small: SmallPlan) -> None:
    path = small.folder / "antennas" / "sector.msi"
    path.write_text(path.read_text()[:1500])


def no_pattern(small: SmallPlan) -> None:
    (small.folder / "antennas" / "sector.msi").unlink()


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        pytest.param(
            lambda small: (small.folder / "dem.tif").unlink(),
            ["line 6", "elevation.path is 'dem.tif'", "put the file there"],
            id="missing file",
        ),
        pytest.param(
            terrain(crs=None),
            ["dem.tif has no coordinate reference system", "write it in"],
            id="raster without CRS",
        ),
        pytest.param(
            terrain(west_m=400_000.0),
            ["the elevation data (dem.tif) span 104.0", "correct the area"],
            id="area outside the terrain",
        ),
        pytest.param(
            void_ridden,
            ["has no height in dem.tif (voids)", "elevation.fill_voids = true"],
            id="void-ridden terrain",
        ),
        pytest.param(
            heights_in_feet,
            ["are they feet?", 'elevation.unit = "ft"'],
            id="heights in feet",
        ),
        pytest.param(
            feet_against_the_scenario,
            ["declares its heights in 'ft'", 'elevation.unit = "ft"'],
            id="heights declared in feet where the scenario says metres",
        ),
        pytest.param(
            edited("villages.csv", "lat,lon", "lon,lat"),
            ["villages.csv line 2", "seem swapped", "swap the two columns"],
            id="latitude and longitude of villages swapped",
        ),
        pytest.param(
            edited("cells.csv", "lat,lon", "lon,lat"),
            ["cells.csv: line 2", "seem swapped", "exchange the names of the two columns"],
            id="latitude and longitude of cells swapped",
        ),
        pytest.param(
            decimal_commas,
            ["cells.csv line 2 has 12 fields, wanted 11", "decimal commas need ';' or tabs"],
            id="decimal commas",
        ),
        pytest.param(
            edited("cells.csv", "S1-2,", "S1-1,"),
            ["'S1-1' (line 2, line 3)", "give every cell its own id"],
            id="duplicate cell ids",
        ),
        pytest.param(
            edited("cells.csv", "22.4072", "22.9072"),
            ["'S1'", "outside", 'network.doubtful_masts = "accept"'],
            id="mast outside the grid",
        ),
        pytest.param(
            all_water,
            ["open water", "check positions", 'network.doubtful_masts = "accept"'],
            id="mast on water",
        ),
        pytest.param(
            edited("cells.csv", ",180,", ",400,"),
            ["line 3: azimuth_deg of 'S1-2' is 400.0, wanted 0.0 to 360.0", "correct it"],
            id="azimuth 400",
        ),
        pytest.param(
            edited("cells.csv", ",30,0,", ",-30,0,"),
            ["line 2: height_agl_m of 'S1-1' is -30.0, wanted 1.0 to 3000.0"],
            id="negative height",
        ),
        pytest.param(
            edited("cells.csv", "0,sector.msi", "0,nosuch.msi"),
            ["'nosuch.msi' is not among", "correct the name"],
            id="unknown antenna file",
        ),
        pytest.param(
            truncated_pattern,
            ["antenna file 'sector' has", "of 360 lines", "truncated"],
            id="truncated antenna file",
        ),
        pytest.param(
            no_pattern,
            ["no .msi or .pln file in it", "leave the key out"],
            id="empty folder of antennas",
        ),
        pytest.param(
            edited("cells.csv", "total_power_dbm", "power"),
            ['network.power = "total"', 'network.power = "per_re"'],
            id="power of what",
        ),
        pytest.param(
            edited("scenario.toml", "radius_m = 700", "raduis_m = 700"),
            ["line 15: raduis_m is no key of section [network]: did you mean radius_m?"],
            id="unknown scenario key",
        ),
    ],
)
def test_bad_input_is_refused_with_a_way_out(
    small: SmallPlan, spoil: Spoil, parts: list[str]
) -> None:
    spoil(small)
    refused(small.plan(), *parts)
    assert not small.out.exists() or list(small.out.iterdir()) == []
    refused(small.check(), *parts)


def test_decimal_commas_between_semicolons_are_read(small: SmallPlan) -> None:
    path = small.folder / "cells.csv"
    path.write_text(
        path.read_text().replace(",", ";").replace("22.", "22,").replace("103.", "103,")
    )
    assert small.check("--quiet").exit_code == 0


def test_doubtful_masts_are_planned_when_accepted(small: SmallPlan) -> None:
    all_water(small)
    small.replace("scenario.toml", "radius_m = 700", 'radius_m = 700\ndoubtful_masts = "accept"')
    run = small.check()
    assert run.exit_code == 1
    assert "1 masts stand on open water" in run.stdout


def test_a_file_in_place_of_the_output_folder_is_refused(small: SmallPlan) -> None:
    small.out.write_text("mine")
    refused(small.plan(), str(small.out), "choose an output folder")
    assert small.out.read_text() == "mine"


def test_an_unwritable_output_folder_is_refused_before_the_work(
    small: SmallPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions do not bind root, so the system's answer is simulated."""

    def denied(**_options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(small.out))

    def never(*_arguments: object, **_options: object) -> None:
        raise AssertionError("sweeps were made for a folder that cannot be written")

    monkeypatch.setattr("tempfile.TemporaryFile", denied)
    monkeypatch.setattr(sweeps, "sweep_carriers", never)
    refused(small.plan(), str(small.out), "Permission denied", "choose an output folder")


def test_a_full_disk_leaves_no_half_result(
    small: SmallPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert small.plan("--quiet").exit_code == 0
    before = {path.name: path.read_bytes() for path in small.out.iterdir()}

    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lensong.coverage.results.write.write_csv", full)
    small.replace("scenario.toml", 'title = "Small"', 'title = "Other"')
    refused(small.plan("--quiet"), "the disk is full", "make room")
    assert {path.name: path.read_bytes() for path in small.out.iterdir()} == before


def test_a_full_disk_under_the_cache_is_said_and_the_plan_goes_on(
    small: SmallPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.open

    def full(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.is_relative_to(small.cache) and "w" in (arguments or ("r",))[0]:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return original(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", full)
    run = small.plan()
    assert run.exit_code == 0, run.output
    assert f"cache: the cache {small.cache} cannot be written (its disk is full)" in run.stderr
    assert (small.out / "report.html").is_file()
    assert not list(small.cache.rglob("*.arrays"))


def test_a_cache_that_cannot_be_one_is_refused(small: SmallPlan) -> None:
    small.cache.write_text("no folder")
    refused(small.plan("--quiet"), str(small.cache), "is no folder", "--cache")


def test_a_limit_of_the_cache_that_is_none_is_refused(small: SmallPlan) -> None:
    small.env["LENSONG_CACHE_MAX_GB"] = "a lot"
    refused(small.plan("--quiet"), "LENSONG_CACHE_MAX_GB is 'a lot'", "wanted a number above 0")


@pytest.mark.slow
def test_ctrl_c_keeps_the_sweeps_and_leaves_no_half_file(
    small: SmallPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = "S1,S1-3,22.4072,103.6545,30,90,sector.msi,4G,B28,10,46\n"
    path = small.folder / "cells.csv"
    path.write_text(path.read_text() + second)
    put, kept = ArrayStore.put, []

    def put_and_stop(store: ArrayStore, key: str, arrays: dict[str, Any]) -> None:
        put(store, key, arrays)
        kept.append(key)
        if len(kept) == 2:  # what the carriers of an antenna share, and the first of them
            raise KeyboardInterrupt

    monkeypatch.setattr(ArrayStore, "put", put_and_stop)
    run = small.plan("--quiet", "--workers", "1")
    assert run.exit_code == 2
    assert (
        run.stderr.strip()
        == "interrupted; sweeps so far are kept in the cache: run the same command again to go on"
    )
    assert list(small.out.iterdir()) == []
    assert not [f for f in small.cache.rglob("*") if ".part" in f.name or f.suffix == ".lease"]

    monkeypatch.undo()
    again = small.plan("--workers", "1")
    assert again.exit_code == 0
    assert re.search("[12] of 2 from the cache", again.stdout)


@pytest.mark.slow
def test_a_real_interrupt_ends_a_real_run(small: SmallPlan) -> None:
    scenario = write_demo(small.folder)
    code = "from lensong.cli.main import main; main()"
    options = ["--out", str(small.out), "--cache", str(small.cache), "--quiet", "--workers", "2"]
    with subprocess.Popen(
        [sys.executable, "-c", code, "plan", str(scenario), *options],
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        wait_until(lambda: list(small.cache.rglob("*.arrays")), "the first sweep")
        run.send_signal(signal.SIGINT)
        _, message = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 2
    assert (
        message.strip()
        == "interrupted; sweeps so far are kept in the cache: run the same command again to go on"
    )
    assert list(small.out.iterdir()) == []
    assert not [f for f in small.cache.rglob("*") if ".part" in f.name or f.suffix == ".lease"]


def test_ctrl_c_while_writing_keeps_the_older_result(
    small: SmallPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert small.plan("--quiet").exit_code == 0
    before = {path.name: path.read_bytes() for path in small.out.iterdir()}

    def stop(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lensong.coverage.results.write.render_report", stop)
    small.replace("scenario.toml", 'title = "Small"', 'title = "Other"')
    assert small.plan("--quiet").exit_code == 2
    assert {path.name: path.read_bytes() for path in small.out.iterdir()} == before


@pytest.mark.slow
def test_a_damaged_cache_is_computed_again(small: SmallPlan) -> None:
    assert small.plan("--quiet").exit_code == 0
    for file in small.cache.rglob("*.arrays"):
        file.write_bytes(file.read_bytes()[:-20])
    run = small.plan()
    assert run.exit_code == 0
    assert "0 of 1 from the cache" in run.stdout
