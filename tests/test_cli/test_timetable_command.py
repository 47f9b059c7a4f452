"""`lensong timetable` on a small scenario, its files, and how the service reads them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from click.testing import Result

from lensong.monitoring.lists.csv_lists import KnownPlaces, parse_sessions, parse_sites
from lensong.monitoring.lists.rows import KnownSessions
from lensong.monitoring.profiles import DEFAULT_PROFILES
from lensong.monitoring.records import Commune, Province, Site
from tests.test_cli.small_scenario import SmallPlan, write_small_plan

HEADER = "seller,village,bitrate_mbps,date,hours,duration_min\n"
DAY = "2026-11-28"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> SmallPlan:
    """Return a scenario whose path loss is computed once."""
    return write_small_plan(tmp_path_factory.mktemp("market"))


def run(market: SmallPlan, text: str, *options: str, name: str = "sellers.csv") -> Result:
    path = market.folder / name
    path.write_text(text, encoding="utf-8")
    return market.run("timetable", str(market.scenario), str(path), *options)


def test_a_market_is_placed_and_its_files_say_who_when(market: SmallPlan, tmp_path: Path) -> None:
    text = HEADER + "".join(
        f"Seller {n},Bản Mẫu {1 + n % 2},2.8,{DAY},8:00-10:00,60\n" for n in range(6)
    )
    result = run(market, text, "--out", str(tmp_path / "tt"))
    assert result.exit_code == 0, result.output
    assert "6 of 6 sellers' wishes are met" in result.stdout
    table = pd.read_csv(tmp_path / "tt" / "sessions.csv")
    assert sorted(table["title"]) == [f"Seller {n}" for n in range(6)]
    assert set(table["site"]) == {"a", "b"}
    starts, ends = pd.to_datetime(table["starts_at"]), pd.to_datetime(table["ends_at"])
    assert ((ends - starts).dt.total_seconds() == 3600.0).all()
    assert starts.min() >= pd.Timestamp(f"{DAY} 08:00")
    assert ends.max() <= pd.Timestamp(f"{DAY} 10:00")
    assert (table["chance"] >= 0.9).all()
    told = json.loads((tmp_path / "tt" / "timetable.json").read_text(encoding="utf-8"))
    assert {"elevation", "cells"} <= {source["role"] for source in told["sources"]}
    assert (told["met"], told["bound"], told["gap"]) == (6, 6, 0)
    assert told["cheapest_change"] is None
    assert not (tmp_path / "tt" / "sessions_changed.csv").exists()
    sites = pd.read_csv(tmp_path / "tt" / "sites.csv")
    assert sites["sessions_at_once"].tolist() == [3, 3]


def test_what_cannot_be_is_proved_and_mended(market: SmallPlan, tmp_path: Path) -> None:
    # one cell of 20 MHz: so many of 12 Mbit/s do not go beside each other in one hour
    rows = [f"Seller {n},A,12,{DAY},8:00-9:00,60\n" for n in range(9)]
    rows.append(f"Late,A,2.8,{DAY},8:00-11:00,60\n")
    out = tmp_path / "tt"
    result = run(market, HEADER + "".join(rows), "--out", str(out), "--json")
    assert result.exit_code == 1, result.output
    told = json.loads(result.stdout)
    assert told["met"] == told["bound"] < 10
    assert told["proved"]
    assert told["proof"]["limits"]
    assert {one["served_alone"] for one in told["not_met"]} == {True}
    change = told["cheapest_change"]
    assert len(change["sessions"]) == 10
    assert 0 < change["cost"] == change["least_cost"]
    assert change["cost"] == sum(
        change["costs"][name] for session in change["sessions"] for name in session["changes"]
    )
    assert (out / "sessions_changed.csv").exists()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("A,Bản Mãu 9,2.8,2026-11-28,8:00-9:00,60", "no village 'Bản Mãu 9' in the area: did you"),
        ("A,A,0,2026-11-28,8:00-9:00,60", "the bitrate is 0 Mbit/s"),
        ("A,A,2.8,2026-11-28,12:00-9:00,60", "backwards"),
        ("A,A,2.8,,8:00-9:00,60", "names no day"),
    ],
)
def test_a_bad_row_ends_the_run_or_is_skipped(market: SmallPlan, row: str, told: str) -> None:
    result = run(market, HEADER + row + f"\nGood,A,2.8,{DAY},8:00-9:00,60\n")
    assert result.exit_code == 2
    assert told in result.stderr
    assert "1 of 2 rows cannot be taken" in result.stderr
    assert result.stdout == ""


def test_rows_may_be_skipped_and_nobody_is_served_far_away(market: SmallPlan) -> None:
    text = HEADER + f"A,A,2.8,{DAY},8:00,60\nGood,A,2.8,{DAY},8:00-9:00,60\n"
    text += f"Too much,B,49,{DAY},8:00-9:00,60\n"
    result = run(market, text, "--skip-refused")
    assert result.exit_code == 1, result.output
    assert "refused: row 2 (A)" in result.stderr
    assert "3 read, 2 taken, 1 refused" in result.stdout
    assert "nobody serves 49 Mbit/s there well enough" in result.stdout


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        ("seller,village\nA,A\n", (), "'hours' or 'from'"),
        ("seller,village,hours\n", (), "has no row below its header"),
        (HEADER, ("--service", "song"), "--service is 'song', wanted one of"),
    ],
)
def test_bad_input_ends_with_2(
    market: SmallPlan, text: str, options: tuple[str, ...], told: str
) -> None:
    result = run(market, text, *options)
    assert result.exit_code == 2
    assert told in result.stderr


def test_the_service_takes_who_sells_when(market: SmallPlan, tmp_path: Path) -> None:
    out = tmp_path / "tt"
    text = HEADER + f"Lò Thị Mẫu,A,2.8,12/12/2026,20:00-1:00,90\n=SUM(1),B,2.8,{DAY},9h-10h,60\n"
    result = run(market, text, "--out", str(out))
    assert result.exit_code == 0, result.output
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    commune = Commune(code="03916", name="Xã Mẫu", province_code="12")
    known = KnownPlaces(
        provinces={"12": Province(code="12", name="Lai Châu")},
        communes={"03916": commune},
        sites={},
    )
    lines = (out / "sites.csv").read_text(encoding="utf-8-sig").splitlines()
    placed = lines[1].split(",")
    placed[2:4] = "03916", ""  # the small plan has no communes
    sites = parse_sites("\n".join([lines[0], ",".join(placed)]).encode(), known).sites
    assert [site.site_id for _, site in sites] == ["a"]
    found = parse_sessions(
        (out / "sessions.csv").read_bytes(),
        KnownSessions(
            sites={site_id: Site(site_id=site_id, name=site_id, commune_code="03916")
                   for site_id in ("a", "b")},
            communes={"03916": commune},
            profiles={profile.code: profile for profile in DEFAULT_PROFILES},
            zone=zone,
            now=datetime(2026, 11, 1, tzinfo=zone),
            profile_code="tiktok-720p30",
        ),
    )  # fmt: skip
    told = {w.session.site_id: w.session for w in found.sessions}
    assert told["a"].starts_at == datetime(2026, 12, 12, 20, tzinfo=zone)
    assert told["a"].ends_at == datetime(2026, 12, 12, 21, 30, tzinfo=zone)
    assert told["b"].starts_at == datetime(2026, 11, 28, 9, tzinfo=zone)
    assert told["a"].title == "Lò Thị Mẫu"
    assert told["b"].title == "=SUM(1)"  # guarded in the file, as itself in the service
