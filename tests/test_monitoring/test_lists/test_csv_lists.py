"""Lists of sites and sessions: read whole, refused whole, and the same list twice is one."""

from __future__ import annotations

import io
import json
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.monitoring.lists.communes import parse_communes
from lensong.monitoring.lists.csv_lists import KnownPlaces, parse_sessions, parse_sites
from lensong.monitoring.lists.rows import MOST_ROWS, KnownSessions, find_site
from lensong.monitoring.lists.times import moment
from lensong.monitoring.lists.told import RowsError
from lensong.monitoring.lists.writing import sites_csv
from lensong.monitoring.live.directory import Directory
from lensong.monitoring.profiles import DEFAULT_PROFILES
from lensong.monitoring.records import TECHNOLOGIES, Commune, Province, Site
from lensong.propagation.errors import DataError, InvalidInputError
from tests.running_service import START

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
PROVINCES = {
    "12": Province(code="12", name="Lai Châu"),
    "11": Province(code="11", name="Điện Biên"),
}
COMMUNES = {
    "03390": Commune(code="03390", name="Bình Lư", province_code="12"),
    "03433": Commune(code="03433", name="Sìn Hồ", province_code="12"),
    "03127": Commune(code="03127", name="Mường Phăng", province_code="11"),
}
SITES = {
    site.site_id: site
    for site in (
        Site(
            site_id="binh-lu", name="Chợ Bình Lư", commune_code="03390", lat_deg=22.3, lon_deg=103.6
        ),
        Site(site_id="sin-ho", name="Chợ trung tâm", commune_code="03433", operators=("Viettel",)),
        Site(site_id="muong-phang", name="Chợ trung tâm", commune_code="03127"),
    )
}


def places(province_code: str | None = None) -> KnownPlaces:
    return KnownPlaces(
        provinces=PROVINCES, communes=COMMUNES, sites=SITES, province_code=province_code
    )


def known(**changes: Any) -> KnownSessions:
    values: dict[str, Any] = {
        "sites": SITES,
        "communes": COMMUNES,
        "profiles": {profile.code: profile for profile in DEFAULT_PROFILES},
        "zone": HANOI,
        "now": START,
    }
    return KnownSessions(**values | changes)


def problems(error: pytest.ExceptionInfo[RowsError]) -> list[tuple[int, str]]:
    return [(item.row, item.column) for item in error.value.errors]


# Sites ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_a_list_is_read_however_it_was_saved(encoding: str, delimiter: str) -> None:
    rows = [
        ["Tên điểm", "Xã", "Mã tỉnh", "Vĩ độ", "Kinh độ", "Nhà mạng", "Công nghệ"],
        ["Bản Sin Câu", "xã Bình Lư", "12", "22.41", "103.67", "Viettel / VNPT", "LTE+5g"],
    ]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    ((line, site),) = parse_sites(text.encode(encoding), places()).sites
    assert line == 2
    assert site == Site(
        site_id="ban-sin-cau",
        name="Bản Sin Câu",
        commune_code="03390",
        lat_deg=22.41,
        lon_deg=103.67,
        operators=("Viettel", "VNPT"),
        technologies=("4G", "5G"),
    )


def test_decimal_commas_are_read_where_semicolons_part_the_columns() -> None:
    text = "name;commune_code;lat;lon\nX;03390;22,353;103,678\n"
    ((_, site),) = parse_sites(text.encode(), places()).sites
    assert (site.lat_deg, site.lon_deg) == (22.353, 103.678)


def test_communes_and_provinces_come_along() -> None:
    text = (
        "name,commune_code,commune,province_code,province\n"
        "A,00001,Xã Một,01,Tỉnh Mới\nB,00001,Một,01,\nC,00002,Hai,01,Mới\n"
    )
    found = parse_sites(text.encode(), places())
    assert found.provinces == (Province(code="01", name="Tỉnh Mới"),)
    assert [commune.code for commune in found.communes] == ["00001", "00002"]
    assert len(found.sites) == 3


def test_every_wrong_row_is_told_and_nothing_is_returned() -> None:
    text = (
        "site_id,name,commune_code,lat_deg,lon_deg,technologies,synthetic\n"
        "a,A,99999,,,,\n"  # an unknown commune without a name
        "b,B,03390,91,103,,\n"  # no such latitude
        "c,C,03390,22.3,,,\n"  # half a place
        "d,D,03390,,,6G,\n"
        "e,E,03390,,,,maybe\n"
        "f,F,03390,,,,\n"
        "f,G,03390,,,,\n"
        "Über,H,03390,,,,\n"
        "g,G,03390,x,1,,\n"
        "ok,OK,03390,22.3,103.6,4G,yes\n"
    )
    with pytest.raises(RowsError) as error:
        parse_sites(text.encode(), places())
    assert problems(error) == [
        (2, "commune_code"),
        (3, ""),
        (4, ""),
        (5, "technologies"),
        (6, "synthetic"),
        (8, "site_id"),
        (9, ""),
        (10, "lat_deg"),
    ]
    assert "nothing was imported" in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "commune_code,commune\n03390,Sìn Hồ\n",  # the code of another commune
        "commune_code,province\n03390,Điện Biên\n",
        "commune_code,province_code\n03390,11\n",
        "commune\nNowhere\n",
        "commune_code,commune\n77777,Mới\n",  # a new one of no province
        "commune_code,commune,province_code\n77777,Mới,77\n",  # whose name nobody knows
        "commune_code,commune,province\n77777,Mới,Nowhere\n",
        "commune\n\n",
    ],
)
def test_codes_and_names_that_do_not_fit_are_a_slip(text: str) -> None:
    header, row, *_ = text.split("\n")
    with pytest.raises(RowsError):
        parse_sites(f"name,{header}\nA,{row}\n".encode(), places())


def test_a_manager_of_one_province_changes_no_other() -> None:
    def of_lai_chau(text: str) -> RowsError:
        with pytest.raises(RowsError) as error:
            parse_sites(text.encode(), places("12"))
        return error.value

    assert "province 12" in str(of_lai_chau("name,commune_code\nA,03127\n"))
    assert "taken" in str(of_lai_chau("site_id,name,commune_code\nmuong-phang,A,03390\n"))
    assert "province 12" in str(
        of_lai_chau("name,commune_code,commune,province_code,province\nA,9,B,99,C\n")
    )
    # a commune of another province is not found by name either
    assert "no commune" in str(of_lai_chau("name,commune\nA,Mường Phăng\n"))
    assert parse_sites(b"name,commune_code\nA,03390\n", places("12")).sites


def test_a_column_left_out_keeps_what_is_known_and_an_empty_cell_empties() -> None:
    ((_, same),) = parse_sites(b"site_id,commune_code\nbinh-lu,03390\n", places()).sites
    assert same == SITES["binh-lu"]
    text = b"site_id,commune_code,lat,lon\nbinh-lu,03390,,\n"
    ((_, moved),) = parse_sites(text, places()).sites
    assert (moved.lat_deg, moved.lon_deg, moved.name) == (None, None, "Chợ Bình Lư")


def test_an_identifier_made_of_a_name_takes_over_no_other_site() -> None:
    with pytest.raises(RowsError, match="give a site_id"):
        parse_sites("name,commune_code\nBình Lư,03390\n".encode(), places())
    with pytest.raises(RowsError, match="give a site_id"):
        parse_sites("name,commune_code\nSin Hồ,03433\n".encode(), places())


def test_a_list_without_what_it_needs_is_refused_at_once() -> None:
    for text, told in (
        ("name,lat\nA,1\n", "commune_code"),
        ("commune_code,lat\n03390,1\n", "name"),
        ("name,tên,commune\nA,B,Bình Lư\n", "means the same"),
    ):
        with pytest.raises(RowsError, match=told):
            parse_sites(text.encode(), places())
    rows = "".join(f"A{n},03390\n" for n in range(MOST_ROWS + 1))
    with pytest.raises(RowsError, match="in parts"):
        parse_sites(f"name,commune_code\n{rows}".encode(), places())
    for data in (b"", b"PK\x03\x04", b"a\x00b", b"<html>", b'{"a": 1}', b"a,a\n1,2\n"):
        with pytest.raises(DataError):
            parse_sites(data, places())


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_make_it_fail_otherwise(data: bytes) -> None:
    for parse in (
        lambda: parse_sites(b"name,commune_code\n" + data, places()),
        lambda: parse_sites(data, places()),
        lambda: parse_sessions(b"site,profile,start,end\n" + data, known()),
    ):
        try:
            parse()
        except (DataError, RowsError):
            continue


NAME = st.text(
    # a question mark within a word, or U+FFFD, is a letter that was destroyed
    st.characters(
        exclude_categories=["Cc", "Cs", "Zl", "Zp"],
        max_codepoint=0x1FFFF,
        exclude_characters="?\ufffd",
    ),
    max_size=30,
).map(lambda text: f"Chợ {text}x")


@given(
    st.lists(
        st.builds(
            Site,
            site_id=st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True),
            name=NAME,
            commune_code=st.sampled_from(sorted(COMMUNES)),
            lat_deg=st.floats(-90, 90),
            lon_deg=st.floats(-180, 180),
            operators=st.lists(st.sampled_from(["Viettel", "=VNPT", "-x"]), unique=True).map(tuple),
            technologies=st.lists(st.sampled_from(TECHNOLOGIES), unique=True).map(tuple),
            synthetic=st.booleans(),
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda site: site.site_id,
    )
)
def test_exported_sites_are_imported_as_they_were(sites: list[Site]) -> None:
    directory = Directory(provinces=PROVINCES, communes=COMMUNES)
    read = parse_sites(sites_csv(directory, sites).encode(), places())

    def composed(site: Site) -> tuple[Any, ...]:  # tables are read in Unicode's composed form
        name = " ".join(unicodedata.normalize("NFC", site.name).split(" "))
        return (site.site_id, name.strip(), site.commune_code, site.lat_deg, site.lon_deg,
                site.operators, site.technologies, site.synthetic)  # fmt: skip

    assert [composed(site) for _, site in read.sites] == [composed(site) for site in sites]


def refused(text: str, **places_known: Any) -> list[tuple[int, str, str]]:
    found = parse_sites(text.encode(), places(**places_known), skip=True)
    return [(item.row, item.title, item.reason) for item in found.refused]


def test_what_is_fine_is_taken_although_others_are_not() -> None:
    text = (
        "name,commune_code,commune,province_code\nA,03390,,\nB,0,,\nC,03777,Mới,12\nD,03778,Hai,\n"
    )
    found = parse_sites(text.encode(), places(), skip=True)
    assert [site.name for _, site in found.sites] == ["A", "C"]
    assert [commune.code for commune in found.communes] == ["03777"]
    assert refused(text) == [(3, "B", "unknown_commune"), (5, "D", "province_wanted")]
    assert all(item.said("vi") != item.said("en") for item in found.refused)


def test_a_commune_of_a_refused_row_does_not_come_along() -> None:
    text = "name,commune_code,commune,province_code,province,lat,lon\nA,00001,Một,01,Mới,95,103\n"
    found = parse_sites(text.encode(), places(), skip=True)
    assert (found.sites, found.communes, found.provinces) == ((), (), ())


def test_zeros_that_a_spreadsheet_dropped_are_noticed() -> None:
    found = parse_sites("name,commune_code,commune\nA,3390,Bình Lư\n".encode(), places())
    assert found.sites[0][1].commune_code == "03390"
    assert [item.reason for item in found.notes] == ["zeros_added"]
    # without a name that confirms it, it is asked about
    assert refused("name,commune_code\nA,3390\n") == [(2, "A", "zeros_dropped")]
    new = "name,commune_code,commune,province_code\nA,3777,Mới,12\n"
    assert [item.reason for item in parse_sites(new.encode(), places()).notes] == ["four_digits"]


def test_letters_that_were_destroyed_are_noticed() -> None:
    text = "name,commune_code\nB?n T? Lèng,03390\nCh? Bình L?,03390\nBạn có biết?,03390\n"
    assert [(row, reason) for row, _, reason in refused(text)] == [
        (2, "destroyed"),
        (3, "destroyed"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "22.353, 103.678", "22.353,103.678", "22.353 103.678", "22,353; 103,678", "22,353 103,678",
        "22.353/103.678", "(22.353, 103.678)", "103.678, 22.353",
        "22°21'10.8\"N, 103°40'40.8\"E", "22° 21.18' B 103° 40.68' Đ",
        "N22°21'10.8\" E103°40'40.8\"",
        "103°40'40.8\"E 22°21'10.8\"N",
    ],
)  # fmt: skip
def test_a_place_is_read_as_people_write_it(text: str) -> None:
    table = f"Tên điểm\tMã xã\tTọa độ\nA\t03390\t{text}\n"
    found = parse_sites(table.encode(), places())
    ((_, site),) = found.sites
    assert site.lat_deg == pytest.approx(22.353)
    assert site.lon_deg == pytest.approx(103.678)
    swapped = text.startswith("103")
    assert [item.reason for item in found.notes] == (["longitude_first"] if swapped else [])


@pytest.mark.parametrize(
    "text",
    ["22,353,103,678", "22.353", "95, 190", "22°61'N 103°E", "22°N 103°N", "22°21'N 103°40'Đ",
     "-22°S 103°E", "x, y", "2472000 568000"],
)  # fmt: skip
def test_what_is_no_place_is_refused(text: str) -> None:
    table = f"name\tcommune_code\tcoordinates\nA\t03390\t{text}\n"
    assert [reason for _, _, reason in refused(table)] == ["no_place"]


def test_degrees_and_minutes_stand_in_columns_of_their_own_too() -> None:
    table = "name;commune_code;lat;lon\nA;03390;22°21'10,8\"B;103 40 40.8 E\nB;03390;103°E;22°N\n"
    found = parse_sites(table.encode(), places(), skip=True)
    assert found.sites[0][1].lat_deg == pytest.approx(22.353)
    assert found.sites[0][1].lon_deg == pytest.approx(103.678)
    assert refused(table) == [(3, "B", "other_axis")]


def test_a_site_that_is_archived_is_not_made_anew() -> None:
    known_places = KnownPlaces(
        provinces=PROVINCES, communes=COMMUNES, sites=SITES, archived=frozenset({"a"})
    )
    found = parse_sites(b"name,commune_code\nA,03390\n", known_places, skip=True)
    assert [item.reason for item in found.refused] == ["archived"]


def workbook(*rows: tuple[Any, ...]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_workbook_is_a_list_too() -> None:
    sites = workbook(
        ("Tên điểm", "Mã xã", "Xã", "Vĩ độ", "Kinh độ"), ("A", 3390, "Bình Lư", 22.3, 103)
    )
    ((line, site),) = parse_sites(sites, places()).sites
    assert (line, site.commune_code, site.lat_deg) == (2, "03390", 22.3)
    day, clock = datetime(2026, 11, 28), datetime(2026, 11, 28, 14, 30)
    planned = workbook(
        ("Điểm", "Mức hình ảnh", "Ngày", "Bắt đầu", "Số phút"),
        ("Chợ Bình Lư", "TikTok 720p", day, "2:30 CH", 60),
        ("binh-lu", "tiktok-720p30", None, clock + timedelta(hours=3), 60),
    )
    found = parse_sessions(planned, known())
    assert [item.session.starts_at.hour for item in found.sessions] == [14, 17]


# Communes ---------------------------------------------------------------------------------------


def test_communes_come_from_a_table_or_from_boundaries() -> None:
    text = "Mã xã,Tên xã,Mã tỉnh,Tỉnh\n03391,Lản Nhì Thàng,12,\n26734,Bến Nghé,79,TP Hồ Chí Minh\n"
    found = parse_communes(text.encode(), places())
    assert [commune.code for _, commune in found.communes] == ["03391", "26734"]
    assert found.provinces == (Province(code="79", name="TP Hồ Chí Minh"),)
    feature = {"type": "Feature", "id": "03391", "geometry": None}
    boundaries = {
        "type": "FeatureCollection",
        "features": [
            {**feature, "properties": {"name": "Lản Nhì Thàng", "areaKm2": 1.5}},
            {**feature, "id": "3390", "properties": {"name": "Bình Lư"}},
        ],
    }
    read = parse_communes(json.dumps(boundaries).encode(), places("12"), skip=True)
    assert [commune for _, commune in read.communes] == [
        Commune(code="03391", name="Lản Nhì Thàng", province_code="12")
    ]
    assert [item.reason for item in read.refused] == ["shorter_code"]
    with pytest.raises(DataError):
        parse_communes(b'{"type": "Feature"}', places())
    with pytest.raises(RowsError):  # of which of two provinces?
        parse_communes(b"code,name\n1,A\n", places())


# Sessions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-28T02:00:00Z",
        "2026-11-28T09:00:00+07:00",
        "2026-11-28T09:00",
        "2026-11-28 09:00",
        "2026-11-28 9:00",
        "28/11/2026 09:00",
        "28-11-2026 9h",
        "28.11.2026 9h00",
        "09:00 28/11/2026",
        "9h00, 28/11/2026",
        "09:00:00 2026-11-28",
        "28/11/26 09:00",
        "28/11/26 9:00 SA",
        "9:00 AM 28/11/2026",
        "28/11/2026 9 giờ sáng",
        "2026/11/28 09:00",
    ],
)
def test_a_time_is_read_as_people_write_it(text: str) -> None:
    assert moment(text, HANOI) == datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2:30 CH", 14), ("2:30 pm", 14), ("12:30 CH", 12), ("12:30 SA", 0), ("12:30 AM", 0),
        ("7 giờ 30 tối", 19), ("11h30 trưa", 11), ("1h30 trưa", 13), ("14:30 CH", 14),
    ],
)  # fmt: skip
def test_the_halves_of_a_day_are_understood(text: str, hour: int) -> None:
    found = moment(text, HANOI, "28/11/26")
    assert (found.hour, found.minute, found.day, found.year) == (hour, 30, 28, 2026)


@pytest.mark.parametrize(
    "text",
    ["", "x", "2026-11-28", "09:00", "11/28/2026 09:00", "31/02/2026 09:00", "28/11/126 09:00",
     "28/11/2026 9", "28/11/2026 13:00 SA", "28/11/2026 0:30 CH", "28/11/2026 12 tối",
     "28/11/2026 25:00", "28/11/2026 09:61", "28/11/2026 09:00 28/11/2026", "٢٨/١١/٢٠٢٦ 99:00"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="no time"):
        moment(text, HANOI)


def test_sessions_are_read_with_end_or_duration_and_a_date_of_their_own() -> None:
    text = (
        "Ngày;Giờ bắt đầu;Giờ kết thúc;Địa điểm;Cấu hình;Sự kiện;Trạng thái\n"
        "28/11/2026;9h00;11h00;Chợ Bình Lư;tiktok-720p30;Chợ phiên;\n"
        "28/11/2026;20h;01h30;sin-ho;voice-still;Đêm nhạc;\n"
        "29/11/2026;9h00;11h00;chợ trung tâm, xã Mường Phăng;voice-still;Huỷ rồi;Đã huỷ\n"
    )
    first, night, off = parse_sessions(text.encode(), known()).sessions
    assert (first.session.site_id, first.session.title) == ("binh-lu", "Chợ phiên")
    assert first.session.starts_at == datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
    assert night.session.ends_at - night.session.starts_at == timedelta(hours=5.5)
    assert (off.session.site_id, off.cancelled, first.cancelled) == ("muong-phang", True, False)
    short = b"site,profile,start,minutes\nbinh-lu,voice-still,2026-11-28 09:00,90\n"
    (session,) = parse_sessions(short, known()).sessions
    assert session.session.ends_at == datetime(2026, 11, 28, 3, 30, tzinfo=UTC)
    assert session.session.title == "Chợ Bình Lư"


def test_the_same_row_is_known_again_and_another_is_not() -> None:
    def uid(row: str) -> str:
        header = "site,profile,start,end,title\n"
        return parse_sessions((header + row).encode(), known()).sessions[0].uid

    row = "binh-lu,voice-still,2026-11-28 09:00,2026-11-28 11:00,X"
    assert uid(row) == uid(row.replace("09:00", "9h00").replace("voice-still", "tiktok-720p30"))
    assert uid(row) != uid(row.replace("binh-lu", "sin-ho"))
    assert uid(row) != uid(row.replace("09:00", "10:00"))
    assert uid(row) != uid(row.replace("X", "Y"))


def test_every_wrong_session_is_told_and_those_over_are_counted() -> None:
    text = (
        "site,profile,start,end,minutes,title\n"
        "nowhere,voice-still,2026-11-28 09:00,2026-11-28 11:00,,\n"
        "binh-lu,none,2026-11-28 09:00,2026-11-28 11:00,,\n"
        "binh-lu,voice-still,soon,2026-11-28 11:00,,\n"
        "binh-lu,voice-still,2026-11-28 09:00,2026-11-28 08:30,,\n"
        "binh-lu,voice-still,2026-11-28 09:00,,0,\n"
        "binh-lu,voice-still,2026-11-28 09:00,2026-11-28 11:00,,X\n"
        "binh-lu,voice-still,2026-11-28 09:00,2026-11-28 11:00,,X\n"
        "chợ trung tâm,voice-still,2026-11-28 09:00,2026-11-28 11:00,,\n"
    )
    with pytest.raises(RowsError) as error:
        parse_sessions(text.encode(), known())
    assert problems(error) == [
        (2, "site"), (3, "profile"), (4, "start"), (5, ""), (6, "minutes"), (8, ""), (9, "site"),
    ]  # fmt: skip
    old = b"site,profile,start,end\nbinh-lu,voice-still,2026-11-27 09:00,2026-11-27 11:00\n"
    found = parse_sessions(old, known())
    assert (found.sessions, found.over) == ((), 1)


def test_a_site_is_found_by_what_people_call_it() -> None:
    for text in ("binh-lu", "Chợ Bình Lư", "cho binh lu", "Chợ Bình Lư, tỉnh Lai Châu, Việt Nam"):
        assert find_site(known(), text).site_id == "binh-lu"
    assert find_site(known(), "Chợ trung tâm, xã Sìn Hồ").site_id == "sin-ho"
    for text in ("Chợ trung tâm", "", "Chợ", "Chợ trung tâm, Hà Nội"):
        with pytest.raises(InvalidInputError, match="site_id"):
            find_site(known(), text)


def test_a_whole_list_may_be_of_one_site_and_profile() -> None:
    text = b"start,end\n2026-11-28 09:00,2026-11-28 11:00\n"
    (found,) = parse_sessions(text, known(site_id="sin-ho", profile_code="voice-still")).sessions
    assert (found.session.site_id, found.session.profile_code) == ("sin-ho", "voice-still")
    with pytest.raises(RowsError, match="no column site"):
        parse_sessions(text, known())
