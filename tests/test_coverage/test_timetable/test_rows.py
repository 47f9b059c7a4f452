"""Lists of sellers as users mail them: every row is taken, or refused with a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lensong.coverage.service import DEFAULT_SERVICES
from lensong.coverage.timetable.rows import ListSettings, read_wishes
from lensong.coverage.timetable.wishes import Wishes
from lensong.gis_data.land import Land
from lensong.gis_data.tables import parse_table
from lensong.propagation.errors import DataError
from tests.small_plan import make_small_plan_result

SETTINGS = ListSettings(
    services=DEFAULT_SERVICES,
    service=DEFAULT_SERVICES[1],
    operators=("Viettel", "Vina Phone"),
    day="28/11/2026",
)


@pytest.fixture(scope="module")
def land() -> Land:
    return make_small_plan_result().land


def read(land: Land, text: str, settings: ListSettings = SETTINGS) -> Wishes:
    return read_wishes(parse_table(text.encode(), "sellers.csv"), land, settings)


def village(land: Land, number: int = 0) -> str:
    return str(land.villages["name"].iloc[number])


def test_an_untidy_list_is_read(land: Land) -> None:
    name = village(land)
    wishes = read(
        land,
        "Chợ phiên;;;;;;\n"
        "Người bán;Bản;Chất lượng;Khung giờ;Thời lượng;Nhà mạng;Ghi chú\n"
        f"Lò Thị A;{name.upper()};720p;8h-11h;1h30;vinaphone;mật ong\n"
        f"Lò Thị B;{land.villages['village_id'].iloc[1]};1080P;8-10;;bất kỳ;\n"
        f"Lò Thị C;{name};;28/11/2026 9h-12h;;Viettel + VINA PHONE;\n",
    )
    assert (wishes.rows, len(wishes.taken), wishes.refused) == (3, 3, ())
    assert wishes.ignored_columns == ("Ghi chú",)
    assert "taken as a title" in wishes.file_notes[0]
    a, b, c = wishes.taken
    assert (a.place.village, b.place.village, c.place.village) == (0, 1, 0)
    assert (a.service.name, b.service.name) == ("livestream-720p", "livestream-1080p")
    assert (a.minutes, b.minutes) == (90, 60)
    assert a.operators == ("Vina Phone",)
    assert b.operators == c.operators == ("Viettel", "Vina Phone")
    assert [w.row for w in wishes.taken] == [3, 4, 5]


@pytest.mark.parametrize(
    ("header", "text", "mbps", "noted"),
    [
        ("bitrate_mbps", "2.5", 2.5, False),
        ("bitrate (kbps)", "2500", 2.5, False),
        ("Tốc độ", "2500 kbit/s", 2.5, False),
        ("bitrate", "2.5", 2.5, True),
        ("bitrate", "2500", 2.5, True),
        ("bitrate", "2,5 Mbps", 2.5, False),
    ],
)
def test_bitrates_in_any_unit(land: Land, header: str, text: str, mbps: float, noted: bool) -> None:
    wishes = read(land, f"seller;village;{header};hours\nA;{village(land)};{text};8h-9h\n")
    assert wishes.taken[0].service.uplink_mbps == mbps
    assert bool(wishes.notes) == noted


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("A;Bản Không Có;2.8;8h-9h;60;", "no village 'Bản Không Có' in the area"),
        ("A;{v};0;8h-9h;60;", "the bitrate is 0 Mbit/s, wanted above 0"),
        ("A;{v};-2;8h-9h;60;", "the bitrate is -2 Mbit/s"),
        ("A;{v};2800;8h-9h;60;", "the bitrate is 2800 Mbit/s"),
        ("A;{v};fast;8h-9h;60;", "the bitrate 'fast' is none"),
        ("A;{v};2.8;12h-9h;60;", "backwards"),
        ("A;{v};2.8;;60;", "no hours are given"),
        ("A;{v};2.8;8h-9h;90;", "wants 90 minutes and can 60 at a stretch"),
        ("A;{v};2.8;8h-9h;2;", "the duration is 2 minutes"),
        ("A;{v};2.8;8h-9h;60;Viettell", "did you mean Viettel"),
        (";{v};2.8;8h-9h;60;", "no seller is named"),
        ("A;;2.8;8h-9h;60;", "no village is named"),
    ],
)
def test_a_row_that_cannot_be_is_refused_alone(land: Land, row: str, told: str) -> None:
    header = "seller;village;bitrate_mbps;hours;duration_min;sims"
    good = f"Good;{village(land)};2.8;8h-9h;60;"
    wishes = read(land, f"{header}\n{row.format(v=village(land))}\n{good}\n")
    assert [w.seller for w in wishes.taken] == ["Good"]
    (refused,) = wishes.refused
    assert refused.row == 2
    assert told in refused.text


def test_wishes_that_overlap(land: Land) -> None:
    v = village(land)
    wishes = read(
        land,
        f"seller,village,hours\nA,{v},8h-10h; 9h-12h\nB,{v},8h-9h\nB,{v},8h-9h\nB,{v},8h-10h\n",
    )
    assert [f"{a:%H}-{b:%H}" for a, b in wishes.taken[0].spans] == ["08-12"]
    assert "overlap were joined" in wishes.notes[0].text
    assert [w.row for w in wishes.taken] == [2, 3, 5]
    assert "the same wish as row 3" in wishes.refused[0].text


def test_a_place_by_its_coordinates_and_a_namesake_by_its_commune(land: Land) -> None:
    lat, lon = (float(land.villages[name].iloc[3]) for name in ("lat_deg", "lon_deg"))
    wishes = read(
        land,
        "seller,place,lat,lon,from,to\n"
        f"A,Sân chợ,{lat},{lon},8h,9h\nB,,{lon},{lat},8h,9h\nC,,{lat + 3},{lon},8h,9h\n",
    )
    (place,) = (wish.place for wish in wishes.taken)
    assert ["is none" in r.text or "outside" in r.text for r in wishes.refused] == [True, True]
    assert (place.name, place.village) == ("Sân chợ", None)
    assert place.place_id == f"{lat:.5f},{lon:.5f}"
    table = land.villages.copy()
    table.loc[table.index[1], "name"] = table["name"].iloc[0]
    table.loc[table.index[1], "commune"] = "Xã Khác"
    doubled = replace(land, villages=table)
    name = village(land)
    wishes = read(doubled, f"seller,village,commune,hours\nA,{name},Khác,8h-9h\nB,{name},,8h-9h\n")
    assert wishes.taken[0].place.village == 1
    assert "2 villages are called" in wishes.refused[0].text
    with_other = read(doubled, f"seller,village,commune,hours\nA,{name},Xã Xa,8h-9h\n")
    assert "not in 'Xã Xa'" in with_other.refused[0].text


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("village,hours", "'seller'"),
        ("seller,hours", "'village' or 'lat'"),
        ("seller,village", "'hours' or 'from'"),
        ("seller,village,from", "without the other"),
        ("seller,village,hours,from,to", "both say when"),
        ("seller,name,village,hours", "can all be 'seller'"),
        ("seller,village,hours,bitrate_mbps,bitrate_kbps", "say the same thing"),
    ],
)
def test_a_list_without_its_columns_is_refused_whole(land: Land, header: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(land, f"{header}\n{','.join('x' * (header.count(',') + 1))}\n")
