"""The layers of a plan that the map can show: what each is, in what unit, where it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.calibration.areas import WideFrom, is_wide
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layer_tiles import TileLayers
from lensong.coverage.network import Technology
from lensong.coverage.report.legend import (
    WIDE_COLOUR,
    Legend,
    basis_legend,
    field_legend,
    interval_legend,
    probability_legend,
    rate_legend,
    reason_legend,
    rsrp_breaks_dbm,
    rsrp_legend,
    rsrq_legend,
    sinr_legend,
)
from lensong.coverage.result import KnownLayers, as_dbm
from lensong.coverage.villages import operator_suffix
from lensong.propagation.types import BoolArray, IntArray

__all__ = [
    "KNOWN_QUANTITIES",
    "Layer",
    "PlacedTile",
    "chances_said",
    "classes_said",
    "known_layers",
    "layer_list",
]

Values = NDArray[Any]
_PNG = {"rsrp": (0.01, -400.0), "level": (0.01, -400.0), "sinr": (0.01, -400.0),
        "rsrq": (0.01, -400.0), "downlink": (0.1, 0.0), "uplink": (0.1, 0.0),
        "chance": (1e-4, 0.0), "server": (1.0, 0.0), "second": (1.0, 0.0),
        "overlap": (1.0, 0.0), "reason": (1.0, 0.0), "limiting": (1.0, 0.0),
        "field": (0.01, -400.0), "interval": (0.01, -400.0), "basis": (1.0, 0.0),
        "wide": (1.0, 0.0)}  # fmt: skip
_LEVELS = (
    ("rsrp", "dBm", "rsrp_dbm"),
    ("sinr", "dB", "sinr_db"),
    ("rsrq", "dB", "rsrq_db"),
    ("downlink", "Mbit/s", "downlink_mbps"),
    ("uplink", "Mbit/s", "uplink_mbps"),
    ("server", "", "best"),
    ("second", "", "second"),
    ("overlap", "", "overlap"),
)


KNOWN_QUANTITIES = ("basis", "interval", "field", "wide")
"""What a calibration knows of levels: layers that a plan without one does not have. ``wide`` is
what maps hatch, by the bound that reports have, but for small patches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedTile:
    """A tile of a planned network, as layers read it.

    Parameters
    ----------
    best : TileLayers
    own : mapping
        Operator to its layers alone, of those that are heard in the tile.
    made : callable
        Returns what a calibration knows of it, by technology; of some pixels or, asked None, all.
    asked : shape of the tile, bool, or None
        The pixels that are looked at.
    """

    best: TileLayers
    own: Mapping[str, TileLayers]
    made: Callable[[BoolArray | None], Mapping[Technology, KnownLayers]]
    asked: BoolArray | None = None

    def known(self) -> Mapping[Technology, KnownLayers]:
        """Return what a calibration knows of the pixels that are looked at."""
        return self.made(self.asked)

    def every(self, step: int, row: int, col: int) -> PlacedTile:
        """Return the tile of which every so many pixels are looked at, from a place on."""
        asked = np.zeros(self.best.best.shape[-2:], dtype=np.bool_)
        asked[row::step, col::step] = True
        return replace(self, asked=asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer.

    Parameters
    ----------
    layer_id : str
    quantity, unit : str
    technology, service, operator : str or None
        None: of any, or of all together.
    dtype : str
        Of the values.
    none : float or None
        What stands for "none"; NaN for numbers, None where every value means something.
    settles_with : {"levels", "chances"}
    legend : list of dict
        Classes in the unit of the values.
    read : callable
        Returns the layer of a tile.
    """

    layer_id: str
    quantity: str
    unit: str
    technology: str | None = None
    service: str | None = None
    operator: str | None = None
    dtype: str
    none: float | None
    settles_with: str
    legend: list[dict[str, Any]]
    read: Callable[[Any], Values]  # Any: of a `PlacedTile`, or of a block of rasters

    @property
    def png(self) -> tuple[float, float]:
        """Return scale and offset of its 16-bit picture; grey 0 is none."""
        scale, offset = _PNG[self.quantity]
        return scale, offset - scale  # so that the least value has grey 1

    def as_json(self) -> dict[str, Any]:
        """Return what the API says of it."""
        scale, offset = self.png
        return {
            "layer_id": self.layer_id,
            "quantity": self.quantity,
            "unit": self.unit,
            "technology": self.technology,
            "service": self.service,
            "operator": self.operator,
            "dtype": self.dtype,
            "settles_with": self.settles_with,
            "legend": self.legend,
            "png": {"scale": scale, "offset": offset},
        }


def layer_list(
    model: LayerModel, settings: dict[str, Any], *, sigma_db: float | None = None
) -> list[Layer]:
    """Return the layers of a plan, those looked at most first.

    Parameters
    ----------
    model : LayerModel
    settings : dict
        Of the scenario: level thresholds.
    sigma_db : float, optional
        Of a plan with a calibration, which has `KNOWN_QUANTITIES` as layers: how levels deviate
        without one [dB].
    """
    level = rsrp_legend(rsrp_breaks_dbm(settings))
    legends = {
        "rsrp": level,
        "sinr": sinr_legend(),
        "rsrq": rsrq_legend(),
        "downlink": rate_legend(model.services, "downlink"),
        "uplink": rate_legend(model.services, "uplink"),
    }
    found: list[Layer] = []
    for t, technology in enumerate(model.technologies):
        for quantity, unit, field in _LEVELS:
            legend = legends.get(quantity)
            found.append(
                Layer(
                    layer_id=f"{quantity}-{technology.lower()}",
                    quantity=quantity,
                    unit=unit,
                    technology=technology,
                    dtype="float32" if unit else "uint8" if quantity == "overlap" else "int16",
                    none=float("nan") if unit else 0.0 if quantity == "overlap" else -1.0,
                    settles_with="levels",
                    legend=[] if legend is None else classes_said(legend),
                    read=_of_technology(field, t),
                )
            )
        rows = np.array([b for b, (of, _) in enumerate(model.bands) if of == technology])
        found.append(
            Layer(
                layer_id=f"level-{technology.lower()}",
                quantity="level",
                unit="dBm",
                technology=technology,
                dtype="float32",
                none=float("nan"),
                settles_with="levels",
                legend=classes_said(level),
                read=_strongest(rows),
            )
        )
        if sigma_db is not None:
            wide = WideFrom.of(sigma_db, min(rsrp_breaks_dbm(settings)))
            reads = {f: _of_known(f, technology) for f in ("basis", "half_db", "field_db")}
            found += known_layers(technology, wide, **reads, wide=_wide_of(t, technology, wide))
    for q, service in enumerate(model.services):
        found += _of_service(model, q, None, 0)
        for technology in model.technologies:
            row = model.service_row(technology)
            if row and technology in service.technologies:
                found += _of_service(model, q, technology, row)
    names = list(model.operators)
    if len(names) > 1:
        suffix = operator_suffix(names)
        for name in names:
            found += _of_operator(model, name, suffix[name], classes_said(level))
    return found


def known_layers(
    technology: Technology, bound: WideFrom, **read: Callable[[Any], Values]
) -> list[Layer]:
    """Return the layers of what a calibration knows.

    Parameters
    ----------
    technology : str
    bound : WideFrom
        From when on a level is hatched.
    **read : callable
        As of `Layer`, of ``basis``, ``half_db``, ``field_db`` and ``wide``.
    """
    hatched = {"value": 1, "colour": WIDE_COLOUR, "key": "map.wide", "half_db": bound.half_db}
    return [
        Layer(
            layer_id=f"{quantity}-{technology.lower()}",
            quantity=quantity,
            unit=unit,
            technology=technology,
            dtype="float32" if unit else "uint8",
            none=float("nan") if unit else 0.0,
            settles_with="levels",
            legend=legend,
            read=read[field],
        )
        for quantity, unit, field, legend in (
            ("basis", "", "basis", _values(basis_legend())),
            ("interval", "dB", "half_db", classes_said(interval_legend())),
            ("field", "dB", "field_db", classes_said(field_legend())),
            ("wide", "", "wide", [hatched]),
        )
    ]


def _of_service(model: LayerModel, q: int, technology: str | None, row: int) -> list[Layer]:
    service = model.services[q]
    tail = "" if technology is None else f"-{technology.lower()}"
    return [
        Layer(
            layer_id=f"{quantity}-{service.name}{tail}",
            quantity=quantity,
            unit="",
            technology=technology,
            service=service.name,
            dtype="float32" if quantity == "chance" else "uint8",
            none=None,
            settles_with="chances",
            legend=legend,
            read=_of_row(field, row, q),
        )
        for quantity, field, legend in (
            ("chance", "probability", chances_said(probability_legend(service))),
            ("reason", "reason", _values(reason_legend())),
            ("limiting", "limiting", _LIMITING),
        )
    ]


def _of_operator(
    model: LayerModel, name: str, suffix: str, levels: list[dict[str, Any]]
) -> list[Layer]:
    found = [
        Layer(
            layer_id=f"level-{suffix}",
            quantity="level",
            unit="dBm",
            operator=name,
            dtype="float32",
            none=float("nan"),
            settles_with="levels",
            legend=levels,
            read=lambda tile: as_dbm(tile.best.level_cdbm[name]),
        )
    ]
    for t, technology in enumerate(model.technologies):
        if t not in model.operators[name].technology:
            continue
        found.append(
            Layer(
                layer_id=f"server-{technology.lower()}-{suffix}",
                quantity="server",
                unit="",
                technology=technology,
                operator=name,
                dtype="int16",
                none=-1.0,
                settles_with="levels",
                legend=[],
                read=_own_server(name, t),
            )
        )
    for q, service in enumerate(model.services):
        found += [
            Layer(
                layer_id=f"{quantity}-{service.name}-{suffix}",
                quantity=quantity,
                unit="",
                service=service.name,
                operator=name,
                dtype="float32" if quantity == "chance" else "uint8",
                none=None,
                settles_with="chances",
                legend=legend,
                read=read,
            )
            for quantity, legend, read in (
                ("chance", chances_said(probability_legend(service)), _own_chance(name, q)),
                ("reason", _values(reason_legend()), _own_reason(name, q)),
            )
        ]
    return found


_LIMITING = [
    {"value": 1, "colour": "#1478b8", "text": "downlink"},
    {"value": 2, "colour": "#d64a78", "text": "uplink"},
]


def _of_technology(field: str, t: int) -> Callable[[PlacedTile], Values]:
    def read(tile: PlacedTile) -> Values:
        layers: Values = getattr(tile.best, field)
        found: Values = layers[t]
        return found

    return read


def _of_known(field: str, technology: Technology) -> Callable[[PlacedTile], Values]:
    def read(tile: PlacedTile) -> Values:
        found: Values = getattr(tile.known()[technology], field)
        return found

    return read


def _wide_of(t: int, technology: Technology, bound: WideFrom) -> Callable[[PlacedTile], Values]:
    def read(tile: PlacedTile) -> Values:
        half_db = tile.known()[technology].half_db
        return is_wide(half_db, tile.best.rsrp_dbm[t], bound).astype(np.uint8)

    return read


def _of_row(field: str, row: int, q: int) -> Callable[[PlacedTile], Values]:
    def read(tile: PlacedTile) -> Values:
        layers: Values = getattr(tile.best, field)
        found: Values = layers[row, q]
        return found

    return read


def _strongest(rows: IntArray) -> Callable[[PlacedTile], Values]:
    return lambda tile: as_dbm(tile.best.band_cdbm[rows].max(axis=0))


def _own_chance(name: str, q: int) -> Callable[[PlacedTile], Values]:
    # a plan keeps the chances of one operator among others in half precision
    return lambda tile: tile.best.own_probability[name][q].astype(np.float16).astype(np.float32)


def _own_server(name: str, t: int) -> Callable[[PlacedTile], Values]:
    """Return what reads which cells serve the phones of one operator."""

    def read(tile: PlacedTile) -> Values:
        if name not in tile.own:  # not heard here
            return np.full(tile.best.best.shape[-2:], -1, np.int16)
        found: Values = tile.own[name].best[t]
        return found

    return read


def _own_reason(name: str, q: int) -> Callable[[PlacedTile], Values]:
    return lambda tile: tile.best.own_reason[name][q]


def classes_said(legend: Legend) -> list[dict[str, Any]]:
    """Return the classes of a legend as the API says them."""
    return [c.as_json() for c in legend.classes]


def chances_said(legend: Legend) -> list[dict[str, Any]]:
    """Return the classes of a chance, whose legend is in percent, as 0..1."""
    found = []
    for one in classes_said(legend):
        ends = {end: round(one[end] / 100.0, 6) for end in ("low", "high") if end in one}
        found.append(one | ends)
    return found


def _values(legend: Legend) -> list[dict[str, Any]]:
    """Return classes that are codes, counted from 1."""
    return [{"value": k, **c} for k, c in enumerate(classes_said(legend), start=1)]
