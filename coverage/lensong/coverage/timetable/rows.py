"""From a table of sellers to what each wishes for; every row is taken or refused with a reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from lensong.coverage.network import operator_key
from lensong.coverage.path.study import village_row
from lensong.coverage.service import Service
from lensong.coverage.timetable.hear import pixel_at
from lensong.coverage.timetable.hours import Span, joined, read_length, read_span, read_spans
from lensong.coverage.timetable.wishes import Place, RowTold, Wish, Wishes
from lensong.gis_data.land import Land
from lensong.gis_data.names import search_key
from lensong.gis_data.tables import GEOMETRY_LAT, GEOMETRY_LON, Table, parse_number
from lensong.propagation.errors import DataError, LensongError

__all__ = ["COLUMNS", "SHORTEST_MIN", "ListSettings", "read_wishes"]

SHORTEST_MIN, LONGEST_MIN = 5, 24 * 60
_MOST_MBPS = 50.0
_KBPS_FROM = 100.0  # no phone sends 100 Mbit/s all day, none streams with less than 0.1

COLUMNS: dict[str, tuple[str, ...]] = {
    "seller": (
        "seller_name", "name", "who", "người bán", "tên người bán", "họ tên", "họ và tên", "tên",
        "chủ kênh",
    ),
    "village": ("place", "village_id", "village name", "bản", "thôn", "thôn/bản", "tên bản",
                "địa điểm", "điểm", "nơi bán", "site", "site_id", "location"),
    "commune": ("xã", "phường", "xã/phường", "tên xã"),
    "lat": ("lat_deg", "latitude", "vĩ độ", GEOMETRY_LAT),
    "lon": ("lon_deg", "lng", "long", "longitude", "kinh độ", GEOMETRY_LON),
    "service": ("quality", "dịch vụ", "chất lượng", "mức hình ảnh"),
    "bitrate_mbps": ("bitrate mbit/s", "bitrate (mbit/s)", "bitrate (mbps)", "uplink_mbps", "mbps",
                     "mbit/s", "tốc độ (mbit/s)", "tốc độ (mbps)"),
    "bitrate_kbps": ("bitrate kbit/s", "bitrate (kbit/s)", "bitrate (kbps)", "kbps", "kbit/s",
                     "tốc độ (kbit/s)", "tốc độ (kbps)"),
    "bitrate": ("tốc độ", "bit rate"),
    "date": ("day", "ngày"),
    "hours": ("time", "times", "hours they can", "can sell", "available", "giờ", "khung giờ",
              "giờ rảnh", "giờ có thể", "thời gian"),
    "from": ("start", "begin", "starts_at", "earliest", "từ", "từ giờ", "bắt đầu", "giờ bắt đầu"),
    "to": ("until", "end", "ends_at", "latest", "đến", "đến giờ", "kết thúc", "giờ kết thúc"),
    "duration_min": ("duration", "minutes", "duration (min)", "length", "thời lượng", "số phút",
                     "thời lượng (phút)"),
    "duration_h": ("duration (h)", "duration hours", "số giờ", "thời lượng (giờ)"),
    "sims": ("sim", "operator", "operators", "sim cards", "nhà mạng", "mạng"),
    "profile": ("profile_code", "cấu hình", "cấu hình luồng"),
}  # fmt: skip
"""Our names of the columns, and others by which they are found, in any case and without tones."""

_ANY = {"", "any", "all", "-", "bất kỳ", "bat ky"}
_APART = re.compile(r"[,;/|+&]")
_RATE = re.compile(r"([\d.,]+)\s*([a-z/]*)", re.IGNORECASE)
_UNITS = {"m": 1.0, "mb": 1.0, "mbps": 1.0, "mbit/s": 1.0, "mb/s": 1.0,
          "k": 1e-3, "kb": 1e-3, "kbps": 1e-3, "kbit/s": 1e-3, "kb/s": 1e-3}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSettings:
    """What holds for sellers who do not say.

    Parameters
    ----------
    services : sequence of Service
        Of the plan.
    service : Service
        Of sellers who name none, and what a bitrate alone changes.
    operators : sequence of str
        Whose SIM cards are allowed.
    day : str
        Of hours without one; may be empty.
    minutes : int
        Wanted on the air.
    """

    services: Sequence[Service]
    service: Service
    operators: Sequence[str]
    day: str = ""
    minutes: int = 60


def read_wishes(table: Table, land: Land, settings: ListSettings) -> Wishes:
    """Return what the sellers of a table wish for.

    Parameters
    ----------
    table : Table
    land : Land
        Villages are found in it by id or name, and the commune where several have the name.
    settings : ListSettings

    Raises
    ------
    DataError
        The table lacks a column without which no row can be read.
    """
    columns = _columns(table)
    reader = _Reader(table=table, land=land, settings=settings, columns=columns)
    taken: list[Wish] = []
    refused: list[RowTold] = []
    for line, cells in zip(table.line_numbers, table.rows, strict=True):
        seller = cells.get(columns["seller"], "")
        before = len(reader.notes)
        try:
            wish = reader.wish(line, cells)
            _refuse_twice(wish, taken)
        except LensongError as error:
            del reader.notes[before:]
            refused.append(RowTold(row=line, seller=seller, text=str(error)))
            continue
        taken.append(wish)
    used = set(columns.values())
    return Wishes(
        rows=len(table.rows),
        taken=tuple(taken),
        refused=tuple(refused),
        notes=tuple(reader.notes),
        columns=columns,
        ignored_columns=tuple(name for name in table.columns if name not in used),
        file_notes=table.notes,
    )


def _columns(table: Table) -> dict[str, str]:
    """Return our name to the table's column; refuse a table from which nobody can be placed."""
    by_key: dict[str, list[str]] = {}
    for name in table.columns:
        by_key.setdefault(_key(name), []).append(name)
    found: dict[str, str] = {}
    for role, others in COLUMNS.items():
        keys = dict.fromkeys(_key(name) for name in (role, *others))
        names = [name for key in keys for name in by_key.get(key, ())]
        if len(names) > 1 and role not in ("lat", "lon"):
            raise DataError(
                f"the columns {', '.join(map(repr, names))} can all be {role!r}: "
                "rename or delete all but one"
            )
        if names:
            found[role] = names[0]
    wanted = [("seller",), ("village", "lat"), ("hours", "from")]
    for group in wanted:
        if not any(role in found for role in group):
            raise DataError(
                f"no column says {' or '.join(map(repr, group))}, the list has "
                f"{', '.join(map(repr, table.columns))}: name the columns as docs/how-to/"
                "timetable.md has them"
            )
    for one, other in (("lat", "lon"), ("from", "to")):
        if (one in found) != (other in found):
            raise DataError(f"there is a column {one!r} or {other!r} without the other: add it")
    if "hours" in found and "from" in found:
        raise DataError(
            f"the columns {found['hours']!r} and {found['from']!r} both say when: keep one of them"
        )
    rates = [found[role] for role in ("bitrate_mbps", "bitrate_kbps", "bitrate") if role in found]
    lengths = [found[role] for role in ("duration_min", "duration_h") if role in found]
    for several in (rates, lengths):
        if len(several) > 1:
            raise DataError(f"the columns {' and '.join(map(repr, several))} say the same thing")
    return found


def _key(name: str) -> str:
    return re.sub(r"[\s_]+", " ", search_key(name)).strip()


def _refuse_twice(wish: Wish, taken: Sequence[Wish]) -> None:
    for other in taken:
        if replace(other, row=wish.row) == wish:
            raise DataError(
                f"the same wish as row {other.row}, word for word: delete one, or give the second "
                "session of a seller other hours"
            )


@dataclass(slots=True, kw_only=True)
class _Reader:
    table: Table
    land: Land
    settings: ListSettings
    columns: Mapping[str, str]
    notes: list[RowTold] = field(default_factory=list)

    def wish(self, line: int, cells: Mapping[str, str]) -> Wish:
        def cell(role: str) -> str:
            return cells.get(self.columns.get(role, ""), "").strip()

        seller = cell("seller")
        if not seller:
            raise DataError("no seller is named")

        def note(text: str) -> None:
            self.notes.append(RowTold(row=line, seller=seller, text=text))

        place = self._place(cell("village"), cell("commune"), cell("lat"), cell("lon"))
        service = self._service(cell("service"))
        mbps, told = self._bitrate(cell("bitrate_mbps"), cell("bitrate_kbps"), cell("bitrate"))
        if told:
            note(told)
        if mbps is not None:
            service = replace(service, uplink_mbps=mbps)
        minutes = self._minutes(cell("duration_min"), cell("duration_h"))
        spans = self._spans(cell("hours"), cell("from"), cell("to"), cell("date"), note)
        longest = max((b - a).total_seconds() / 60.0 for a, b in spans)
        if longest < minutes:
            raise DataError(
                f"wants {minutes} minutes and can {longest:.0f} at a stretch: give longer hours or "
                "a shorter duration"
            )
        return Wish(
            row=line,
            seller=seller,
            place=place,
            service=service,
            spans=tuple(spans),
            minutes=minutes,
            operators=self._operators(cell("sims")),
            profile=cell("profile"),
        )

    def _place(self, village: str, commune: str, lat: str, lon: str) -> Place:
        if lat or lon:
            comma = self.table.decimal_comma
            lat_deg, lon_deg = parse_number(lat, comma), parse_number(lon, comma)
            if not (-90.0 <= lat_deg <= 90.0 and -180.0 <= lon_deg <= 180.0):
                raise DataError(
                    f"the place {lat!r}, {lon!r} is none, wanted latitude and longitude in degrees"
                )
            pixel_at(lat_deg, lon_deg, self.land)  # refuses a point off the land
            text = f"{lat_deg:.5f},{lon_deg:.5f}"
            return Place(
                place_id=text, name=village or text, village=None, lat_deg=lat_deg, lon_deg=lon_deg
            )
        if not village:
            raise DataError("no village is named, and no latitude and longitude")
        row = village_row(self.land, village, commune=commune)
        one = self.land.villages.iloc[row]
        return Place(
            place_id=str(one["village_id"]),
            name=str(one["name"] or one["village_id"]),
            village=row,
            lat_deg=float(one["lat_deg"]),
            lon_deg=float(one["lon_deg"]),
        )

    def _service(self, text: str) -> Service:
        if not text:
            return self.settings.service
        key = search_key(text)
        streams = [s for s in self.settings.services if s.uplink_mbps > 0.0]
        exact = [s for s in streams if search_key(s.name) == key]
        near = exact or [s for s in streams if key in search_key(s.name)]
        if len(near) != 1:
            raise DataError(
                f"{text!r} is {'no' if not near else 'more than one'} service of the plan, wanted "
                f"one of {', '.join(s.name for s in streams)}"
            )
        return near[0]

    def _bitrate(self, mbps: str, kbps: str, plain: str) -> tuple[float | None, str]:
        """Return what a row says of its bitrate, and what was taken for granted."""
        text = mbps or kbps or plain
        if not text:
            return None, ""
        unit, told = 1.0 if mbps else 1e-3, ""
        if plain or not re.fullmatch(r"[\d.,+ -]+", text):
            found = _RATE.fullmatch(text.strip())
            if found is None or (found[2] and found[2].lower() not in _UNITS):
                raise DataError(f"the bitrate {text!r} is none, wanted e.g. '2.8 Mbit/s'")
            number = parse_number(found[1], self.table.decimal_comma or "," in found[1])
            if found[2]:
                unit = _UNITS[found[2].lower()]
            elif plain:
                unit = 1e-3 if number >= _KBPS_FROM else 1.0
                told = f"the bitrate {text} was read as {'kbit/s' if unit < 1.0 else 'Mbit/s'}"
        else:
            number = parse_number(text, self.table.decimal_comma)
        rate = round(number * unit, 6)
        if not 0.0 < rate <= _MOST_MBPS:
            raise DataError(
                f"the bitrate is {rate:g} Mbit/s, wanted above 0 and up to {_MOST_MBPS:g}: what "
                "the uplink has to carry, sound and overhead included"
            )
        return rate, told

    def _minutes(self, minutes: str, hours: str) -> int:
        if minutes:
            value = read_length(minutes)
        elif hours:
            value = 60.0 * parse_number(hours, self.table.decimal_comma)
        else:
            value = float(self.settings.minutes)
        if not SHORTEST_MIN <= value <= LONGEST_MIN:
            raise DataError(
                f"the duration is {value:g} minutes, wanted {SHORTEST_MIN} to {LONGEST_MIN}: a "
                "number alone is minutes, '2h' is two hours"
            )
        return round(value)

    def _spans(
        self, hours: str, begins: str, ends: str, day: str, note: Callable[[str], None]
    ) -> list[Span]:
        day = day or self.settings.day
        if not hours and not (begins and ends):
            raise DataError("no hours are given: say when she can, e.g. 8:00-11:00")
        if not hours:
            return [read_span(begins, ends, day)]
        given = read_spans(hours, day)
        if len(given) > len(apart := joined(given)):
            note("hours that overlap were joined")
        return apart

    def _operators(self, text: str) -> tuple[str, ...]:
        allowed = list(self.settings.operators)
        if search_key(text) in _ANY:
            return tuple(allowed)
        by_key = {operator_key(name): name for name in allowed if name}
        found = []
        for part in (piece.strip() for piece in _APART.split(text)):
            if not part:
                continue
            name = by_key.get(operator_key(part))
            if name is None:
                near = get_close_matches(operator_key(part), by_key, n=1, cutoff=0.6)
                known = ", ".join(sorted(by_key.values()))
                raise DataError(
                    f"no operator of the plan is called {part!r}"
                    + (f": did you mean {by_key[near[0]]}?" if near else f", it has {known}")
                    if by_key
                    else f"SIM card {part!r}: the cell list names no operator, leave the column out"
                )
            found.append(name)
        return tuple(sorted(set(found)))
