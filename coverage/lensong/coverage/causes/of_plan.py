"""The causes of a plan's gaps: from its layers to tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import geopandas as gpd
import pandas as pd

from lensong.coverage.causes.attribute import REFERENCE_PHONE_DBM, Explained, explain, short_places
from lensong.coverage.causes.mend import COLUMNS, largest_gaps, mend
from lensong.coverage.causes.settings import CauseSettings
from lensong.coverage.causes.split import TERMS
from lensong.coverage.result import ServiceLayers
from lensong.coverage.service import Service
from lensong.coverage.sweeps import SweepCache
from lensong.coverage.village_weights import VillageWeights

__all__ = ["Causes", "causes_of_plan", "with_causes"]

_INTERNAL = ["village", "pixel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Causes:
    """What was found.

    Parameters
    ----------
    villages : GeoDataFrame
        The village table with the columns of the causes.
    causes, counterfactuals : DataFrame
        See docs/reference/outputs.md.
    assumptions : tuple of str
    """

    villages: gpd.GeoDataFrame
    causes: pd.DataFrame
    counterfactuals: pd.DataFrame
    assumptions: tuple[str, ...]


def causes_of_plan(
    asked: Explained,
    villages: gpd.GeoDataFrame,
    judged: ServiceLayers,
    weights: Sequence[VillageWeights],
    services: Sequence[Service],
    settings: CauseSettings,
    *,
    cache: SweepCache | None,
    workers: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> Causes:
    """Return why the villages of a plan lack the class service, and what would mend it.

    Parameters
    ----------
    asked : Explained
    villages : GeoDataFrame
        With their ``class``.
    judged : ServiceLayers
        Of the class service, over all technologies.
    weights, services
        Of the plan.
    settings : CauseSettings
    cache, workers, progress
        As in `lensong.coverage.plan.plan`.
    """
    places = short_places(list(villages["class"]), judged, asked.links, weights)
    found = explain(asked, places)
    gaps = largest_gaps(found, weights, settings.counterfactuals)

    def on_done(done: int, total: int) -> None:
        if progress is not None:
            progress("what would mend it", done, total)

    tried = (
        mend(asked, gaps, judged, weights, services, cache=cache, workers=workers, progress=on_done)
        if len(gaps)
        else pd.DataFrame(columns=list(COLUMNS))
    )
    return Causes(
        villages=with_causes(villages, found),
        causes=found.drop(columns=_INTERNAL),
        counterfactuals=tried,
        assumptions=_assumptions(asked, settings, len(gaps)),
    )


def with_causes(villages: gpd.GeoDataFrame, causes: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the village table with what each lacks and why; NaN and empty where it is covered."""
    by_village = causes.set_index("village").reindex(range(len(villages)))
    numbers = ["shortfall_db", *(f"cause_{term}_db" for term in TERMS)]
    columns = {name: by_village[name].to_numpy(dtype=float) for name in numbers}
    texts = {"main_cause": "main_cause", "cause_cell": "cell_id", "cause_note": "note"}
    texts["cause_assumed"] = "assumed"
    words = {name: by_village[of].fillna("").astype(str).to_numpy() for name, of in texts.items()}
    ordered = {
        "shortfall_db": columns.pop("shortfall_db"),
        "main_cause": words.pop("main_cause"),
        **columns,
        **words,
    }
    table = pd.DataFrame(ordered, index=villages.index)
    return gpd.GeoDataFrame(
        pd.concat([villages, table], axis=1), geometry="geometry", crs=villages.crs
    )


def _assumptions(asked: Explained, settings: CauseSettings, gaps: int) -> tuple[str, ...]:
    told = (
        f"The shortfall of a village is what the link that comes nearest to {asked.service.name} "
        "lacks at the place where half of the people without it lack as much or more: its worst "
        "condition at the median, with the margin of the service's probability. The parts are "
        "Shapley values and sum to it; distance counts from where the same cell would just do over "
        "open, even ground with nothing else in the way (below 0: nearer than that), and the "
        f"uplink is told against a phone of {REFERENCE_PHONE_DBM:g} dBm."
    )
    if asked.handset.uplink_carrier_aggregation:
        told += " It is that of one carrier: uplink carrier aggregation does not count in it."
    if not gaps:
        return (told,)
    return (
        told,
        f"Changes of the network were planned again for the {gaps} gaps of most people "
        f"(causes.counterfactuals = {settings.counterfactuals}): those of one cell or mast each, "
        "all else as it is.",
    )
