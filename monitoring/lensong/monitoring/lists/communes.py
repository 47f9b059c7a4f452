"""Lists of communes: a table, or the attributes of a file of boundaries."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lensong.monitoring.lists.boundaries import Boundaries, is_boundaries, read_boundaries
from lensong.monitoring.lists.csv_lists import KnownPlaces
from lensong.monitoring.lists.rows import Row, destroyed, read_rows
from lensong.monitoring.lists.told import RowErrors, RowNote
from lensong.monitoring.map_bases import Outline
from lensong.monitoring.names import bare, bare_place
from lensong.monitoring.records import Commune, Province

__all__ = ["CommuneRows", "parse_communes"]

_COLUMNS = {
    "commune_code": (
        "code", "id", "ma", "mã", "mã xã", "mã phường", "mã xã/phường", "ma xa", "maxa", "xa id",
        "gid 3", "ref", "admin code",
    ),
    "commune": (
        "name", "name vi", "tên", "xã", "phường", "xã/phường", "tên xã", "tên phường", "ten xa",
        "tenxa", "commune name", "name 3",
    ),
    "province_code": ("mã tỉnh", "ma tinh", "matinh", "gid 1", "parent code"),
    "province": ("tỉnh", "tên tỉnh", "ten tinh", "tentinh", "province name", "name 1"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CommuneRows:
    """The communes of a list with their rows, and the provinces that are new.

    Parameters
    ----------
    refused, notes : tuple of RowNote
        Rows that cannot be taken, and what was noticed in others.
    outlines : tuple of Outline
        Of the communes that came with one.
    """

    provinces: tuple[Province, ...]
    communes: tuple[tuple[int, Commune], ...]
    ignored_columns: tuple[str, ...]
    refused: tuple[RowNote, ...] = ()
    notes: tuple[RowNote, ...] = ()
    outlines: tuple[Outline, ...] = ()


def parse_communes(
    data: bytes, known: KnownPlaces, *, skip: bool = False, layer: str = ""
) -> CommuneRows:
    """Return the communes of a table, or of a file of boundaries with their outlines.

    Parameters
    ----------
    data : bytes
        Columns by the names of ``_COLUMNS``. Without one for the province all lie in the one that
        the asker governs, or in the only one there is.
    skip : bool
        Return the rows that can be taken although others cannot.
    layer : str
        Of a file of boundaries that has several.

    Raises
    ------
    DataError
        It is no table, and no file of boundaries.
    RowsError
        A row cannot be taken, and none is to be skipped; every one that cannot is told.
    """
    found = Boundaries(table=data)
    if is_boundaries(data):
        found = read_boundaries(data, _has_code, layer)
    rows, ignored = read_rows(found.table, _COLUMNS, [("commune_code",), ("commune",)])
    errors = RowErrors()
    provinces: dict[str, Province] = {}
    communes: dict[str, tuple[int, Commune]] = {}
    notes: list[RowNote] = []
    longest = max((len(row.get("commune_code")) for row in rows), default=0)
    for row in rows:
        title = row.get("commune") or row.get("commune_code")
        with errors.kept(row.line, title):
            commune, new = _commune(row, known, provinces)
            if commune.code in communes:
                line = str(communes[commune.code][0])
                raise row.wrong("commune_code", "commune_twice", code=commune.code, line=line)
            if commune.code.isdigit() and len(commune.code) < longest:
                full = commune.code.zfill(longest)
                raise row.wrong("commune_code", "shorter_code", code=commune.code, full=full)
            if re.fullmatch(r"[0-9]{4}", commune.code):
                notes.append(row.note("commune_code", "four_digits", title, code=commune.code))
            communes[commune.code] = (row.line, commune)
            if new is not None:
                provinces[new.code] = new
    return CommuneRows(
        refused=errors.left(skip),
        notes=tuple(notes),
        provinces=tuple(provinces.values()),
        communes=tuple(communes.values()),
        ignored_columns=ignored,
        outlines=tuple(
            Outline(
                commune_code=code,
                rings_deg=found.outlines[line],
                synthetic=line in found.invented,
            )
            for code, (line, _) in communes.items()
            if line in found.outlines
        ),
    )


def _commune(
    row: Row, known: KnownPlaces, found: dict[str, Province]
) -> tuple[Commune, Province | None]:
    """Return the commune of a row, and its province where that is new."""
    code, name = row.get("commune_code"), row.get("commune")
    for column in ("commune", "province"):
        if destroyed(row.get(column)):
            raise row.wrong(column, "destroyed", text=row.get(column)[:80])
    if not code or not name:
        raise row.wrong("commune", "no_code_or_name")
    province_code, province = row.get("province_code"), row.get("province")
    there = {**known.provinces, **found}
    if not province_code and province:
        named = [p for p in there.values() if bare_place(p.name) == bare_place(province)]
        if len(named) != 1:
            raise row.wrong("province", "no_province", name=province[:80])
        province_code = named[0].code
    before = known.communes.get(code)
    if not province_code:
        only = next(iter(there)) if len(there) == 1 else None
        given = (before and before.province_code) or known.province_code or only
        if given is None:
            raise row.wrong("province_code", "province_wanted")
        province_code = given
    if known.province_code is not None and (
        province_code != known.province_code
        or (before is not None and before.province_code != known.province_code)
    ):
        raise row.wrong("province_code", "other_area", province=known.province_code)
    new = None
    if province_code not in there:
        if not province:
            raise row.wrong("province_code", "unknown_province", code=province_code[:20])
        new = Province(code=province_code, name=province)
    return Commune(code=code, name=name, province_code=province_code), new


def _has_code(columns: list[str]) -> bool:
    wanted = {bare(name) for name in ("commune_code", *_COLUMNS["commune_code"])} - {"id"}
    return any(bare(column) in wanted for column in columns)
