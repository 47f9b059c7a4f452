"""Plans in one table with a header: plain cell plans, Planet sheets, lists of sites.

They differ in their column names only, which `aliases` knows. A list of sites is a table without
anything that would tell cells apart.
"""

from __future__ import annotations

from dataclasses import replace

from lensong.coverage.cellplan.aliases import ColumnMap, match_columns, squeezed
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
from lensong.gis_data.tables import Table

__all__ = ["cell_row", "looks_like_sites", "read_plain"]

_CELL_FIELDS = {
    "azimuth_deg", "band", "earfcn", "nr_arfcn", "arfcn", "freq_mhz", "antenna",
    "total_power_dbm", "rs_power_dbm", "power_dbm", "physical_cell_id",
}  # fmt: skip
_YES = {"1", "true", "yes", "y", "x", "oui", "co", "on"}
_OMNI = {"omni", "omnidirectional", "nd", "vo huong", "vohuong"}


def looks_like_sites(columns: ColumnMap) -> bool:
    """Return whether a table has positions but nothing of cells."""
    return not _CELL_FIELDS & columns.columns.keys()


def read_plain(
    table: Table, *, label: str, power: PowerKind, height_unit: HeightUnit, crs: str | None
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
    """
    columns = choose_power_columns(match_columns(table.columns), power)
    columns = _prefer_unique_ids(columns, table)
    readers = list(table_readers(table, columns))
    positions = Positions(columns, crs, readers)
    read = ReadRows(
        format=label, rows=[], mapped=_used(columns, positions), ignored=columns.ignored
    )
    if positions.note:
        read.notes.append(positions.note)
    if "total_downtilt_deg" in columns.columns:
        read.notes.append(
            f"column {columns.columns['total_downtilt_deg']!r} does not say which tilt it is: "
            "taken as mechanical where no other column gives the mechanical tilt"
        )
    load_scale = _load_scale(columns, readers)
    for reader in readers:
        place = positions.lat_lon(reader)
        if place is None:
            read.skip("no position")
            continue
        row = cell_row(reader, place, height_unit=height_unit, load_scale=load_scale)
        if label == "sites":
            read.rows += _by_flags(reader, replace(row, is_site=True, cell_id=""), read)
        else:
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
    mechanical = reader.number("mechanical_downtilt_deg")
    load = reader.number("downlink_load")
    return CellRow(
        where=reader.where,
        cell_id=reader.text("cell_id"),
        site_id=reader.text("site_id"),
        site_name=reader.text("site_name"),
        operator=reader.text("operator"),
        technology=reader.text("technology"),
        status=reader.text("status"),
        lat_deg=place[0],
        lon_deg=place[1],
        azimuth_deg=None if is_omni else reader.number("azimuth_deg"),
        is_omni=is_omni,
        height_agl_m=reader.metres("height_agl_m", height_unit),
        mechanical_downtilt_deg=(
            reader.number("total_downtilt_deg") if mechanical is None else mechanical
        ),
        electrical_downtilt_deg=reader.number("electrical_downtilt_deg"),
        additional_electrical_downtilt_deg=reader.number("additional_electrical_downtilt_deg"),
        antenna=reader.text("antenna"),
        antenna_gain_dbi=_gain_dbi(reader),
        horizontal_beamwidth_deg=reader.number("horizontal_beamwidth_deg"),
        vertical_beamwidth_deg=reader.number("vertical_beamwidth_deg"),
        band=reader.text("band"),
        earfcn=reader.integer("earfcn"),
        nr_arfcn=reader.integer("nr_arfcn"),
        arfcn=reader.integer("arfcn"),
        freq_mhz=reader.number("freq_mhz"),
        bandwidth_mhz=reader.number("bandwidth_mhz"),
        subcarrier_spacing_khz=reader.number("subcarrier_spacing_khz"),
        physical_cell_id=reader.integer("physical_cell_id"),
        total_power_dbm=reader.power_dbm("total_power_dbm"),
        rs_power_dbm=reader.power_dbm("rs_power_dbm"),
        power_dbm=reader.power_dbm("power_dbm"),
        reference_signal_boost_db=reader.number("reference_signal_boost_db"),
        feeder_loss_db=reader.number("feeder_loss_db"),
        noise_figure_db=reader.number("noise_figure_db"),
        downlink_load=None if load is None else load * load_scale,
        uplink_noise_rise_db=reader.number("uplink_noise_rise_db"),
        radius_m=reader.metres("radius_m"),
        backhaul=reader.text("backhaul"),
        power_supply=reader.text("power_supply"),
    )


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


def _by_flags(reader: RowReader, row: CellRow, read: ReadRows) -> list[CellRow]:
    """Return the row once per technology that its yes/no columns or its technology name."""
    flags = {"4G": "has_4g", "5G": "has_5g"}
    present = {tech: name for tech, name in flags.items() if name in reader.columns.columns}
    if not present:
        return [row]
    rows = [
        replace(row, technology=technology)
        for technology, name in present.items()
        if squeezed(reader.text(name))[0] in _YES
    ]
    if not rows:
        read.skip(f"no {' or '.join(present)} at the site")
    return rows


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
            return ColumnMap(
                columns=columns.columns | {"cell_id": other},
                units=columns.units,
                ignored=(*ignored, columns.columns["cell_id"]),
            )
    return columns


def _used(columns: ColumnMap, positions: Positions) -> dict[str, str]:
    """Return field to column for the report, without the kind of position that was not used."""
    unused = ("lat_deg", "lon_deg") if positions.is_projected else ("x_m", "y_m")
    return {f: c for f, c in columns.columns.items() if f not in unused}
