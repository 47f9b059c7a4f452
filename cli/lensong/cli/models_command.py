"""``lensong models``: the propagation models, where they hold and where they come from."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import inf, isnan
from typing import TYPE_CHECKING, Any

import click

from lensong.cli.errors import explains_errors
from lensong.cli.options import json_option

if TYPE_CHECKING:
    from lensong.propagation.model import Model

__all__ = ["models"]

_KINDS = {
    "path": "a terrain profile",
    "statistical": "distance and heights alone",
    "add_on": "a correction to other models",
}
_RANGES = ("freq_mhz", "distance_m", "tx_height_m", "rx_height_m")


@click.command(short_help="Propagation models: range, source, which ones draw maps.")
@click.argument("name", required=False)
@json_option
@explains_errors
def models(name: str | None, as_json: bool) -> None:
    """List the propagation models, or tell all about the one called NAME.

    Those with a star draw maps: a scenario may name them as `model` under `[propagation]`.
    """
    from lensong.propagation.models import MODELS, model

    if name is None:
        found = {"models": [_as_json(entry) for entry in MODELS.values()]}
        text = _table(tuple(MODELS.values()))
    else:
        found = _as_json(model(name))
        text = _details(model(name))
    click.echo(json.dumps(found, ensure_ascii=False, indent=2) if as_json else text)


def _as_json(entry: Model) -> dict[str, Any]:
    """Return an entry; a range is null where it does not apply, a bound where there is none."""
    ranges: dict[str, Any] = {}
    for name in _RANGES:
        low, high = getattr(entry, name)
        ranges[name] = None if isnan(low) else [low, None if high == inf else high]
    return {
        "name": entry.name,
        "title": entry.title,
        "kind": entry.kind,
        "map_engine": entry.map_engine,
        **ranges,
        "source": entry.source,
        "function": entry.function_name,
        "instead": entry.instead,
    }


def _table(entries: tuple[Model, ...]) -> str:
    rows = [("model", "from", "frequency", "distance", "source")]
    rows += [
        (
            f"{entry.name}{' *' if entry.map_engine else ''}",
            entry.kind.replace("_", "-"),
            _span(entry.freq_mhz, _frequency),
            _span(entry.distance_m, _metres),
            entry.source,
        )
        for entry in entries
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]])
        for row in rows
    ]
    lines += ["", "* draws maps: may be the model of a scenario's [propagation]"]
    return "\n".join(lines)


def _details(entry: Model) -> str:
    lines = [
        entry.title,
        "",
        f"name       {entry.name}",
        f"needs      {_KINDS[entry.kind]}",
        f"maps       {_maps(entry)}",
        f"frequency  {_span(entry.freq_mhz, _frequency)}",
        f"distance   {_span(entry.distance_m, _metres)}",
        f"mast       {_span(entry.tx_height_m, _metres)}",
        f"receiver   {_span(entry.rx_height_m, _metres)}",
        f"source     {entry.source}",
        f"call       {entry.function_name}",
        f"else use   {entry.instead}",
    ]
    return "\n".join(lines)


def _maps(entry: Model) -> str:
    return f'yes: model = "{entry.name}" under [propagation]' if entry.map_engine else "no"


def _span(limits: tuple[float, float], unit: Callable[[float], str]) -> str:
    low, high = limits
    if isnan(low):
        return "-"
    if high == inf:
        return f"{unit(low)} and more" if low > 0.0 else "any"
    return f"{unit(low)} to {unit(high)}"


def _frequency(freq_mhz: float) -> str:
    return f"{freq_mhz:g} MHz" if freq_mhz < 1000.0 else f"{freq_mhz / 1000.0:g} GHz"


def _metres(metres: float) -> str:
    return f"{metres:g} m" if metres < 1000.0 else f"{metres / 1000.0:g} km"
