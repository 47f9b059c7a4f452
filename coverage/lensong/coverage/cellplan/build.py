"""From the tables of a cell plan to a network, with an account of what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.cellplan.account import Made, as_read
from lensong.coverage.cellplan.aliases import match_columns
from lensong.coverage.cellplan.assume import Assumptions
from lensong.coverage.cellplan.atoll import read_atoll
from lensong.coverage.cellplan.checks import (
    height_warnings,
    load_warnings,
    pci_notes,
    power_warnings,
    spectrum_warnings,
    tilt_warnings,
    twin_warnings,
)
from lensong.coverage.cellplan.doubles import merge_rows, with_one_spelling
from lensong.coverage.cellplan.fill import CellMaker, Draft
from lensong.coverage.cellplan.lookup import check_unknown_columns, telling_columns
from lensong.coverage.cellplan.opencellid import is_opencellid, read_opencellid
from lensong.coverage.cellplan.plain import looks_like_sites, read_plain
from lensong.coverage.cellplan.positions import group_by_distance
from lensong.coverage.cellplan.report import ImportReport
from lensong.coverage.cellplan.rows import (
    CellRow,
    CellTables,
    HeightUnit,
    PowerKind,
    ReadRows,
    RowReader,
)
from lensong.coverage.cellplan.technology import (
    band_in_technology,
    is_off,
    is_on,
    technologies_of,
    why_not_used,
)
from lensong.coverage.network import Cell, Mast, Network, Technology, operator_key
from lensong.gis_data.tables import Table
from lensong.propagation.errors import DataError, InvalidInputError

__all__ = ["PlanFormat", "build_network"]

PlanFormat: TypeAlias = Literal["auto", "plain", "atoll", "planet", "opencellid", "sites"]

SAME_PLACE_M = 2.0
"""Rows without a site id this near to each other share a mast [m]."""

SAME_SITE_M = 50.0
"""Rows of one site id this near to each other share a mast [m]."""

_ODD_REASONS = ("no position", "no cell number or no position", "impossible position")

_PLANET_SIGNS = {
    "PA Power (dBm)", "Antenna File", "Reference Signal Power Per RE (dBm)", "Downlink ARFCN",
    "Output Resolution (m)",
}  # fmt: skip


def build_network(
    tables: CellTables,
    *,
    format: PlanFormat = "auto",  # noqa: A002  # the scenario's word
    power: PowerKind = "auto",
    height_unit: HeightUnit = "m",
    crs: str | None = None,
    antennas: Mapping[str, AntennaPattern],
    assume: Assumptions,
    operators: Sequence[str] = (),
    technologies: Sequence[Technology] = (),
    radius_m: float,
    columns: Mapping[str, str] | None = None,
) -> tuple[Network, ImportReport]:
    """Return the masts and cells that the tables of a cell plan describe.

    Parameters
    ----------
    tables : CellTables
        One table or Atoll's three.
    format : {"auto", "plain", "atoll", "planet", "opencellid", "sites"}
        ``auto`` decides by the columns.
    power : {"auto", "total", "per_re"}
        Whether powers are of the whole carrier or of one resource element; ``auto`` goes by the
        names of the columns and refuses one that does not say.
    height_unit : {"m", "ft"}
        Of heights whose column names no unit.
    crs : str or None
        Of projected positions, e.g. ``"EPSG:9205"``.
    antennas : dict
        Pattern files by name, from `antenna_file.parse_antennas`; empty: none were given, and
        named antennas are replaced by the assumed one (a warning says so).
    assume : Assumptions
        For what the plan leaves open.
    operators, technologies : sequence of str
        Only these; empty: all. Operators are compared without case, diacritics and blanks.
    radius_m : float
        How far cells are computed; a radius in the plan can only make it smaller [m].
    columns : dict or None
        ``[network.columns]``: field (`aliases.ALIASES`, `aliases.UNIT_KEYS`) to the file's column,
        before the aliases; an empty text says that the file has no such column.

    Raises
    ------
    InvalidInputError, DataError
        Something in the plan cannot be right or cannot be decided; the message has the line, the
        cell and what to do.
    """
    read = _read(tables, format, power, height_unit, crs, columns)
    if read.format != "opencellid":  # whose columns are fixed
        raw = [r.row for r in _readers(read)]
        check_unknown_columns(read.columns, raw)
    read.rows = with_one_spelling(read.rows)
    read.rows = _on_air(read)
    read.rows = _of_operators(read, operators)
    chosen = _of_technologies(read, technologies, assume)
    if not chosen:
        left_out = ", ".join(f"{reason}: {n}" for reason, n in read.skipped.items())
        raise DataError(
            f"the cell plan has no usable row ({left_out or 'it is empty'}): check the file and "
            "network.operators, network.technologies and network.assume.carriers"
        )
    mast_ids = _mast_ids([row for row, _, _ in chosen])
    chosen, mast_ids = merge_rows(read, chosen, mast_ids)
    maker = CellMaker(assume=assume, antennas=antennas, radius_m=radius_m)
    drafts = _drafts(chosen, mast_ids, maker)
    _check_unique(drafts)
    cells = tuple(maker.cell(draft) for draft in drafts)
    masts = _masts(drafts, cells)
    warnings = _warnings(read, masts, maker, height_unit)
    warnings += twin_warnings(cells) + spectrum_warnings(cells)
    by_id = {mast.mast_id: mast for mast in masts}
    network = Network(
        masts=masts,
        cells=cells,
        assumptions=_assumption_sentences(cells, assume),
        warnings=tuple(warnings),
        as_read=as_read(
            read,
            [
                Made(row=draft.row, cell=cell, mast=by_id[cell.mast_id])
                for draft, cell in zip(drafts, cells, strict=True)
            ],
        ),
    )
    report = ImportReport(
        format=read.format,
        mapped=read.mapped,
        ignored=read.columns.ignored,
        merged=len(read.merged),
        assumed=dict(Counter(name for cell in cells for name in dict.fromkeys(cell.assumed))),
        skipped=read.skipped,
        notes=(*read.notes, *warnings, *pci_notes(cells)),
    )
    return network, report


def _readers(read: ReadRows) -> list[RowReader]:
    """Return every row of the file that was read."""
    used = [reader for row in read.rows for reader in row.records]
    return [*used, *(reader for reader, _ in read.left_out)]


def _read(
    tables: CellTables,
    plan_format: PlanFormat,
    power: PowerKind,
    unit: HeightUnit,
    crs: str | None,
    columns: Mapping[str, str] | None,
) -> ReadRows:
    """Read the tables by the form that is given or that their columns show."""
    if tables.main is None:
        if plan_format not in ("auto", "atoll"):
            raise InvalidInputError(
                f"network.format is {plan_format!r}, but Atoll's three tables are given: set it to "
                "'atoll' or 'auto'"
            )
        return read_atoll(tables, power=power, height_unit=unit, crs=crs, chosen=columns)
    found = _form(tables.main, columns) if plan_format == "auto" else plan_format
    if found == "atoll":
        raise InvalidInputError(
            "Atoll's plan is three tables, one is given: set network.atoll = {sites=…, "
            "transmitters=…, cells=…}"
        )
    if not tables.main.rows:
        raise DataError("the cell plan has no rows: check the file")
    if found == "opencellid":
        return read_opencellid(tables.main, columns)
    return read_plain(
        tables.main, label=found, power=power, height_unit=unit, crs=crs, chosen=columns
    )


def _form(table: Table, columns: Mapping[str, str] | None) -> PlanFormat:
    if is_opencellid(table):
        return "opencellid"
    if len(_PLANET_SIGNS & set(table.columns)) >= 2:
        return "planet"
    return "sites" if looks_like_sites(match_columns(table.columns, chosen=columns)) else "plain"


def _on_air(read: ReadRows) -> list[CellRow]:
    for row in read.rows:
        if is_off(row):
            read.skip(f"status {row.status!r}", *row.records)
    kept = [row for row in read.rows if not is_off(row)]
    unknown = Counter(row.status for row in kept if not is_on(row))
    if unknown:
        told = ", ".join(f"{status!r} ({n})" for status, n in unknown.most_common(5))
        read.notes.append(f"rows with the status {told} are taken as on air")
    return kept


def _of_operators(read: ReadRows, operators: Sequence[str]) -> list[CellRow]:
    if not operators:
        return read.rows
    present = {operator_key(row.operator): row.operator for row in read.rows}
    for wanted in operators:
        if operator_key(wanted) not in present:
            raise InvalidInputError(
                f"operator {wanted!r} is not in the cell plan, wanted one of "
                f"{', '.join(sorted(filter(None, present.values()))) or '(no operator column)'}"
            )
    kept = {operator_key(wanted) for wanted in operators}
    for row in read.rows:
        if operator_key(row.operator) not in kept:
            read.skip("operator not chosen", *row.records)
    return [row for row in read.rows if operator_key(row.operator) in kept]


def _of_technologies(
    read: ReadRows, wanted: Sequence[Technology], assume: Assumptions
) -> list[tuple[CellRow, Technology, bool]]:
    """Return each row once per technology in use, and whether that technology was assumed."""
    chosen: list[tuple[CellRow, Technology, bool]] = []
    for row in read.rows:
        named = technologies_of(row)
        found: tuple[Technology, ...] = ("4G",) if named is None else named
        if not found:
            read.skip(why_not_used(row), *row.records)
        if not row.band and (band := band_in_technology(row)):
            row = replace(row, band=band)
        if len(found) > 1 and not row.is_site:
            raise InvalidInputError(
                f"{row.where}: cell {row.cell_id!r} is {' and '.join(found)}, wanted one "
                "technology per cell: make it one row for each"
            )
        for technology in found:
            if wanted and technology not in wanted:
                read.skip(f"{technology} not chosen", *row.records)
            elif row.is_site and not row.band and not assume.parsed_carriers(technology):
                reason = f"{technology}, and network.assume.carriers has no {technology} carrier"
                read.skip(reason, *row.records)
            else:
                chosen.append((row, technology, named is None))
    return chosen


def _mast_ids(rows: Sequence[CellRow]) -> list[str]:
    """Return the mast of each row: by site id and nearness, else by nearness alone."""
    by_site: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        by_site.setdefault(row.site_id, []).append(i)
    mast_ids = [""] * len(rows)
    for site_id, members in by_site.items():
        places = [(rows[i].lat_deg, rows[i].lon_deg) for i in members]
        groups = group_by_distance(places, SAME_SITE_M if site_id else SAME_PLACE_M)
        numbers = {leader: n for n, leader in enumerate(dict.fromkeys(groups), start=1)}
        for i, leader in zip(members, groups, strict=True):
            number = numbers[leader]
            if not site_id:
                mast_ids[i] = f"M{number}"
            else:
                mast_ids[i] = site_id if number == 1 else f"{site_id}/{number}"
    return mast_ids


def _drafts(
    chosen: Sequence[tuple[CellRow, Technology, bool]],
    mast_ids: Sequence[str],
    maker: CellMaker,
) -> list[Draft]:
    on_mast: Counter[str] = Counter()
    drafts = []
    for (row, technology, is_assumed), mast_id in zip(chosen, mast_ids, strict=True):
        if not row.cell_id and not row.is_site:
            on_mast[mast_id] += 1
            row = replace(row, cell_id=f"{mast_id}-{on_mast[mast_id]}")
        for draft in maker.drafts(row, technology, mast_id):
            if is_assumed:
                draft = replace(draft, assumed=("technology", *draft.assumed))
            drafts.append(draft)
    return drafts


def _check_unique(drafts: Sequence[Draft]) -> None:
    counts = Counter(draft.cell_id for draft in drafts)
    twice = [cell_id for cell_id, n in counts.items() if n > 1]
    if not twice:
        return
    places = ", ".join(
        f"{cell_id!r} ({', '.join(d.row.where for d in drafts if d.cell_id == cell_id)})"
        for cell_id in twice[:5]
    )
    raise InvalidInputError(
        f"{len(twice)} cell ids occur more than once: {places}: give every cell its own id, or "
        "remove the doubled rows"
    )


def _masts(drafts: Sequence[Draft], cells: Sequence[Cell]) -> tuple[Mast, ...]:
    on_mast: dict[str, list[tuple[CellRow, Cell]]] = {}
    for draft, cell in zip(drafts, cells, strict=True):
        on_mast.setdefault(draft.mast_id, []).append((draft.row, cell))
    return tuple(
        Mast(
            mast_id=mast_id,
            name=_joined(row.site_name for row, _ in pairs),
            operator=_joined(row.operator for row, _ in pairs),
            lat_deg=pairs[0][0].lat_deg,
            lon_deg=pairs[0][0].lon_deg,
            height_agl_m=max(cell.height_agl_m for _, cell in pairs),
            backhaul=_joined(row.backhaul for row, _ in pairs),
            power_supply=_joined(row.power_supply for row, _ in pairs),
            uncertain=any(row.uncertain for row, _ in pairs),
            listed_ground_m=next(
                (row.listed_ground_m for row, _ in pairs if row.listed_ground_m is not None), None
            ),
        )
        for mast_id, pairs in on_mast.items()
    )


def _warnings(
    read: ReadRows,
    masts: Sequence[Mast],
    maker: CellMaker,
    height_unit: HeightUnit,
) -> list[str]:
    named = read.mapped
    warnings = height_warnings(read.rows, height_unit, named.get("height_agl_m", ""))
    warnings += power_warnings(read.rows, named) + tilt_warnings(read.rows, named)
    unit = read.columns.units.get("downlink_load")
    if unit not in ("pct", "percent") and read.format != "atoll":  # whose loads are percentages
        warnings += load_warnings(read.rows, named)
    for column, what, key in telling_columns(read.columns):
        warnings.append(
            f"column {column!r} speaks of {what} and is not used: if it decides, map it in "
            f'[network.columns], e.g. {key} = "{column}"'
        )
    if read.merged:
        warnings.append(
            f"{len(read.merged)} rows of the cell plan say what another row says and were merged "
            f"with it: {', '.join(reader.where for reader, _ in read.merged[:5])}"
        )
    estimated = sum(mast.uncertain for mast in masts)
    if estimated:
        warnings.append(
            f"{estimated} of {len(masts)} masts are candidates estimated from where phones heard "
            "them (OpenCelliD), not surveyed: they can be kilometres off in valleys; heights, "
            "azimuths, carriers and powers are assumed"
        )
    for reason, count in read.skipped.items():
        if reason in _ODD_REASONS or "number that" in reason or "number without" in reason:
            warnings.append(f"{count} rows of the cell plan were left out: {reason}")
    if maker.carriers_unsaid:
        warnings.append(
            f"{sum(maker.carriers_unsaid.values())} cells have a carrier whose text says no "
            f"channel ({', '.join(list(maker.carriers_unsaid)[:5])}): the channel is assumed"
        )
    if maker.ssb_as_centre:
        warnings.append(
            f"{maker.ssb_as_centre} cells state where their SSB lies and not the carrier's centre: "
            "the carrier is laid around the SSB, inside its band"
        )
    warnings += maker.eirp_notes()
    if maker.antennas_not_given:
        warnings.append(
            f"the cell plan names {len(maker.antennas_not_given)} antennas "
            f"({', '.join(list(maker.antennas_not_given)[:5])}) and network.antennas gives no "
            "files: the assumed antenna stands for them"
        )
    if maker.tilt_mismatches:
        warnings.append(
            f"{len(maker.tilt_mismatches)} cells state a tilt that their antenna file does not "
            f"have, the file decides: {maker.tilt_mismatches[0]}"
        )
    if maker.cut_radii:
        warnings.append(
            f"{maker.cut_radii} cells have a radius in the plan beyond network.radius_m "
            f"({maker.radius_m:g} m) and were cut to it"
        )
    return warnings


def _assumption_sentences(cells: Sequence[Cell], assume: Assumptions) -> tuple[str, ...]:
    counts = Counter(name for cell in cells for name in dict.fromkeys(cell.assumed))
    carriers = ", ".join(assume.carriers)
    values: dict[str, object] = {
        "technology": "4G",
        "carrier": carriers,
        "channel": f"that of {carriers}, else the middle of the band",
        "bandwidth_mhz": f"that of {carriers}",
        "azimuth_deg": ", ".join(f"{a:g}" for a in assume.azimuths_deg) or "omni",
    }
    sentences = []
    for name, n in counts.items():
        value = values[name] if name in values else getattr(assume, name)
        shown = f"{value:g}" if isinstance(value, float) else value
        sentences.append(f"{name} of {n} of {len(cells)} cells is assumed: {shown}")
    return tuple(sentences)


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(text for text in texts if text))
