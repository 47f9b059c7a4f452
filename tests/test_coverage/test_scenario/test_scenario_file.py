"""A mistake in a scenario is named with its line and what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lensong.coverage.scenario.scenario_file import read_scenario_file
from lensong.propagation.errors import ConfigError

SMALLEST = """\
[elevation]
path = "dem.tif"
[villages]
path = "villages.csv"
[network]
cells = "cells.csv"
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    for name in ("dem.tif", "villages.csv", "cells.csv", "pop.tif"):
        (tmp_path / name).write_text("")

    def writer(text: str) -> Path:
        path = tmp_path / "scenario.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return writer


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_scenario_file(path)
    return str(caught.value)


def test_three_paths_make_a_scenario(write: Write) -> None:
    scenario = read_scenario_file(write(SMALLEST))
    assert scenario.network.radius_m == 15_000.0
    assert scenario.area.resolution_m == 30.0
    assert [service.name for service in scenario.service] == [
        "voice-data",
        "livestream-720p",
        "livestream-1080p",
    ]


def test_a_model_is_known_by_its_short_name(write: Write) -> None:
    scenario = read_scenario_file(write(SMALLEST + '[propagation]\nmodel = "P.1812"\n'))
    assert scenario.propagation.model == "itu_r_p1812"


def test_an_integer_is_taken_where_a_number_is_wanted(write: Write) -> None:
    assert read_scenario_file(write(SMALLEST + "radius_m = 9000\n")).network.radius_m == 9000.0


def test_a_byte_order_mark_and_windows_line_ends_are_no_mistake(write: Write) -> None:
    path = write("")
    path.write_bytes(b"\xef\xbb\xbf" + SMALLEST.replace("\n", "\r\n").encode())
    assert read_scenario_file(path).elevation.path == "dem.tif"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            SMALLEST + "[network.assume]\nheigth_agl_m = 30\n",
            r"line 8: heigth_agl_m is no key of section \[network.assume\]: "
            r"did you mean height_agl_m\?",
        ),
        (SMALLEST + "[elevatoin]\n", r"line 7: elevatoin is no key .*did you mean elevation\?"),
        (SMALLEST + "bbox_deg = [1, 2]\n", r"line 7: bbox_deg .* it belongs in area.bbox_deg"),
        (SMALLEST + "zzz = 1\n", r"zzz is no key of section \[network\]: known are cells, atoll"),
        (
            SMALLEST + '[[service]]\nname = "a"\ndownlink_mbps = 1\nuplnk_mbps = 2\n',
            r"line 10: uplnk_mbps is no key of section \[service\[1\]\]: did you mean uplink_mbps",
        ),
        (SMALLEST + 'radius_m = "9000"\n', r"line 7: network.radius_m is '9000', wanted a number"),
        (SMALLEST + "radius_m = true\n", r"network.radius_m is True, wanted a number"),
        (SMALLEST + "radius_m = nan\n", r"network.radius_m is nan, wanted a finite number"),
        (SMALLEST + "radius_m = 10\n", r"network.radius_m is 10, wanted greater than or equal"),
        (SMALLEST + 'power = "max"\n', r"network.power is 'max', wanted 'auto', 'total' or"),
        (SMALLEST + '[area]\nbbox_deg = [103, 22]\n', r"line 8: area.bbox_deg is \[103, 22\]"),
        (
            SMALLEST + "[area]\nbbox_deg = [22.0, 103.0, 22.5, 103.5]\n",
            r"area.bbox_deg is .* wanted \[west, south, east, north\].*lat and lon look swapped",
        ),
        (
            SMALLEST + '[classes]\nservice = "voice"\n',
            r"line 8: classes.service is 'voice', wanted one of the services: voice-data",
        ),
        ("[elevation]\n" + SMALLEST.partition("\n")[2].partition("\n")[2],
         r"line 1: elevation.path is missing: add path = \"dem.tif\""),
        (SMALLEST.replace('cells = "cells.csv"\n', ""), r"line 5: network needs either cells"),
        ("title = \"x\"\n", r"3 mistakes:\n  elevation is missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_a_way_out(
    write: Write, text: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        read_scenario_file(write(text))


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("radius_m = 15,5", "decimal point"),
        ('antennas = "C:\\data"', "single quotes"),
        ("radius_m = True", "small letters"),
        ("power = total", "double quotes"),
        ("radius_m = [1 2]", "correct that line"),
    ],
)
def test_broken_grammar_names_the_line_and_the_usual_reason(
    write: Write, line: str, hint: str
) -> None:
    message = refusal(write(SMALLEST + line + "\n"))
    assert "line " in message
    assert hint in message


def test_an_open_bracket_at_the_end_is_named(write: Write) -> None:
    assert "not closed" in refusal(write(SMALLEST + "radius_m = [1, 2\n"))


def test_a_missing_file_names_its_key_and_the_nearest_name(write: Write) -> None:
    message = refusal(write(SMALLEST.replace("dem.tif", "den.tif")))
    assert "line 2: elevation.path is 'den.tif'" in message
    assert "did you mean 'dem.tif'?" in message


def test_every_missing_file_is_named_at_once(write: Write) -> None:
    message = refusal(write(SMALLEST.replace("dem", "a").replace("cells.csv", "b.csv")))
    assert "elevation.path" in message
    assert "network.cells" in message


def test_files_of_a_list_are_each_looked_for(write: Write) -> None:
    message = refusal(write(SMALLEST.replace('"dem.tif"', '["dem.tif", "pop2.tif"]')))
    assert "'pop2.tif'" in message
    assert "'dem.tif'," not in message


def test_lines_of_the_map_are_paths_or_tables_and_each_is_looked_for(write: Write) -> None:
    lines = '[map]\nlines = ["dem.tif", {{ path = "{path}", kind = "river", {key} = "x" }}]\n'
    found = read_scenario_file(write(SMALLEST + lines.format(path="villages.csv", key="name")))
    assert [(e.path, e.kind, e.name) for e in found.map.lines] == [
        ("dem.tif", "auto", ""),
        ("villages.csv", "river", "x"),
    ]
    missing = refusal(write(SMALLEST + lines.format(path="vilages.csv", key="name")))
    assert "map.lines is 'vilages.csv'" in missing
    assert "did you mean 'villages.csv'?" in missing
    assert "did you mean layer?" in refusal(
        write(SMALLEST + lines.format(path="villages.csv", key="layr"))
    )


def test_a_missing_scenario_points_to_the_demo(tmp_path: Path) -> None:
    assert "lensong demo" in refusal(tmp_path / "none.toml")


def test_a_folder_in_place_of_the_scenario_is_refused(tmp_path: Path) -> None:
    assert "cannot read the scenario" in refusal(tmp_path)


def test_another_encoding_is_refused_with_the_remedy(write: Write) -> None:
    path = write("")
    path.write_bytes('title = "Bình Lư"\n'.encode("cp1258", "replace"))
    assert "UTF-8" in refusal(path)


def test_boundary_and_box_exclude_each_other(write: Write) -> None:
    text = SMALLEST + '[area]\nboundary = "dem.tif"\nbbox_deg = [103.0, 22.0, 103.5, 22.5]\n'
    assert "keep one" in refusal(write(text))


@pytest.mark.parametrize(
    "text",
    [
        "title = " + "[" * 100_000,
        "title = " + "{a = " * 5_000 + "1" + "}" * 5_000,
        ".".join(["a"] * 20_000) + " = 1",
    ],
)
def test_values_nested_without_end_are_refused(write: Write, text: str) -> None:
    assert "nests its values" in refusal(write(f"{text}\n{SMALLEST}"))


def test_a_file_that_is_no_scenario_by_its_size_is_not_read(write: Write) -> None:
    assert "more than 1 MiB" in refusal(write(SMALLEST + "#" * (2 << 20)))
