"""What a plan is asked for, checked and in order, before any sweep is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensong.coverage.causes.links import PlaceLinks
from lensong.coverage.causes.settings import CauseSettings
from lensong.coverage.indoor import level_shadowing
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layers import Layers, sweep_order
from lensong.coverage.network import Network
from lensong.coverage.probability import check_median
from lensong.coverage.reach import RadiusCut
from lensong.coverage.service import DEFAULT_SERVICES, Handset, Service
from lensong.coverage.shadowing import Shadowing
from lensong.coverage.streams.heard import Heard
from lensong.coverage.streams.settings import StreamSettings
from lensong.coverage.sweeps import PropagationSettings, SweepJob, sweep_jobs
from lensong.coverage.village_weights import VillageWeights, inhabitants, village_weights
from lensong.coverage.villages import ClassThresholds, column_suffix
from lensong.gis_data.land import Land
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import BoolArray

if TYPE_CHECKING:
    from lensong.coverage.streams.kept import KeptStreams

__all__ = ["LaidOut", "PlanSetup", "Progress"]

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the stage (``"sweeps"``, ``"villages"``, …), how much is done and of how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSetup:
    """A plan before its first sweep; the arguments are those of `lensong.coverage.plan.plan`.

    Parameters
    ----------
    class_service : Service
        By which villages are classed.
    weights : list of VillageWeights
    jobs : list of SweepJob
        In the order in which their sweeps are laid over each other.
    shadowing : Shadowing
    people : shape of the grid
        People in each pixel.
    model : LayerModel
    """

    title: str
    land: Land
    network: Network
    services: tuple[Service, ...]
    handset: Handset
    propagation: PropagationSettings
    classes: ClassThresholds
    streams: StreamSettings
    settings: dict[str, Any]  # Any: the scenario as read
    causes: CauseSettings | None
    class_service: Service
    weights: list[VillageWeights]
    jobs: list[SweepJob]
    shadowing: Shadowing
    people: NDArray[np.floating[Any]]
    model: LayerModel

    @classmethod
    def of(
        cls,
        land: Land,
        network: Network,
        *,
        title: str,
        services: Sequence[Service] = DEFAULT_SERVICES,
        handset: Handset | None = None,
        propagation: PropagationSettings | None = None,
        classes: ClassThresholds | None = None,
        streams: StreamSettings | None = None,
        settings: dict[str, Any] | None = None,
        causes: CauseSettings | None = None,
    ) -> PlanSetup:
        """Check what is asked and bring it in order; raises as `lensong.coverage.plan.plan`."""
        handset = handset or Handset()
        propagation = propagation or PropagationSettings()
        classes = classes or ClassThresholds()
        streams = streams or StreamSettings()
        network = propagation.calibrated(network)
        class_service = _checked(land, network, services, propagation, classes)
        weights = village_weights(land)
        jobs = sweep_order(sweep_jobs(network, land), land.grid)
        shadowing = level_shadowing(propagation, handset, network)
        model = LayerModel.build(land.grid.crs, network, handset, services, shadowing)
        streams.check(model)
        return cls(
            title=title,
            land=land,
            network=network,
            services=tuple(services),
            handset=handset,
            propagation=propagation,
            classes=classes,
            streams=streams,
            settings=settings or {},
            causes=causes,
            class_service=class_service,
            weights=weights,
            jobs=jobs,
            shadowing=shadowing,
            people=inhabitants(land, weights)[1],
            model=model,
        )

    def heard(self) -> Heard:
        """Return a listener at the places of the villages that has heard nothing yet."""
        return Heard(self.weights, self.land.grid, self.model)

    def links(self) -> PlaceLinks | None:
        """Return the links of the class service, none known yet; None where no cause is asked."""
        if self.causes is None or not self.causes.villages:
            return None
        pixels = np.concatenate([w.pixel for w in self.weights])
        return PlaceLinks.at(self.class_service.name, pixels, self.land.grid)


@dataclass(slots=True, kw_only=True)
class LaidOut:
    """What the sweeps of a plan brought, laid over each other.

    Parameters
    ----------
    layers : Layers
    heard : Heard
    links : PlaceLinks or None
    hidden : shape of the grid
        Where a void hides a pixel from a mast that would reach it.
    cut : RadiusCut
        Has seen every sweep.
    reused, hidden_pixels, with_hidden : int
        Sweeps that came from the cache; pixels that are hidden in all, and in how many sweeps.
    streams : DataFrame or None
        Of `lensong.coverage.streams.table.stream_table`, where that was made already.
    kept_streams : KeptStreams or None
        Of earlier runs.
    """

    layers: Layers
    heard: Heard
    links: PlaceLinks | None
    hidden: BoolArray
    cut: RadiusCut
    reused: int
    hidden_pixels: int
    with_hidden: int
    streams: pd.DataFrame | None = None
    kept_streams: KeptStreams | None = None


def _checked(
    land: Land,
    network: Network,
    services: Sequence[Service],
    propagation: PropagationSettings,
    classes: ClassThresholds,
) -> Service:
    """Refuse what cannot be planned; return the service by which villages are classed."""
    check_median(propagation)
    if not network.cells:
        raise InvalidInputError("the network has no cell: check the filters on the cell list")
    if land.villages.empty:
        raise InvalidInputError("there is no village in the area: check villages and area")
    names = [service.name for service in services]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InvalidInputError(f"service {twice[0]!r} is given more than once")
    _refuse_equal_columns(names)
    if classes.service not in names:
        raise InvalidInputError(
            f"classes.service is {classes.service!r}, wanted one of the services: "
            f"{', '.join(names) or 'none given'}"
        )
    return services[names.index(classes.service)]


def _refuse_equal_columns(names: Sequence[str]) -> None:
    """Refuse services whose columns would have one name; a GeoPackage knows no case."""
    owner: dict[str, str] = {}
    for name in names:
        for suffix in ("", "_4g", "_5g"):
            column = f"{column_suffix(name)}{suffix}".casefold()
            if column in owner:
                raise InvalidInputError(
                    f"services {owner[column]!r} and {name!r} would share the column "
                    f"served_share_{column}: give them names that differ in more than '-', '_', "
                    "case and '_4g' or '_5g'"
                )
            owner[column] = name
