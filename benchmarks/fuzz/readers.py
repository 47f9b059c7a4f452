"""Files of strangers, read in this process within a limit of memory and time: is each one refused?

Started by ``python -m benchmarks.fuzz``. Each input lies in a file before it is read, so that it is
still there where the process does not survive it. Hypothesis makes it smaller where it can.
"""

from __future__ import annotations

import argparse
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks.fuzz.seeds import seeds
from lensong.coverage.antenna_file import parse_msi
from lensong.coverage.measurements import read_measurements
from lensong.coverage.scenario.inputs import read_network
from lensong.coverage.scenario.load import NetworkRequest, load_scenario
from lensong.gis_data.boundaries import read_area, read_communes
from lensong.gis_data.elevation import open_elevation, read_elevation
from lensong.gis_data.population import read_population
from lensong.gis_data.tables import read_table
from lensong.gis_data.villages import read_villages
from lensong.monitoring.lists.calendars import parse_calendar
from lensong.monitoring.lists.csv_lists import KnownPlaces, parse_sessions, parse_sites
from lensong.monitoring.lists.rows import KnownSessions
from lensong.monitoring.lists.told import RowsError
from lensong.monitoring.profiles import DEFAULT_PROFILES
from lensong.monitoring.records import Commune, Province, Site
from lensong.propagation.errors import LensongError
from lensong.propagation.types import Grid

Reader = Callable[[Path], object]

EXAMPLES = 40
"""Of one reader, before the next one's turn."""

LONGEST_S = 30
"""That one input may take."""

_CRS = "EPSG:32648"
_GRID = Grid(crs=_CRS, west_m=360_000.0, north_m=2_475_000.0, cell_m=30.0, rows=40, cols=40)
_ODD = (
    *("", " ", "\x00", "'", '"', '""', ",", ";", "\t", "\r", "\n", "\r\n", "\ufeff", "=1+1", "nan"),
    *("inf", "-inf", "1e309", "-1", "0", "1e30", "1,5", "1.000,5", "9" * 400, "١٢", "\u202e", "é"),
    *("2026-02-30", "9999-12-31T23:59:59-23:59", "0001-01-01", "FREQ=SECONDLY", "COUNT=999999999"),
    *("INTERVAL=0", "TZID=Nowhere/None", "[[[[", "{{", "]]", '"""', "/vsicurl/", "../../x", "%00"),
)


def readers(folder: Path) -> dict[tuple[str, str], Reader]:
    """Return what is read how: name of the seed and of the reader, to the reader."""
    commune = Commune(code="03390", name="Bình Lư", province_code="12")
    other = Commune(code="03433", name="Sìn Hồ", province_code="12")
    site = Site(site_id="binh-lu", name="Chợ Bình Lư", commune_code="03390")
    places = KnownPlaces(
        provinces={"12": Province(code="12", name="Lai Châu")},
        communes={commune.code: commune, other.code: other},
        sites={site.site_id: site},
    )
    sessions = KnownSessions(
        sites={site.site_id: site},
        communes={commune.code: commune},
        profiles={profile.code: profile for profile in DEFAULT_PROFILES},
        zone=ZoneInfo("Asia/Ho_Chi_Minh"),
        now=datetime(2026, 11, 28, tzinfo=UTC),
    )
    inside = np.ones((_GRID.rows, _GRID.cols), np.uint8)

    def heights(path: Path) -> object:
        return read_elevation(open_elevation([path]), _GRID, aoi=inside, scratch=folder)

    def cells(path: Path) -> object:
        return read_network(NetworkRequest(tables={"main": path}, power="total"))

    return {
        ("sites.csv", "parse_sites"): lambda path: parse_sites(path.read_bytes(), places),
        ("sessions.csv", "parse_sessions"): lambda p: parse_sessions(p.read_bytes(), sessions),
        ("sessions.ics", "parse_calendar"): lambda p: parse_calendar(p.read_bytes(), sessions),
        ("cells.csv", "read_network"): cells,
        ("cells.xlsx", "read_network"): cells,
        ("measurements.csv", "read_measurements"): lambda p: read_measurements(read_table(p)),
        ("villages.csv", "read_villages"): lambda path: read_villages(path, crs=_CRS),
        ("villages.csv.gz", "read_villages"): lambda path: read_villages(path, crs=_CRS),
        ("area.geojson", "read_area"): lambda path: read_area(path, crs=_CRS),
        ("area.geojson", "read_communes"): lambda path: read_communes(path, crs=_CRS),
        ("antenna.msi", "parse_msi"): lambda p: parse_msi(p.read_text("latin-1"), p.name),
        ("scenario.toml", "load_scenario"): load_scenario,
        ("dem.tif", "read_elevation"): heights,
        ("people.tif", "read_population"): lambda path: read_population(
            path, _GRID, aoi=inside, scratch=folder, unit="people"
        ),
        ("N22E103.hgt.zip", "read_elevation"): heights,
    }


@st.composite
def spoilt(draw: st.DrawFn, whole: bytes) -> bytes:
    """Draw a file like another one: pieces cut out, repeated, exchanged for odd ones; or noise."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.binary(max_size=2_000))
    data = whole
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 40)))
        kind = draw(st.sampled_from(("odd", "bytes", "cut", "end", "again", "text")))
        if kind == "odd":
            piece = draw(st.sampled_from(_ODD)).encode()
        elif kind == "bytes":
            piece = draw(st.binary(max_size=8))
        elif kind == "again":
            piece = data[start:end] * draw(st.sampled_from((2, 3, 100, 20_000)))
        elif kind == "text":
            piece = draw(st.text(max_size=20)).encode("utf-8", "surrogatepass")
        else:
            piece, end = b"", end if kind == "cut" else len(data)
        data = (data[:start] + piece + data[end:])[:4_000_000]
    return data


class TooLongError(Exception):
    """An input took longer than it may."""


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """End what takes longer of a processor, where Python has a say: the machine may be busy."""

    def ring(_signal: int, _frame: object) -> None:
        raise TooLongError(f"more than {seconds} s")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def fuzz(name: str, read: Reader, whole: bytes, folder: Path, number: int) -> tuple[int, int]:
    """Read files like one; return how many were taken and how many refused in a sentence.

    Raises
    ------
    Exception
        Whatever a reader raised that is no refusal.
    """
    taken = refused = 0
    path = folder / name

    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=spoilt(whole))
    def is_read_or_refused(data: bytes) -> None:
        nonlocal taken, refused
        path.write_bytes(data)
        try:
            with at_most(LONGEST_S):
                read(path)
            taken += 1
        except (LensongError, RowsError):
            refused += 1

    is_read_or_refused()
    return taken, refused


def main(arguments: list[str] | None = None) -> None:
    """Fuzz every reader in turn until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--memory-mb", type=int, default=4_096, help="address space [MiB]")
    parser.add_argument("--found", type=Path, required=True, help="folder for inputs that break")
    asked = parser.parse_args(arguments)
    until_s = time.monotonic() + asked.seconds
    warnings.simplefilter("ignore")
    limit = asked.memory_mb << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    counts: dict[tuple[str, str], list[int]] = {}
    broken: dict[tuple[str, str], str] = {}
    whole = seeds()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        todo = readers(Path(scratch))
        number = asked.seed
        while time.monotonic() < until_s and len(broken) < len(todo):
            number += 1
            for key, read in todo.items():
                if key in broken or time.monotonic() >= until_s:
                    continue
                name, reader = key
                input_folder = asked.found / reader
                input_folder.mkdir(parents=True, exist_ok=True)
                for beside, data in whole.items():  # a scenario names the others
                    if beside != name and name.endswith(".toml"):
                        (input_folder / beside).write_bytes(data)
                counted = counts.setdefault(key, [0, 0])
                try:
                    taken, refused = fuzz(name, read, whole[name], input_folder, number)
                except Exception as error:  # whatever it is, it is what is looked for
                    broken[key] = _told(error)
                    print(f"BROKEN {reader} on {input_folder / name}: {broken[key]}", flush=True)
                else:
                    counted[0] += taken
                    counted[1] += refused
    print("| file | reader | taken | refused | |\n|---|---|---|---|---|")
    for key, (taken, refused) in counts.items():
        print(f"| {key[0]} | {key[1]} | {taken} | {refused} | {broken.get(key, '')} |")
    sys.exit(1 if broken else 0)


def _told(error: BaseException) -> str:
    last: Any = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())[:160]
    return f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}: {text}"


if __name__ == "__main__":
    main()
