"""Everything there is to say of one path, for text, tables and figures alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np

from lensong.coverage.calibration.apply import CalibratedPaths
from lensong.coverage.calibration.known import BASES, KnownLevels
from lensong.coverage.indoor import level_sigma_db
from lensong.coverage.network import Cell, Network
from lensong.coverage.path.budget import PathBudget, path_budget
from lensong.coverage.path.clearance import K_LOW, Clearance, clearance, median_k
from lensong.coverage.path.levels import CellLevel, Levels, disturbance, path_end
from lensong.coverage.path.line import End, Line
from lensong.coverage.path.losses import P1812, ModelLoss, model_losses
from lensong.coverage.service import Service
from lensong.coverage.sweeps import PropagationSettings
from lensong.gis_data.land import Land
from lensong.gis_data.names import search_key
from lensong.propagation.errors import ConfigError, DataError

__all__ = ["PathStudy", "find_cell", "find_village", "study_cell", "study_line", "village_row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathStudy:
    """One path.

    Parameters
    ----------
    line : Line
    freq_mhz : float
    settings : PropagationSettings
    median, low : Clearance
        At the median effective Earth radius, and at the low one.
    losses : tuple of ModelLoss
        P.1812 and the others that were asked for.
    level : CellLevel or None
        Of a cell, where one is at the first end.
    budget : PathBudget or None
    notes : tuple of str
        What a reader has to know.
    cover_at_edge : str
        Land cover at the edge that decides; empty where not known.
    """

    line: Line
    freq_mhz: float
    settings: PropagationSettings
    median: Clearance
    low: Clearance
    losses: tuple[ModelLoss, ...]
    level: CellLevel | None = None
    budget: PathBudget | None = None
    notes: tuple[str, ...] = ()
    cover_at_edge: str = ""

    @property
    def cover_at_low_edge(self) -> str:
        """Return the land cover at the edge of low k where that is the same; else empty."""
        same = self.low.edge.distance_m == self.median.edge.distance_m
        return self.cover_at_edge if same else ""


def study_line(
    line: Line,
    *,
    freq_mhz: float,
    models: Sequence[str] = (),
    settings: PropagationSettings | None = None,
    k_low: float = K_LOW,
) -> PathStudy:
    """Return what there is to say of a line at a frequency.

    Parameters
    ----------
    line : Line
    freq_mhz : float
        Above 0 [MHz].
    models : sequence of str
        Beside P.1812.
    settings : PropagationSettings, optional
    k_low : float
        The second effective Earth radius factor.

    Raises
    ------
    ConfigError
        For an unknown model.
    """
    settings = settings or PropagationSettings()
    losses = model_losses(line, [P1812, *models], freq_mhz=freq_mhz, settings=settings)
    notes: tuple[str, ...] = ()
    if line.profile is None:
        notes = (
            f"The path is {line.path_m:.0f} m; models over a profile begin at 250 m, so free space "
            "stands in their place.",
        )
        losses = model_losses(
            line, [P1812, *models, "free_space"], freq_mhz=freq_mhz, settings=settings
        )
    return PathStudy(
        line=line,
        freq_mhz=freq_mhz,
        settings=settings,
        median=clearance(line, freq_mhz=freq_mhz, k=median_k(settings.delta_n_per_km)),
        low=clearance(line, freq_mhz=freq_mhz, k=k_low),
        losses=tuple(losses),
        notes=notes,
    )


def study_cell(
    levels: Levels,
    land: Land,
    services: Sequence[Service],
    place: End,
    *,
    cell: Cell | None = None,
    models: Sequence[str] = (),
    k_low: float = K_LOW,
) -> tuple[PathStudy, list[CellLevel], list[str]]:
    """Return the path from a cell to a place, all cells in reach there, and who has no path.

    Parameters
    ----------
    levels : Levels
    land : Land
    services : sequence of Service
    place : End
    cell : Cell, optional
        Default: the strongest there; where none reaches the place, the nearest.
    models : sequence of str
        Beside the plan's and P.1812.
    k_low : float

    Raises
    ------
    DataError
        The path crosses a void.
    """
    reached, without = levels.in_reach(place)
    notes: list[str] = []
    if cell is not None:
        level = levels.at(place, [cell])[0]
    elif reached:
        level = reached[0]
    else:
        level = _nearest(levels, place)
        notes.append(
            f"No cell reaches {place.told()}: the nearest is shown, "
            f"{level.line.path_m / 1000.0:.1f} km away."
        )
    if not level.in_radius:
        notes.append(
            f"{level.cell.cell_id} is {level.line.path_m / 1000.0:.1f} km away, beyond its radius "
            f"of {level.cell.radius_m / 1000.0:g} km: the plan does not count it here."
        )
    propagation = levels.propagation
    notes += _how_sure(levels, land, level)
    study = study_line(
        level.line,
        freq_mhz=level.cell.carrier.downlink_freq_mhz,
        models=[propagation.model, *models],
        settings=propagation,
        k_low=k_low,
    )
    disturbing_mw, count = disturbance(level, reached)
    budget = None
    if not level.loss.known:
        notes.append(f"There is no level and no budget: {level.loss.why_not}.")
    if level.loss.known:
        budget = path_budget(
            level.cell,
            levels.handset,
            services,
            path_loss_db=level.loss.path_loss_db,
            gain_dbi=level.gain_dbi,
            learnt_db=level.learnt_db,
            disturbing_mw=disturbing_mw,
            disturbers=count,
            sigma_db=level_sigma_db(propagation, levels.handset, levels.network),
        )
    return (
        replace(
            study,
            level=level,
            budget=budget,
            notes=(*study.notes, *notes),
            cover_at_edge=_cover(land, study),
        ),
        reached,
        without,
    )


def _how_sure(levels: Levels, land: Land, level: CellLevel) -> list[str]:
    """Return on what the level rests and how sure it is; nothing without a calibration."""
    calibration = levels.propagation.calibration
    if not isinstance(calibration, CalibratedPaths) or not level.loss.known:
        return []
    known = KnownLevels(calibration, land, levels.propagation.total_sigma_db)
    freq_mhz = level.cell.carrier.downlink_freq_mhz
    found = known.at(level.cell, level.mast, path_end(level.line, level.loss, freq_mhz, land))
    return [
        f"The level is known to ± {found.half_db[0]:.1f} dB outdoors (90 %); it is "
        f"{BASES[int(found.basis[0])]}, and the residual field adds {found.field_db[0]:+.1f} dB."
    ]


def _nearest(levels: Levels, place: End) -> CellLevel:
    """Return the strongest cell of the nearest mast that has a path to a place."""
    by_distance = sorted(
        {cell.mast_id for cell in levels.network.cells},
        key=lambda mast_id: (levels.distance_m(mast_id, place), mast_id),
    )
    last: DataError | None = None
    for mast_id in by_distance:
        cells = [cell for cell in levels.network.cells if cell.mast_id == mast_id]
        try:
            found = [level for level in levels.at(place, cells) if level.loss.known]
        except DataError as error:
            last = last or error
            continue
        if found:
            return max(found, key=lambda level: level.rsrp_dbm)
    raise last or DataError(f"no cell has a path to {place.told()}: name one with --cell")


def _cover(land: Land, study: PathStudy) -> str:
    """Return the land cover at the edge that decides, where it stands above the ground."""
    edge = study.median.edge
    if land.clutter_class is None or edge.what != "clutter":
        return ""
    share = edge.distance_m / study.line.path_m
    row = study.line.tx.row + share * (study.line.rx.row - study.line.tx.row)
    col = study.line.tx.col + share * (study.line.rx.col - study.line.tx.col)
    return land.clutter_names.get(int(land.clutter_class[round(row), round(col)]), "")


def find_cell(network: Network, cell_id: str) -> Cell:
    """Return a cell by its id.

    Raises
    ------
    ConfigError
        There is none; names the nearest ids.
    """
    by_id = {cell.cell_id: cell for cell in network.cells}
    if cell_id in by_id:
        return by_id[cell_id]
    folded = [c for c in by_id if search_key(c) == search_key(cell_id)]
    if len(folded) == 1:
        return by_id[folded[0]]
    on_mast = [cell.cell_id for cell in network.cells if cell.mast_id == cell_id]
    if on_mast:
        raise ConfigError(
            f"{cell_id!r} is a mast, wanted one of its cells: {', '.join(on_mast[:12])}"
        )
    raise ConfigError(f"no cell {cell_id!r} in the network: {_near(cell_id, list(by_id))}")


def find_village(land: Land, name: str) -> tuple[str, float, float]:
    """Return name and place (latitude, longitude) of a village by its name or id.

    Raises
    ------
    ConfigError
        As `village_row`.
    """
    one = land.villages.iloc[village_row(land, name)]
    return str(one["name"] or one["village_id"]), float(one["lat_deg"]), float(one["lon_deg"])


def village_row(land: Land, name: str, *, commune: str = "") -> int:
    """Return the row of a village by its name or id.

    Case and diacritics do not count.

    Parameters
    ----------
    land : Land
    name : str
    commune : str
        Name or code of the commune, where several villages may have the name.

    Raises
    ------
    ConfigError
        There is none, or several of the name; says which ids or near names there are.
    """
    table = land.villages
    ids, names = table["village_id"].astype(str), table["name"].astype(str)
    at = np.flatnonzero(ids == name)
    if not at.size:
        at = np.flatnonzero(names == name)
    for texts in (names, ids):
        if not at.size:
            at = np.flatnonzero([search_key(text) == search_key(name) for text in texts])
    if not at.size:
        raise ConfigError(f"no village {name!r} in the area: {_near(name, [*names, *ids])}")
    if commune:
        own = [str(table[column].iloc[row]) for row in at for column in ("commune", "commune_code")]
        there = [k // 2 for k, text in enumerate(own) if _bare(text) == _bare(commune)]
        if not there:
            raise ConfigError(
                f"the village {name!r} is in {', '.join(dict.fromkeys(own[::2])) or 'no commune'}, "
                f"not in {commune!r}: correct one of the two"
            )
        at = at[sorted(set(there))]
    if at.size > 1:
        told = ", ".join(
            f"{table['village_id'].iloc[row]} ({table['commune'].iloc[row] or 'no commune'})"
            for row in at[:8]
        )
        raise ConfigError(
            f"{at.size} villages are called {name!r}: wanted the id of one of them, {told}"
        )
    return int(at[0])


def _bare(commune: str) -> str:
    """Return a commune's name as it is compared: what kind of commune it is may be left out."""
    return re.sub(r"^(?:xa|phuong|thi tran|commune)\s+", "", search_key(commune))


def _near(wanted: str, known: Sequence[str]) -> str:
    """Return which known names are near a wanted one, for a message."""
    by_fold = {search_key(name): name for name in known if name}
    near = get_close_matches(search_key(wanted), list(by_fold), n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(by_fold[key] for key in near)}?"
    some = list(dict.fromkeys(name for name in known if name))
    return f"known are {', '.join(some[:8])}{' …' if len(some) > 8 else ''}"
