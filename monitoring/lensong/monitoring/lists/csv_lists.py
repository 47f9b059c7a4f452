"""Lists of sites and sessions as CSV: every row is checked, and all are taken or none."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lensong.monitoring.lists.rows import (
    KnownSessions,
    Row,
    RowErrors,
    SessionRows,
    WantedSession,
    find_site,
    moment,
    read_rows,
)
from lensong.monitoring.names import bare, bare_place, identifier_of
from lensong.monitoring.records import Commune, Province, Session, Site
from lensong.propagation.errors import InvalidInputError

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
    "operators": ("operator", "nhà mạng", "mạng"),
    "technologies": ("technology", "rat", "công nghệ"),
    "synthetic": ("dữ liệu giả lập",),
}
SESSION_COLUMNS = {
    "session_id": ("mã phiên",),
    "site": ("site_id", "điểm", "mã điểm", "tên điểm", "điểm phát", "địa điểm", "location"),
    "title": ("name", "tiêu đề", "tên phiên", "nội dung", "sự kiện", "event"),
    "profile": ("profile_code", "cấu hình", "cấu hình luồng"),
    "date": ("ngày",),
    "starts_at": ("start", "begin", "bắt đầu", "giờ bắt đầu"),
    "ends_at": ("end", "kết thúc", "giờ kết thúc"),
    "duration_min": ("duration", "minutes", "thời lượng", "số phút", "thời lượng (phút)"),
    "status": ("trạng thái",),
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
    """

    provinces: Mapping[str, Province]
    communes: Mapping[str, Commune]
    sites: Mapping[str, Site]
    province_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRows:
    """The sites of a list with their rows, and the provinces and communes that are new."""

    provinces: tuple[Province, ...]
    communes: tuple[Commune, ...]
    sites: tuple[tuple[int, Site], ...]
    ignored_columns: tuple[str, ...]


def parse_sites(data: bytes, known: KnownPlaces) -> SiteRows:
    """Return the sites of a CSV table.

    Parameters
    ----------
    data : bytes
        Columns by the names of ``SITE_COLUMNS``, English or Vietnamese. A column that is left out
        leaves what is known of a site; an empty cell empties it.

    Raises
    ------
    DataError
        It is no table.
    RowsError
        A row cannot be taken; every one that cannot is told.

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
    for row in rows:
        with errors.kept(row.line):
            site = _site(row, places.commune_of(row), known)
            if site.site_id in sites:
                raise row.wrong(
                    "site_id",
                    f"site_id {site.site_id} comes in row {sites[site.site_id][0]} already: give "
                    "each site its own",
                )
            sites[site.site_id] = (row.line, site)
    errors.raise_if_any()
    return SiteRows(
        provinces=tuple(places.new_provinces.values()),
        communes=tuple(places.new_communes.values()),
        sites=tuple(sites.values()),
        ignored_columns=ignored,
    )


def _site(row: Row, commune: Commune, known: KnownPlaces) -> Site:
    site_id = row.get("site_id") or identifier_of(row.get("name"))
    if not site_id:
        raise row.wrong("name", "no site_id, and no name to make one of: give one of them")
    before = known.sites.get(site_id)
    if before is not None:
        _check_change(row, before, commune, known)
    name = row.get("name") or (before.name if before else "")
    site = before or Site(site_id=site_id, name=name or site_id, commune_code=commune.code)
    changes: dict[str, object] = {"name": name or site_id, "commune_code": commune.code}
    if row.has("lat_deg") or row.has("lon_deg"):
        changes |= {"lat_deg": row.number("lat_deg"), "lon_deg": row.number("lon_deg")}
    if row.has("operators"):
        changes["operators"] = tuple(_several(row.get("operators")))
    if row.has("technologies"):
        changes["technologies"] = tuple(
            _technology(row, t) for t in _several(row.get("technologies"))
        )
    if row.has("synthetic"):
        changes["synthetic"] = _yes(row, "synthetic")
    return replace(site, **changes)  # type: ignore[arg-type]  # mypy cannot follow names in a dict


def _check_change(row: Row, before: Site, commune: Commune, known: KnownPlaces) -> None:
    there = known.communes[before.commune_code]
    if known.province_code not in (None, there.province_code):
        raise row.wrong("site_id", f"site_id {before.site_id} is taken: give another")
    # an identifier that a name made is not enough to tell that the same place is meant
    made = not row.get("site_id")
    if made and (bare(before.name) != bare(row.get("name")) or there.code != commune.code):
        raise row.wrong(
            "name",
            f"makes the site_id {before.site_id}, which is {before.name} in {there.name}: give a "
            "site_id",
        )


def _several(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in _SEPARATORS.split(text) if part.strip()))


def _technology(row: Row, text: str) -> str:
    found = _TECHNOLOGIES.get(bare(text))
    if found is None:
        raise row.wrong("technologies", f"{text!r} is no technology, wanted 3G, 4G or 5G")
    return found


def _yes(row: Row, name: str) -> bool:
    text = bare(row.get(name))
    if text not in _YES | _NO:
        raise row.wrong(name, f"{row.get(name)!r} is neither yes nor no")
    return text in _YES


@dataclass(slots=True)
class _Places:
    """Communes and provinces: those that are known, and those that the list brings."""

    known: KnownPlaces
    new_provinces: dict[str, Province] = field(default_factory=dict)
    new_communes: dict[str, Commune] = field(default_factory=dict)

    def commune_of(self, row: Row) -> Commune:
        """Return the commune of a row."""
        code, name = row.get("commune_code"), row.get("commune")
        if not code:
            return self._commune_called(row, name)
        commune = self.known.communes.get(code) or self.new_communes.get(code)
        if commune is None:
            if not name:
                raise row.wrong(
                    "commune_code", f"commune {code} is unknown: give its name and province too"
                )
            province = self._province(row)
            commune = Commune(code=code, name=name, province_code=province.code)
            self._check_area(row, commune)
            self.new_communes[code] = commune
        self._check_area(row, commune)
        self._check_same(row, "commune", name, commune.name)
        self._check_same(row, "province", row.get("province"), self._name_of(commune))
        if row.get("province_code") not in ("", commune.province_code):
            raise row.wrong("province_code", f"commune {code} lies in {commune.province_code}")
        return commune

    def _commune_called(self, row: Row, name: str) -> Commune:
        if not name:
            raise row.wrong("commune", "names no commune: give its code or its name")
        given = row.get("province_code"), bare_place(row.get("province"))
        found = [
            commune
            for commune in (*self.known.communes.values(), *self.new_communes.values())
            if bare_place(commune.name) == bare_place(name)
            and given[0] in ("", commune.province_code)
            and given[1] in ("", bare_place(self._name_of(commune)))
            and self.known.province_code in (None, commune.province_code)
        ]
        if len(found) != 1:
            what = f"is the name of {len(found)} communes" if found else "is no commune known here"
            raise row.wrong("commune", f"{name!r} {what}: give its commune_code")
        return found[0]

    def _province(self, row: Row) -> Province:
        """Return the province of a commune that is new."""
        code, name = row.get("province_code"), row.get("province")
        provinces = {**self.known.provinces, **self.new_provinces}
        if not code and name:
            found = [p for p in provinces.values() if bare_place(p.name) == bare_place(name)]
            if len(found) != 1:
                raise row.wrong("province", f"{name!r} is no province known here: give its code")
            return found[0]
        code = code or self.known.province_code or ""
        if not code:
            raise row.wrong("province_code", "the commune is new: give the code of its province")
        if code in provinces:
            self._check_same(row, "province", name, provinces[code].name)
            return provinces[code]
        if self.known.province_code is not None:
            raise row.wrong(
                "province_code", f"your area is the province {self.known.province_code}"
            )
        if not name:
            raise row.wrong("province_code", f"province {code} is unknown: give its name too")
        self.new_provinces[code] = Province(code=code, name=name)
        return self.new_provinces[code]

    def _name_of(self, commune: Commune) -> str:
        code = commune.province_code
        return (self.new_provinces.get(code) or self.known.provinces[code]).name

    def _check_area(self, row: Row, commune: Commune) -> None:
        if self.known.province_code not in (None, commune.province_code):
            raise row.wrong("commune_code", f"your area is the province {self.known.province_code}")

    @staticmethod
    def _check_same(row: Row, column: str, given: str, kept: str) -> None:
        """Refuse another name for a code that is known: one of the two is a slip."""
        if given and bare_place(given) != bare_place(kept):
            raise row.wrong(
                column, f"{given!r} has the code of {kept!r}: correct the code or the name"
            )


def parse_sessions(data: bytes, known: KnownSessions) -> SessionRows:
    """Return the sessions of a CSV table.

    Parameters
    ----------
    data : bytes
        Columns by the names of ``SESSION_COLUMNS``, English or Vietnamese. The end is a time or a
        duration; the date may have a column of its own.

    Raises
    ------
    DataError
        It is no table.
    RowsError
        A row cannot be taken; every one that cannot is told.

    Notes
    -----
    Without a ``session_id`` a session is known again by site, start and title.
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
        with errors.kept(row.line):
            session = _session(row, known)
            if session.session.ends_at <= known.now:
                over += 1
            elif session.uid in sessions:
                raise row.wrong("", f"is the same session as row {sessions[session.uid].row}")
            else:
                sessions[session.uid] = session
    errors.raise_if_any()
    return SessionRows(sessions=tuple(sessions.values()), over=over, ignored_columns=ignored)


def _session(row: Row, known: KnownSessions) -> WantedSession:
    try:
        site = find_site(known, row.get("site") or known.site_id or "")
    except InvalidInputError as error:
        raise row.wrong("site", error) from error
    profile = row.get("profile") or known.profile_code or ""
    if profile not in known.profiles:
        raise row.wrong("profile", f"{profile[:80]!r} is no stream profile: GET /api/v1/profiles")
    starts_at = _time(row, "starts_at", known, row.get("date"))
    ends_at = _end(row, known, starts_at)
    title = row.get("title") or site.name
    key = hashlib.sha256(f"{site.site_id} {starts_at.timestamp():.0f} {title}".encode())
    session_id = row.get("session_id")
    return WantedSession(
        row=row.line,
        uid=f"csv-{session_id or key.hexdigest()[:24]}",
        session=Session(
            session_id=session_id or "new",
            site_id=site.site_id,
            title=title,
            profile_code=profile,
            starts_at=starts_at,
            ends_at=ends_at,
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
        raise row.wrong("duration_min", "no end: give ends_at, or a duration of 1 to 1440 minutes")
    return starts_at + timedelta(minutes=minutes)


def _time(row: Row, name: str, known: KnownSessions, day: str) -> datetime:
    try:
        return moment(row.get(name), known.zone, day)
    except InvalidInputError as error:
        raise row.wrong(name, error) from error
