"""Plans in one table with a header: plain cell plans, Planet sheets, lists of sites.

They differ in their column names only, which `aliases` knows. A list of sites is a table without
anything that would tell cells apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from lensong.coverage.antenna_file import DBI_OVER_DBD_DB
from lensong.coverage.cellplan.aliases import ColumnMap, match_columns, squeezed
from lensong.coverage.cellplan.carriers import read_carrier_text
from lensong.coverage.cellplan.lookup import is_operator
from lensong.coverage.cellplan.positions import Positions
from lensong.coverage.cellplan.rows import (
    CellRow,
    HeightUnit,
    PowerKind,
    ReadRows,
    RowReader,
    choose_power_columns,
    table_readers,
)
from lensong.coverage.network import Technology
from lensong.gis_data.moments import read_day
from lensong.gis_data.tables import Table
from lensong.propagation.errors import InvalidInputError

__all__ = ["cell_row", "looks_like_sites", "read_plain"]

# A table with none of these tells no sectors apart: each row stands for all of a site's.
_SECTOR_FIELDS = {
    "azimuth_deg", "antenna", "physical_cell_id", "cell_id", "mechanical_downtilt_deg",
    "electrical_downtilt_deg", "total_downtilt_deg", "rs_power_dbm", "horizontal_beamwidth_deg",
    "earfcn", "nr_arfcn", "arfcn",
}  # fmt: skip
_FLAG = re.compile(
    r"(?:^|[^a-z0-9])(?P<tech>lte|nr|4g|5g|gsm|umts|2g|3g)[^a-z0-9]*"
    r"(?P<band>(?:b|n|band)?\d{1,4})(?:[^a-z0-9]*m[^a-z0-9]*hz)?$"
)
_YES = {"1", "true", "yes", "y", "x", "oui", "co", "on", "si", "ja", "v", "vrai", "wahr"}
_NO = {"", "0", "false", "no", "n", "non", "khong", "off", "nein", "faux", "falsch"}
_OMNI = {"omni", "omnidirectional", "nd", "vo huong", "vohuong"}


def looks_like_sites(columns: ColumnMap) -> bool:
    """Return whether a table has positions but nothing that tells the cells of a site apart."""
    return not _SECTOR_FIELDS & columns.columns.keys()


def read_plain(
    table: Table,
    *,
    label: str,
    power: PowerKind,
    height_unit: HeightUnit,
    crs: str | None,
    chosen: Mapping[str, str] | None = None,
) -> ReadRows:
    """Return the rows of a plan in one table.

    Parameters
    ----------
    table : Table
    label : {"plain", "planet", "sites"}
    power : {"auto", "total", "per_re"}
    height_unit : {"m", "ft"}
        Of heights whose column names no unit.
    crs : str or None
        Of projected positions.
    chosen : dict or None
        ``[network.columns]``.
    """
    columns = choose_power_columns(match_columns(table.columns, chosen=chosen), power)
    columns = _operator_called_carrier(_prefer_unique_ids(columns, table), table)
    flags = _band_flags(columns, table) if label == "sites" else {}
    columns = replace(columns, ignored=tuple(c for c in columns.ignored if c not in flags))
    columns, joined_ids = _site_before_cell(columns, table)
    readers = list(table_readers(table, columns))
    positions = Positions(columns, crs, readers)
    unused = positions.unused | {"has_2g", "has_3g"}
    if "operator" in columns.columns:
        unused |= {"mcc", "mnc"}
    read = ReadRows(format=label, rows=[], columns=columns, unused=unused)
    read.notes += [*table.notes, *filter(None, (positions.note, joined_ids))]
    if flags:
        read.notes.append(f"columns {', '.join(flags)} say which bands a site has")
    if "total_downtilt_deg" in columns.columns:
        read.notes.append(
            f"column {columns.columns['total_downtilt_deg']!r} does not say which tilt it is: "
            "taken as mechanical where no other column gives the mechanical tilt"
        )
    load_scale = _load_scale(columns, readers)
    for reader in readers:
        place = positions.lat_lon(reader)
        if place is None:
            read.skip("no position", reader)
            continue
        row = cell_row(reader, place, height_unit=height_unit, load_scale=load_scale)
        if label == "sites":
            read.rows += _by_flags(reader, replace(row, is_site=True, cell_id=""), read, flags)
        else:
            if joined_ids:
                row = replace(row, cell_id=f"{row.site_id}/{row.cell_id}")
            read.rows.append(row)
    return read


def cell_row(
    reader: RowReader,
    place: tuple[float, float],
    *,
    height_unit: HeightUnit,
    load_scale: float = 1.0,
) -> CellRow:
    """Return what the fields of one table row say."""
    azimuth = reader.text("azimuth_deg")
    is_omni = squeezed(azimuth)[0] in _OMNI
    mechanical = reader.downtilt_deg("mechanical_downtilt_deg")
    carrier = reader.text("carrier")
    told = read_carrier_text(carrier)
    load = reader.number("downlink_load")
    return CellRow(
        where=reader.where,
        records=(reader,),
        cell_id=reader.text("cell_id"),
        site_id=reader.text("site_id"),
        site_name=reader.text("site_name"),
        operator=reader.operator(),
        technology=reader.text("technology"),
        status=reader.text("status"),
        lat_deg=place[0],
        lon_deg=place[1],
        azimuth_deg=None if is_omni else reader.number("azimuth_deg"),
        is_omni=is_omni,
        height_agl_m=reader.metres("height_agl_m", height_unit),
        mechanical_downtilt_deg=(
            reader.downtilt_deg("total_downtilt_deg") if mechanical is None else mechanical
        ),
        electrical_downtilt_deg=reader.downtilt_deg("electrical_downtilt_deg"),
        additional_electrical_downtilt_deg=reader.downtilt_deg(
            "additional_electrical_downtilt_deg"
        ),
        antenna=reader.text("antenna"),
        antenna_gain_dbi=_gain_dbi(reader),
        horizontal_beamwidth_deg=reader.number("horizontal_beamwidth_deg"),
        vertical_beamwidth_deg=reader.number("vertical_beamwidth_deg"),
        band=reader.text("band") or told.band,
        carrier=carrier,
        earfcn=_agreed(reader, "earfcn", told.earfcn),
        nr_arfcn=_agreed(reader, "nr_arfcn", told.nr_arfcn),
        ssb_arfcn=reader.integer("ssb_arfcn"),
        arfcn=reader.integer("arfcn"),
        freq_mhz=reader.megahertz("freq_mhz"),
        bandwidth_mhz=_first(reader.megahertz("bandwidth_mhz"), told.bandwidth_mhz),
        subcarrier_spacing_khz=reader.number("subcarrier_spacing_khz"),
        physical_cell_id=reader.integer("physical_cell_id"),
        total_power_dbm=reader.power_dbm("total_power_dbm"),
        rs_power_dbm=reader.power_dbm("rs_power_dbm"),
        power_dbm=reader.power_dbm("power_dbm"),
        eirp_dbm=_eirp_dbm(reader),
        reference_signal_boost_db=reader.number("reference_signal_boost_db"),
        feeder_loss_db=reader.number("feeder_loss_db"),
        noise_figure_db=reader.number("noise_figure_db"),
        downlink_load=None if load is None else load * load_scale,
        uplink_noise_rise_db=reader.number("uplink_noise_rise_db"),
        radius_m=reader.metres("radius_m"),
        backhaul=reader.text("backhaul"),
        power_supply=reader.text("power_supply"),
        listed_ground_m=reader.ground_m(),
        uncertain=squeezed(reader.text("uncertain"))[0] in _YES,
        on_air_since=read_day(reader.text("on_air_since")),
    )


def _first(value: float | None, other: float | None) -> float | None:
    return other if value is None else value


def _agreed(reader: RowReader, name: str, told: int | None) -> int | None:
    """Return a channel number from its column or from the carrier's text; both must agree."""
    value = reader.integer(name)
    if value is not None and told is not None and value != told:
        raise InvalidInputError(
            f"{reader.where}: column {reader.columns.columns[name]!r} says channel {value}, the "
            f"carrier {reader.text('carrier')!r} says {told}: correct one"
        )
    return told if value is None else value


def _eirp_dbm(reader: RowReader) -> float | None:
    """Return the power radiated over an isotropic antenna [dBm], from EIRP or ERP."""
    eirp, erp = reader.power_dbm("eirp_dbm"), reader.power_dbm("erp_dbm")
    return eirp if eirp is not None or erp is None else erp + DBI_OVER_DBD_DB


def _gain_dbi(reader: RowReader) -> float | None:
    gain = reader.number("antenna_gain_dbi")
    is_dbd = reader.columns.units.get("antenna_gain_dbi") == "dbd"
    return gain + 2.15 if gain is not None and is_dbd else gain


def _load_scale(columns: ColumnMap, readers: list[RowReader]) -> float:
    """Return 0.01 where the loads of a table are percentages."""
    if columns.units.get("downlink_load") in ("pct", "percent"):
        return 0.01
    loads = [reader.number("downlink_load") for reader in readers]
    return 0.01 if any(load is not None and load > 1.0 for load in loads) else 1.0


def _by_flags(
    reader: RowReader, row: CellRow, read: ReadRows, flags: Mapping[str, tuple[Technology, str]]
) -> list[CellRow]:
    """Return the row once per technology and band that its yes/no columns or its texts name."""
    names: dict[Technology, str] = {"4G": "has_4g", "5G": "has_5g"}
    present = {tech: name for tech, name in names.items() if name in reader.columns.columns}
    bands = [
        (technology, band)
        for column, (technology, band) in flags.items()
        if squeezed(reader.row[column])[0] in _YES
    ]
    if not present and not flags:
        return [replace(row, band=band) for band in _several(row.band)]
    rows = [replace(row, technology=technology, band=band) for technology, band in bands]
    with_band = {technology for technology, _ in bands}
    rows += [
        replace(row, technology=technology)
        for technology, name in present.items()
        if technology not in with_band and squeezed(reader.text(name))[0] in _YES
    ]
    if not rows:
        of = dict.fromkeys([*present, *(technology for technology, _ in flags.values())])
        read.skip(f"no {' or '.join(of)} at the site", reader)
    return rows


def _several(band: str) -> list[str]:
    """Return the bands that a site's text lists (``B3, B20``), or the text itself."""
    parts = [part.strip() for part in re.split(r"[,;/+&|]|\s+-\s+", band) if part.strip()]
    return parts if len(parts) > 1 else [band]


def _band_flags(columns: ColumnMap, table: Table) -> dict[str, tuple[Technology, str]]:
    """Return yes/no columns that name a technology and a band, such as ``site_5g_3500_m_hz``."""
    flags: dict[str, tuple[Technology, str]] = {}
    for column in columns.ignored:
        match = _FLAG.search(column.lower())
        values = {squeezed(row[column])[0] for row in table.rows}
        if match is None or not values <= {*_YES, *_NO}:
            continue
        technology = {"lte": "4G", "4g": "4G", "nr": "5G", "5g": "5G"}.get(match["tech"])
        if technology in ("4G", "5G"):
            flags[column] = (cast("Technology", technology), match["band"])
    return flags


def _operator_called_carrier(columns: ColumnMap, table: Table) -> ColumnMap:
    """Take ``Carrier`` for the operator, as in America, where it holds words alone."""
    column = columns.columns.get("carrier")
    if column is None or "operator" in columns.columns or "operator" in columns.denied:
        return columns
    values = [row[column] for row in table.rows if row[column]]
    if not values or not all(is_operator(v) or not re.search(r"\d", v) for v in values):
        return columns
    renamed = {f: c for f, c in columns.columns.items() if f != "carrier"} | {"operator": column}
    return replace(columns, columns=renamed)


def _site_before_cell(columns: ColumnMap, table: Table) -> tuple[ColumnMap, str]:
    """Return whether cell ids count within the site, and a note that says so."""
    cell, site = columns.columns.get("cell_id"), columns.columns.get("site_id")
    if cell is None or site is None or cell == site:
        return columns, ""
    cells = [row[cell] for row in table.rows]
    pairs = {(row[site], row[cell]) for row in table.rows}
    sites_of: dict[str, set[str]] = {}
    for row in table.rows:
        sites_of.setdefault(row[cell], set()).add(row[site])
    shared = [name for name, sites in sites_of.items() if name and len(sites) > 1]
    if not shared or len(pairs) == len(set(cells)):
        return columns, ""
    return columns, (
        f"column {cell!r} counts within the site ({shared[0]!r} stands at several): cells are "
        f"called by {site!r} and {cell!r}"
    )


def _prefer_unique_ids(columns: ColumnMap, table: Table) -> ColumnMap:
    """Take another column for the cell's id where the first choice repeats and that one does not.

    In Planet sheets and many lists "Cell ID" counts within the site and "Cell Name" is unique.
    """
    if "cell_id" not in columns.columns or not table.rows:
        return columns

    def repeats(column: str) -> bool:
        values = [row[column] for row in table.rows]
        return len(set(values)) < len(values) or "" in values

    if not repeats(columns.columns["cell_id"]):
        return columns
    for name in ("cellname", "tencell", "ecellid", "eci", "ecgi", "nci", "cgi"):
        other = next((c for c in columns.ignored if squeezed(c)[0] == name), None)
        if other is not None and not repeats(other):
            ignored = tuple(c for c in columns.ignored if c != other)
            return replace(
                columns,
                columns=columns.columns | {"cell_id": other},
                ignored=(*ignored, columns.columns["cell_id"]),
            )
    return columns
