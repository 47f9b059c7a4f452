"""Communes, the planning area, and which commune a village lies in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from lensong.gis_data.vectors import (
    as_text,
    find_columns,
    first_few,
    polygons_only,
    read_layer,
    search_key,
)
from lensong.propagation.errors import CrsMismatchError, DataError

__all__ = [
    "COMMUNE_ALIASES",
    "assign_communes",
    "read_area",
    "read_communes",
    "search_key",
    "unit_key",
]

#: Our column to the spellings it is known by, best first (see ``vectors.find_columns``).
COMMUNE_ALIASES: dict[str, tuple[str, ...]] = {
    "commune_code": (
        "commune_code", "commune_co", "ma_xa", "ma_phuong_xa", "ward_code", "ADM3_PCODE",
        "code", "ma", "GID_3", "id",
    ),
    "commune": (
        "commune", "commune_name", "commune_na", "fullName", "full_name", "ten_xa",
        "ten_phuong_xa", "xa", "ward", "ADM3_VI", "ADM3_EN", "NAME_3", "name", "ten",
    ),
    "province": (
        "province", "province_name", "ten_tinh", "tinh", "ADM1_VI", "ADM1_EN", "NAME_1",
    ),
    "province_code": (
        "province_code", "province_co", "ma_tinh", "ma_tinh_tp", "ADM1_PCODE", "GID_1",
    ),
}  # fmt: skip

_UNIT_WORDS = re.compile(
    r"^(xa|phuong|thi tran|thi xa|dac khu|huyen|quan|tinh|thanh pho"
    r"|commune|ward|district|province)\s+"
)


def read_communes(
    path: str | Path,
    *,
    crs: str,
    layer: str = "",
    columns: Mapping[str, str] | None = None,
) -> gpd.GeoDataFrame:
    """Return communes with ``commune_code``, ``commune``, ``province`` and their outline.

    And ``province_code`` where the file has it.

    Parameters
    ----------
    path : str or Path
        Polygons in any vector format.
    crs : str
        Projected system of the result, in metres.
    layer : str
        Needed where the file has several.
    columns : mapping or None
        Our column name to the file's, where the aliases do not find it.

    Returns
    -------
    GeoDataFrame in ``crs``
        Codes are text and keep their leading zeros. ``attrs["warnings"]`` and
        ``attrs["assumptions"]`` hold English sentences for the report.

    Raises
    ------
    DataError
        The file cannot be read, has a feature that is no polygon, no names, or a code twice.
    CrsMismatchError
        The layer has no CRS, or a wrong one.
    ConfigError
        ``columns`` or ``layer`` names what is not there.
    """
    path = Path(path)
    source = read_layer(path, crs=crs, layer=layer)
    outlines = polygons_only(source.geometry.to_numpy())
    empty = np.flatnonzero(shapely.is_empty(outlines))
    if empty.size:
        raise DataError(
            f"{path} feature {empty[0] + 1} is no polygon, wanted the outline of a commune"
        )
    names = [str(name) for name in source.columns if name != "geometry"]
    found = find_columns(names, COMMUNE_ALIASES, columns, path=path)
    if "commune" not in found:
        raise DataError(
            f"{path} has no column with commune names among {', '.join(names) or 'none'}: "
            "name it in [communes.columns]"
        )
    assumptions = []
    if "commune_code" in found:
        codes = as_text(source[found["commune_code"]])
        twice = [code for code, times in Counter(codes).items() if times > 1]
        if twice:
            raise DataError(
                f"{path} has {found['commune_code']} {first_few(list(map(repr, twice)))} more "
                "than once, wanted one feature per commune: merge the parts or name another column"
            )
    else:
        codes = [str(number) for number in range(1, len(source) + 1)]
        assumptions.append(f"{path.name} has no commune codes: communes are numbered")
    communes = gpd.GeoDataFrame(
        {
            "commune_code": codes,
            "commune": as_text(source[found["commune"]]),
            "province": as_text(source[found["province"]])
            if "province" in found
            else [""] * len(source),
            **(
                {"province_code": as_text(source[found["province_code"]])}
                if "province_code" in found
                else {}
            ),
        },
        geometry=outlines,
        crs=crs,
    )
    communes.attrs = {"warnings": source.attrs["warnings"], "assumptions": assumptions}
    return communes


def read_area(path: str | Path, *, crs: str, layer: str = "") -> Any:
    """Return the polygons of a file as one (multi)polygon in ``crs``.

    Raises
    ------
    DataError
        The file cannot be read or has no polygon.
    CrsMismatchError
        The layer has no CRS, or a wrong one.
    """
    source = read_layer(path, crs=crs, layer=layer)
    area = shapely.union_all(polygons_only(source.geometry.to_numpy()))
    if area.is_empty:
        raise DataError(f"{path} has no polygon, wanted the outline of the area to plan")
    return area


def assign_communes(villages: gpd.GeoDataFrame, communes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the villages with empty commune, province and codes filled in by their centre.

    Parameters
    ----------
    villages : GeoDataFrame
        As :func:`~lensong.gis_data.villages.read_villages` returns.
    communes : GeoDataFrame
        As :func:`read_communes` returns, in the same CRS.

    Returns
    -------
    GeoDataFrame
        A copy. What the list says is kept: a village whose own commune name differs from the
        commune around it gets no code, and ``attrs["warnings"]`` names it, as it names villages
        outside every commune.

    Raises
    ------
    CrsMismatchError
        The two have different systems.
    """
    if villages.crs != communes.crs:
        raise CrsMismatchError(
            f"villages are in {villages.crs}, communes in {communes.crs}, wanted one system: "
            "read both with the same crs"
        )
    filled = villages.copy()
    centres = shapely.points(
        villages["centre_easting_m"].to_numpy(), villages["centre_northing_m"].to_numpy()
    )
    around = _commune_of(centres, communes)
    outside: list[str] = []
    moved: list[str] = []
    columns = {
        key: filled[key].tolist() if key in filled else [""] * len(filled)
        for key in ("commune_code", "commune", "province", "province_code")
        if key in communes
    }
    labels = [
        name or village_id
        for name, village_id in zip(filled["name"], filled["village_id"], strict=True)
    ]
    for row, found in enumerate(around):
        if found < 0:
            outside.append(labels[row])
            continue
        commune = communes.iloc[int(found)]
        own_name, own_code = columns["commune"][row], columns["commune_code"][row]
        if own_code and own_code != commune["commune_code"]:
            moved.append(f"{labels[row]} (listed {own_code}, in {commune['commune_code']})")
            continue
        if not own_code and own_name and not _same_commune(own_name, commune["commune"]):
            moved.append(f"{labels[row]} (listed {own_name}, in {commune['commune']})")
            continue
        for key, values in columns.items():
            values[row] = values[row] or commune[key]
    for key, values in columns.items():
        filled[key] = values
    warnings = list(villages.attrs.get("warnings", []))
    if outside:
        warnings.append(
            f"{len(outside)} of {len(filled)} villages lie in no commune: {first_few(outside)}"
        )
    if moved:
        warnings.append(
            f"{len(moved)} of {len(filled)} villages lie in another commune than listed, "
            f"the list is kept: {first_few(moved)}"
        )
    filled.attrs = {**villages.attrs, "warnings": warnings}
    return filled


def _commune_of(centres: Any, communes: gpd.GeoDataFrame) -> list[int]:
    """Return the row of the commune around each point, -1 outside; the first on a border."""
    found = [-1] * len(centres)
    tree = shapely.STRtree(communes.geometry.to_numpy())
    for point, commune in zip(*tree.query(centres, predicate="intersects"), strict=True):
        if found[point] < 0 or commune < found[point]:
            found[point] = int(commune)
    return found


def _same_commune(one: str, other: str) -> bool:
    """Return whether two names are one commune, whatever the tones and the word for the unit."""
    return unit_key(one) == unit_key(other)


def unit_key(name: str) -> str:
    """Return a name by which an administrative unit is found: no tones, no word for its kind.

    Examples
    --------
    >>> unit_key("Xã Bình Lư"), unit_key("Binh Lu"), unit_key("tỉnh Lai Châu")
    ('binh lu', 'binh lu', 'lai chau')
    """
    return _UNIT_WORDS.sub("", search_key(name))
