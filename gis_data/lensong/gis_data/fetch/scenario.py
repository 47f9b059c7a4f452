"""The scenario that is written beside the land that was fetched."""

from __future__ import annotations

import json
from collections.abc import Collection

from lensong.gis_data.fetch.area import FetchArea
from lensong.gis_data.fetch.order import Order
from lensong.gis_data.fetch.sources import BY_NAME, Source

__all__ = ["AREA_FILE", "COMMUNES_FILE", "SCENARIO_FILE", "VILLAGES_FILE", "scenario_text"]

SCENARIO_FILE = "scenario.toml"
AREA_FILE = "area.geojson"
VILLAGES_FILE = "villages.gpkg"
COMMUNES_FILE = "communes.gpkg"


def scenario_text(
    area: FetchArea,
    order: Order,
    *,
    roles: Collection[str],
    cells: str,
    margin_m: float,
    day: str,
) -> str:
    """Return the TOML of a scenario on the land of an order.

    Parameters
    ----------
    area : FetchArea
    order : Order
    roles : collection of str
        What was fetched.
    cells : str
        Path of the cell list, relative to the scenario.
    margin_m : float
        So far around the area elevation was fetched.
    day : str
        On which it was fetched, ISO 8601.
    """
    used = [source for source in sources_of(order) if _is_used(source, roles)]
    where = (
        f"bbox_deg = [{', '.join(f'{edge:.6g}' for edge in area.bounds_deg)}]"
        if area.is_box
        else f'boundary = "{AREA_FILE}"'
    )
    lines = [
        f"# Written by lensong fetch on {day}. Put the list of cells beside this file, then:",
        "#   lensong check scenario.toml",
        "#   lensong plan scenario.toml --out result",
        "# What came from where: provenance.json. Every key: docs/how-to/scenario.md",
        "",
        f"title = {_text(area.title)}",
        "attribution = [                     # has to stand wherever results are shown",
        *(f"  {_text(source.attribution)}," for source in used),
        "]",
        "",
        "[area]",
        where,
        "",
        "[elevation]",
        *(
            ['path = "elevation"                  # a surface model: trees and roofs are in it']
            if "elevation" in roles
            else ['path = "dem"                        # not fetched: put elevation there']
        ),
    ]
    if order.sea_tiles:
        lines.append(
            f"sea_where_missing = true            # tiles that no list has: {len(order.sea_tiles)}"
        )
    if "land_cover" in roles:
        lines += _land_cover(order, elevation="elevation" in roles)
    if "population" in roles:
        lines += ["", "[population]", 'path = "population"']
    lines += [
        "",
        "[villages]",
        f'path = "{VILLAGES_FILE}"              # places of OpenStreetMap: points, where mapped'
        if "villages" in roles
        else 'path = "villages.csv"               # not fetched: put your list there',
    ]
    if "communes" in roles:
        lines += ["", "[communes]", f'path = "{COMMUNES_FILE}"']
    lines += ["", "[network]", f"cells = {_text(cells)}", *_network(margin_m, roles)]
    return "\n".join(lines) + "\n"


def _network(margin_m: float, roles: Collection[str]) -> list[str]:
    """Return what else the section of the network says, and what a list of cells may leave open."""
    reach = f"radius_m = {margin_m:<25g}# how far each cell is computed: elevation reaches so far"
    return [
        *([reach] if "elevation" in roles else []),
        "# Where lensong check says that the list leaves one of these open, take away its #:",
        '# power = "total"                   # power in the list is that of the whole carrier',
        '# power = "per_re"                  # … or that of one resource element',
        '# crs = "EPSG:32648"                # of positions in metres; here UTM zone 48 N',
        '# height_unit = "ft"                # heights are in feet',
        '# doubtful_masts = "accept"         # masts far from the area are left out',
    ]


def sources_of(order: Order) -> list[Source]:
    """Return the sources of an order, each once, in the order of the table."""
    names = {wanted.source.name for wanted in order.files}
    return [source for name, source in BY_NAME.items() if name in names]


def _is_used(source: Source, roles: Collection[str]) -> bool:
    return source.role != "land_cover" or "elevation" not in roles


def _land_cover(order: Order, *, elevation: bool) -> list[str]:
    if not any(wanted.source.role == "land_cover" for wanted in order.files):
        return []
    if not elevation:
        return ["", "[land_cover]", 'path = "land_cover"']
    source = next(w.source for w in order.files if w.source.role == "land_cover")
    return [
        "",
        "# Land cover was fetched and is not used: GLO-30 has trees and roofs in its heights, and",
        "# would count them twice. It is for elevation of the bare ground in the place of GLO-30;",
        f"# then add to attribution: {_text(source.attribution)}",
        "# [land_cover]",
        '# path = "land_cover"',
    ]


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
