"""Lists of sites and sessions as tables: every row is checked and told of."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lensong.monitoring.lists.coordinates import degrees, latitude_and_longitude
from lensong.monitoring.lists.rows import (
    KnownSessions,
    Row,
    SessionRows,
    WantedSession,
    destroyed,
    find_profile,
    find_site,
    read_rows,
)
from lensong.monitoring.lists.times import moment
from lensong.monitoring.lists.told import RowErrors, RowNote
from lensong.monitoring.names import bare, bare_place, identifier_of
from lensong.monitoring.records import (
    LONGEST_SESSION,
    MOST_AT_ONCE,
    Commune,
    Province,
    Session,
    Site,
)
from lensong.propagation.errors import DataError, LensongError

__all__ = ["KnownPlaces", "SiteRows", "parse_sessions", "parse_sites"]

SITE_COLUMNS = {
    "site_id": ("site", "id", "mã điểm"),
    "name": ("site name", "tên điểm", "tên", "điểm phát"),
    "commune_code": ("mã xã", "mã phường", "mã xã/phường"),
    "commune": ("commune name", "xã", "phường", "xã/phường", "tên xã"),
    "province_code": ("mã tỉnh",),
    "province": ("province name", "tỉnh", "tên tỉnh", "tỉnh/thành phố"),
    "lat_deg": ("lat", "latitude", "vĩ độ", "vĩ độ (độ)"),
    "lon_deg": ("lon", "lng", "long", "longitude", "kinh độ", "kinh độ (độ)"),
    "coordinates": ("toạ độ", "tọa độ", "toạ độ (wgs 84)", "lat, lon", "lat/lon", "vị trí", "gps"),
    "operators": ("operator", "nhà mạng", "mạng"),
    "technologies": ("technology", "rat", "công nghệ"),
    "synthetic": ("dữ liệu giả lập",),
    "sessions_at_once": ("at once", "số phiên cùng lúc", "phiên cùng lúc"),
}
SESSION_COLUMNS = {
    "session_id": ("mã phiên",),
    "site": ("site_id", "điểm", "mã điểm", "tên điểm", "điểm phát", "địa điểm", "location"),
    "title": ("name", "tiêu đề", "tên phiên", "nội dung", "sự kiện", "event"),
    "profile": ("profile_code", "cấu hình", "cấu hình luồng", "mức hình ảnh", "chất lượng"),
    "date": ("ngày",),
    "starts_at": ("start", "begin", "bắt đầu", "giờ bắt đầu"),
    "ends_at": ("end", "kết thúc", "giờ kết thúc"),
    "duration_min": ("duration", "minutes", "thời lượng", "số phút", "thời lượng (phút)"),
    "status": ("trạng thái",),
    "lane": ("làn", "làn phát"),
    "operator": ("sim", "sim card", "nhà mạng", "mạng"),
}
_TECHNOLOGIES = {
    "3g": "3G", "umts": "3G", "wcdma": "3G", "4g": "4G", "lte": "4G", "5g": "5G", "nr": "5G",
}  # fmt: skip
_SEPARATORS = re.compile(r"[,;/|+]")
_YES = {"1", "true", "yes", "x", "co"}
_NO = {"", "0", "false", "no", "khong"}
_CANCELLED = {"cancelled", "canceled", "huy", "da huy"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPlaces:
    """What sites of a list are held against.

    Parameters
    ----------
    province_code : str, optional
        The one province in which the asker may add and change; None is all.
    archived : frozenset of str
        Identifiers of sites that are archived.
    """

    provinces: Mapping[str, Province]
    communes: Mapping[str, Commune]
    sites: Mapping[str, Site]
    province_code: str | None = None
    archived: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRows:
    """The sites of a list with their rows, and the provinces and communes that are new.

    Parameters
    ----------
    refused, notes : tuple of RowNote
        Rows that cannot be taken, and what was noticed in others.
    """

    provinces: tuple[Province, ...]
    communes: tuple[Commune, ...]
    sites: tuple[tuple[int, Site], ...]
    ignored_columns: tuple[str, ...]
    refused: tuple[RowNote, ...] = ()
    notes: tuple[RowNote, ...] = ()


def parse_sites(data: bytes, known: KnownPlaces, *, skip: bool = False) -> SiteRows:
    """Return the sites of a table.

    Parameters
    ----------
    data : bytes
        Columns by the names of ``SITE_COLUMNS``, English or Vietnamese. A column that is left out
        leaves what is known of a site; an empty cell empties it.
    skip : bool
        Return the rows that can be taken although others cannot.

    Raises
    ------
    DataError
        It is no table.
    RowsError
        A row cannot be taken, and none is to be skipped; every one that cannot is told.

    Notes
    -----
    Without a ``site_id`` the name makes it, without tone marks. An identifier made so is never
    used for a site of another name that has it already.
    """
    rows, ignored = read_rows(
        data, SITE_COLUMNS, [("name", "site_id"), ("commune_code", "commune")]
    )
    errors = RowErrors()
    places = _Places(known)
    sites: dict[str, tuple[int, Site]] = {}
    notes: list[RowNote] = []
    for row in rows:
        title = row.get("name") or row.get("site_id")
        with errors.kept(row.line, title):
            told: list[RowNote] = []
            commune = places.commune_of(row, title, told)
            site = _site(row, commune, known, title, told)
            if site.site_id in sites:
                line = sites[site.site_id][0]
                raise row.wrong("site_id", "site_twice", site_id=site.site_id, line=str(line))
            places.keep(commune)
            sites[site.site_id] = (row.line, site)
            notes += told
    return SiteRows(
        refused=errors.left(skip),
        notes=tuple(notes),
        provinces=tuple(places.new_provinces.values()),
        communes=tuple(places.new_communes.values()),
        sites=tuple(sites.values()),
        ignored_columns=ignored,
    )


def _site(row: Row, commune: Commune, known: KnownPlaces, title: str, told: list[RowNote]) -> Site:
    if destroyed(row.get("name")):
        raise row.wrong("name", "destroyed", text=row.get("name")[:80])
    site_id = row.get("site_id") or identifier_of(row.get("name"))
    if not site_id:
        raise row.wrong("name", "no_identifier")
    if site_id in known.archived:
        raise row.wrong("site_id", "archived", site_id=site_id)
    before = known.sites.get(site_id)
    if before is not None:
        _check_change(row, before, commune, known)
    name = row.get("name") or (before.name if before else "")
    site = before or Site(site_id=site_id, name=name or site_id, commune_code=commune.code)
    changes: dict[str, object] = {"name": name or site_id, "commune_code": commune.code}
    if (place := _place(row, title, told)) is not None:
        changes |= {"lat_deg": place[0], "lon_deg": place[1]}
    if row.has("operators"):
        changes["operators"] = tuple(_several(row.get("operators")))
    if row.has("technologies"):
        changes["technologies"] = tuple(
            _technology(row, t) for t in _several(row.get("technologies"))
        )
    if row.has("synthetic"):
        changes["synthetic"] = _yes(row, "synthetic")
    if row.has("sessions_at_once"):
        changes["sessions_at_once"] = _count(row, "sessions_at_once") or 1
    return replace(site, **changes)  # type: ignore[arg-type]  # mypy cannot follow names in a dict


def _place(row: Row, title: str, told: list[RowNote]) -> tuple[float | None, float | None] | None:
    """Return where a row says that a site is, None where the list has no column for it."""
    together = row.get("coordinates")
    if together and (row.get("lat_deg") or row.get("lon_deg")):
        raise row.wrong("coordinates", "place_twice")
    if together:
        try:
            lat, lon, swapped = latitude_and_longitude(together)
        except DataError as error:
            raise row.wrong("coordinates", "no_place", text=together[:60]) from error
        if swapped:
            told.append(row.note("coordinates", "longitude_first", title, text=together[:60]))
        return lat, lon
    if not (row.has("lat_deg") or row.has("lon_deg") or row.has("coordinates")):
        return None
    lat_deg, lon_deg = _degrees(row, "lat_deg", "lat"), _degrees(row, "lon_deg", "lon")
    if (lat_deg is None) != (lon_deg is None):
        raise row.wrong("", "half_place")
    if lat_deg is not None and not -90.0 <= lat_deg <= 90.0:
        raise row.wrong("", "no_latitude", text=row.get("lat_deg")[:40])
    if lon_deg is not None and not -180.0 <= lon_deg <= 180.0:
        raise row.wrong("", "no_longitude", text=row.get("lon_deg")[:40])
    return lat_deg, lon_deg


def _degrees(row: Row, name: str, axis: str) -> float | None:
    text = row.get(name)
    try:
        return row.number(name)
    except LensongError as no_number:
        if not re.search(r"[°º˚′’'NSEWBĐT ]", text.upper()):
            raise
        try:
            value, given = degrees(text, row.decimal_comma)
        except DataError:
            raise no_number from None
    if given not in ("", axis):
        raise row.wrong(name, "other_axis", text=text[:60])
    return value


def _check_change(row: Row, before: Site, commune: Commune, known: KnownPlaces) -> None:
    there = known.communes[before.commune_code]
    if known.province_code not in (None, there.province_code):
        raise row.wrong("site_id", "taken", site_id=before.site_id)
    # an identifier that a name made is not enough to tell that the same place is meant
    made = not row.get("site_id")
    if made and (bare(before.name) != bare(row.get("name")) or there.code != commune.code):
        raise row.wrong(
            "name", "makes_other", site_id=before.site_id, name=before.name, commune=there.name
        )


def _count(row: Row, name: str) -> int | None:
    """Return the whole number of a cell, None where it is empty."""
    value = row.number(name)
    if value is None:
        return None
    if value != int(value) or not 1 <= value <= MOST_AT_ONCE:
        raise row.wrong(name, "no_count", text=row.get(name)[:40], most=MOST_AT_ONCE)
    return int(value)


def _several(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in _SEPARATORS.split(text) if part.strip()))


def _technology(row: Row, text: str) -> str:
    found = _TECHNOLOGIES.get(bare(text))
    if found is None:
        raise row.wrong("technologies", "no_technology", text=text[:40])
    return found


def _yes(row: Row, name: str) -> bool:
    text = bare(row.get(name))
    if text not in _YES | _NO:
        raise row.wrong(name, "neither_yes_nor_no", text=row.get(name)[:40])
    return text in _YES


@dataclass(slots=True)
class _Places:
    """Communes and provinces: those that are known, and those that the list brings."""

    known: KnownPlaces
    new_provinces: dict[str, Province] = field(default_factory=dict)
    new_communes: dict[str, Commune] = field(default_factory=dict)

    _wanted: dict[str, Province] = field(default_factory=dict)

    def keep(self, commune: Commune) -> None:
        """Keep the commune of a row that is taken, with its province, where they are new."""
        if commune.code in self.known.communes:
            return
        self.new_communes[commune.code] = commune
        if (province := self._wanted.get(commune.province_code)) is not None:
            self.new_provinces[province.code] = province

    def commune_of(self, row: Row, title: str, told: list[RowNote]) -> Commune:
        """Return the commune of a row."""
        code, name = row.get("commune_code"), row.get("commune")
        for column in ("commune", "province"):
            if destroyed(row.get(column)):
                raise row.wrong(column, "destroyed", text=row.get(column)[:80])
        if not code:
            return self._commune_called(row, name)
        code = self._with_zeros(row, code, name, title, told)
        commune = self.known.communes.get(code) or self.new_communes.get(code)
        if commune is None:
            if not name:
                raise row.wrong("commune_code", "unknown_commune", code=code[:20])
            province = self._province(row)
            commune = Commune(code=code, name=name, province_code=province.code)
            self._check_area(row, commune)
            if re.fullmatch(r"[0-9]{4}", code):
                told.append(row.note("commune_code", "four_digits", title, code=code))
        self._check_area(row, commune)
        self._check_same(row, "commune", name, commune.name)
        self._check_same(row, "province", row.get("province"), self._name_of(commune))
        if row.get("province_code") not in ("", commune.province_code):
            raise row.wrong(
                "province_code", "lies_elsewhere", code=code, province=commune.province_code
            )
        return commune

    def _with_zeros(self, row: Row, code: str, name: str, title: str, told: list[RowNote]) -> str:
        """Return a code with the zeros at its front that a spreadsheet has dropped."""
        there = {**self.known.communes, **self.new_communes}
        if code in there or not code.isdigit():
            return code
        longer = [
            other
            for other in there
            if other.isdigit() and len(other) > len(code) and other.lstrip("0") == code
        ]
        if not longer:
            return code
        full = longer[0]
        if len(longer) > 1 or bare_place(name) != bare_place(there[full].name):
            raise row.wrong(
                "commune_code", "zeros_dropped", code=code, full=full, name=there[full].name
            )
        told.append(row.note("commune_code", "zeros_added", title, code=code, full=full))
        return full

    def _commune_called(self, row: Row, name: str) -> Commune:
        if not name:
            raise row.wrong("commune", "no_commune")
        given = row.get("province_code"), bare_place(row.get("province"))
        found = [
            commune
            for commune in (*self.known.communes.values(), *self.new_communes.values())
            if bare_place(commune.name) == bare_place(name)
            and given[0] in ("", commune.province_code)
            and given[1] in ("", bare_place(self._name_of(commune)))
            and self.known.province_code in (None, commune.province_code)
        ]
        if len(found) > 1:
            raise row.wrong("commune", "several_communes", name=name[:80], n=len(found))
        if not found:
            raise row.wrong("commune", "unknown_name", name=name[:80])
        return found[0]

    def _province(self, row: Row) -> Province:
        """Return the province of a commune that is new."""
        code, name = row.get("province_code"), row.get("province")
        provinces = {**self.known.provinces, **self.new_provinces}
        if not code and name:
            found = [p for p in provinces.values() if bare_place(p.name) == bare_place(name)]
            if len(found) != 1:
                raise row.wrong("province", "no_province", name=name[:80])
            return found[0]
        code = code or self.known.province_code or ""
        if not code:
            raise row.wrong("province_code", "province_wanted")
        if code in provinces:
            self._check_same(row, "province", name, provinces[code].name)
            return provinces[code]
        if self.known.province_code is not None:
            raise row.wrong("province_code", "other_area", province=self.known.province_code)
        if not name:
            raise row.wrong("province_code", "unknown_province", code=code[:20])
        self._wanted[code] = Province(code=code, name=name)
        return self._wanted[code]

    def _name_of(self, commune: Commune) -> str:
        code = commune.province_code
        new = self.new_provinces.get(code) or self._wanted.get(code)
        return (new or self.known.provinces[code]).name

    def _check_area(self, row: Row, commune: Commune) -> None:
        if self.known.province_code not in (None, commune.province_code):
            raise row.wrong("commune_code", "other_area", province=self.known.province_code)

    @staticmethod
    def _check_same(row: Row, column: str, given: str, kept: str) -> None:
        """Refuse another name for a code that is known: one of the two is a slip."""
        if given and bare_place(given) != bare_place(kept):
            raise row.wrong(column, "other_name", given=given[:80], kept=kept)


def parse_sessions(data: bytes, known: KnownSessions, *, skip: bool = False) -> SessionRows:
    """Return the sessions of a table.

    Parameters
    ----------
    data : bytes
        Columns by the names of ``SESSION_COLUMNS``, English or Vietnamese. The end is a time or a
        duration; the date may have a column of its own.
    skip : bool
        Return the rows that can be taken although others cannot.

    Raises
    ------
    DataError
        It is no table.
    RowsError
        A row cannot be taken, and none is to be skipped; every one that cannot is told.

    Notes
    -----
    Without a ``session_id`` a session is known again by site, start, title and, where the list
    names one, lane.
    """
    wanted: list[tuple[str, ...]] = [("starts_at",), ("ends_at", "duration_min")]
    if known.site_id is None:
        wanted.append(("site",))
    if known.profile_code is None:
        wanted.append(("profile",))
    rows, ignored = read_rows(data, SESSION_COLUMNS, wanted)
    errors = RowErrors()
    sessions: dict[str, WantedSession] = {}
    over = 0
    for row in rows:
        with errors.kept(row.line, row.get("title") or row.get("site")):
            session = _session(row, known)
            if session.session.ends_at <= known.now:
                over += 1
            elif session.uid in sessions:
                raise row.wrong("", "same_session", line=str(sessions[session.uid].row))
            else:
                sessions[session.uid] = session
    return SessionRows(
        refused=errors.left(skip),
        sessions=tuple(sessions.values()),
        over=over,
        ignored_columns=ignored,
    )


def _session(row: Row, known: KnownSessions) -> WantedSession:
    try:
        site = find_site(known, row.get("site") or known.site_id or "")
    except LensongError as error:
        raise row.wrong("site", error) from error
    try:
        profile = find_profile(known, row.get("profile") or known.profile_code or "")
    except LensongError as error:
        raise row.wrong("profile", error) from error
    if destroyed(row.get("title")):
        raise row.wrong("title", "destroyed", text=row.get("title")[:80])
    starts_at = _time(row, "starts_at", known, row.get("date"))
    ends_at = _end(row, known, starts_at)
    if not timedelta(0) < ends_at - starts_at <= LONGEST_SESSION:
        raise row.wrong("", "no_duration")
    title = row.get("title") or site.name
    lane = _count(row, "lane")
    if lane is not None and lane > site.sessions_at_once:
        raise row.wrong("lane", "no_such_lane", n=site.sessions_at_once)
    told = f"{site.site_id} {starts_at.timestamp():.0f} {title}" + (f" {lane}" if lane else "")
    key = hashlib.sha256(told.encode())
    session_id = row.get("session_id")
    return WantedSession(
        row=row.line,
        uid=f"csv-{session_id or key.hexdigest()[:24]}",
        session=Session(
            session_id=session_id or "new",
            site_id=site.site_id,
            title=title,
            profile_code=profile.code,
            starts_at=starts_at,
            ends_at=ends_at,
            lane=lane,
            operator=row.get("operator") or None,
        ),
        session_id=session_id or None,
        cancelled=bare(row.get("status")) in _CANCELLED,
    )


def _end(row: Row, known: KnownSessions, starts_at: datetime) -> datetime:
    if row.get("ends_at"):
        ends_at = _time(row, "ends_at", known, row.get("date"))
        # "20:00 to 01:00" of one day means the next morning
        overnight = row.get("date") and ends_at <= starts_at
        return ends_at + timedelta(days=1) if overnight else ends_at
    minutes = row.number("duration_min")
    if minutes is None or not 0.0 < minutes <= 1_440.0:
        raise row.wrong("duration_min", "no_end")
    return starts_at + timedelta(minutes=minutes)


def _time(row: Row, name: str, known: KnownSessions, day: str) -> datetime:
    try:
        return moment(row.get(name), known.zone, day)
    except LensongError as error:
        raise row.wrong(name, error) from error
