"""Layers of a plan from layers of its technologies, for tests that make those by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lensong.coverage.layers import Layers
from lensong.coverage.result import NO_LEVEL_CDBM, OperatorLayers, ServiceLayers, TechnologyLayers
from lensong.coverage.service import Service

__all__ = ["layers_of"]


def layers_of(
    shape: tuple[int, int],
    services: Sequence[Service],
    technologies: Sequence[TechnologyLayers],
    operator: str = "",
) -> Layers:
    """Return layers of one operator that holds a service where one of its technologies does."""
    best = {}
    for service in services:
        found = ServiceLayers.empty(shape)
        for layer in technologies:
            if service.name not in layer.services:
                continue
            judged = layer.services[service.name]
            better = (judged.probability > found.probability) | (found.limiting == 0)
            for name in ("probability", "limiting", "reason"):
                getattr(found, name)[better] = getattr(judged, name)[better]
        best[service.name] = found
    level = np.full(shape, np.nan, np.float32)
    for layer in technologies:
        level = np.fmax(level, layer.level_dbm)
    cdbm = np.where(np.isnan(level), NO_LEVEL_CDBM, np.rint(100.0 * np.nan_to_num(level)))
    return Layers(
        technologies={layer.technology: layer for layer in technologies},
        services=best,
        operators={
            operator: OperatorLayers(name=operator, level_cdbm=cdbm.astype(np.int16), services=best)
        },
        footprint_px=np.zeros(0),
        footprint_people=np.zeros(0),
    )
