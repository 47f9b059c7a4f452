"""``report.html``: one file with the answer, the map, the tables and where it all comes from."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lensong.coverage.report.headline import column, headline
from lensong.coverage.report.map_data import map_data, plain_value, village_rows
from lensong.coverage.report.measured_data import measured_page
from lensong.coverage.report.messages import both, catalogue, number
from lensong.coverage.report.path_data import path_data
from lensong.coverage.report.proposal_data import proposal_page
from lensong.coverage.result import PlanResult
from lensong.coverage.streams.table import most_counted
from lensong.coverage.villages import operator_suffix

__all__ = ["render_report", "result_id"]

_STYLES = (
    "page.css",
    "map.css",
    "tables.css",
    "paths.css",
    "causes.css",
    "proposals.css",
    "measured.css",
    "media.css",
)
_SCRIPTS = (
    "words.js",
    "symbols.js",
    "figure.js",
    "map.js",
    "proposals.js",
    "measured.js",
    "causes.js",
    "paths.js",
    "tables.js",
    "main.js",
)


def render_report(
    result: PlanResult,
    *,
    maplibre_js: str,
    maplibre_css: str,
    generated_at: str | None = None,
) -> str:
    """Return the report as the text of one HTML file that asks nothing of any network.

    Parameters
    ----------
    result : PlanResult
    maplibre_js, maplibre_css : str
        Text of the MapLibre GL JS library (the UMD build) and of its style sheet.
    generated_at : str or None
        Date to print, ISO 8601. None: the page shows the date of the file itself, so that the
        same plan gives the same bytes.

    Returns
    -------
    str
        HTML, the same for the same input.
    """
    environment = Environment(
        loader=PackageLoader("lensong.coverage.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(t=both, num=number, column=column)
    page = _page_data(result, generated_at)
    return environment.get_template("report.html").render(
        result=result,
        head=headline(result),
        technologies=list(result.layers),
        settings=_flat_settings(result.settings),
        attribution=result.settings.get("attribution", []),
        communes=_commune_rows(result),
        proposed=proposal_page(result.network),
        measured=measured_page(result),
        result_id=page["result_id"],
        generated_at=generated_at,
        data=_json_for_script(page),
        style=Markup("\n".join([_closed_style(maplibre_css), *map(_template, _STYLES)])),
        maplibre=Markup(_closed_script(maplibre_js)),
        script=Markup("\n".join(_template(name) for name in _SCRIPTS)),
    )


def result_id(result: PlanResult) -> str:
    """Return twelve hex digits that name a result: a hash of its inputs, settings and table."""
    return _id_of(result, village_rows(result))


def _id_of(result: PlanResult, rows: list[dict[str, Any]]) -> str:
    content = {
        "inputs": [(s.role, s.sha256) for s in result.land.sources],
        "settings": result.settings,
        "villages": rows,
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _page_data(result: PlanResult, generated_at: str | None) -> dict[str, Any]:
    rows, paths = village_rows(result), path_data(result)
    proposed, measured = proposal_page(result.network), measured_page(result)
    return {
        "title": result.title,
        "synthetic": result.synthetic,
        "generated_at": generated_at,
        "result_id": _id_of(result, rows),
        "technologies": list(result.layers),
        "operators": [
            {"name": name, "suffix": suffix}
            for name, suffix in operator_suffix(result.operators).items()
            if len(result.operators) > 1
        ],
        "covered_share": headline(result).covered_share,
        "most_streams": most_counted(result.streams),
        "services": [
            {
                "name": s.name,
                "technologies": list(s.technologies),
                "downlink_mbps": s.downlink_mbps,
                "uplink_mbps": s.uplink_mbps,
                "probability": s.probability,
            }
            for s in result.services
        ],
        "class_service": result.class_service,
        "origin": [
            {"role": s.role, "path": s.path} for s in result.land.sources if s.role == "elevation"
        ],
        "villages": rows,
        "communes": _commune_rows(result),
        "map": map_data(result, less_bytes=len(json.dumps([rows, paths], default=str))),
        "paths": paths,
        "mend": _mend_rows(result),
        "proposals": None if proposed is None else proposed.as_json(),
        "measured": None if measured is None else measured.as_json(),
        "messages": catalogue(),
    }


def _mend_rows(result: PlanResult) -> list[dict[str, Any]]:
    """Return what changes of the network bring the largest gaps; empty where none was tried."""
    if result.counterfactuals is None:
        return []
    return [
        {str(k): plain_value(str(k), v) for k, v in row.items()}
        for row in result.counterfactuals.to_dict("records")
    ]


def _commune_rows(result: PlanResult) -> list[dict[str, Any]]:
    """Return the commune table with the extent of each commune, for the map to show it."""
    if result.communes is None or result.communes.empty:
        return []
    bounds = result.communes.geometry.to_crs(4326).bounds
    rows = result.communes.drop(columns="geometry").to_dict("records")
    return [
        {str(k): plain_value(str(k), v) for k, v in row.items()}
        | {"bounds_deg": [round(float(v), 5) for v in extent]}
        for row, extent in zip(rows, bounds.to_numpy(), strict=True)
    ]


def _flat_settings(settings: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return the settings as dotted names and values, in the order of the scenario."""
    flat: list[tuple[str, str]] = []
    for name, value in settings.items():
        if isinstance(value, dict):
            flat.extend(_flat_settings(value, f"{prefix}{name}."))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for place, item in enumerate(value, start=1):
                flat.extend(_flat_settings(item, f"{prefix}{name}[{place}]."))
        else:
            flat.append((f"{prefix}{name}", json.dumps(value, ensure_ascii=False, default=str)))
    return flat


def _template(name: str) -> str:
    return files("lensong.coverage.report").joinpath("templates", name).read_text("utf-8")


def _json_for_script(data: dict[str, Any]) -> Markup:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def _closed_script(text: str) -> str:
    """Return a script that cannot end its own element and refers to no source map."""
    text = re.sub(r"^//# sourceMappingURL=.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"<(?=/script|!--)", r"<\\", text, flags=re.IGNORECASE)


def _closed_style(text: str) -> str:
    text = re.sub(r"/\*# sourceMappingURL=.*?\*/", "", text)
    return re.sub(r"<(?=/style)", r"<\\", text, flags=re.IGNORECASE)
